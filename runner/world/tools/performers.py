"""Who performs which call. The engine imports this when it starts; what runs before need not wait for asyncio."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from runner.world.calls import (
    Attempt,
    Call,
    CallFailed,
    CommandCall,
    Context,
    FileCall,
    FilesCall,
    HttpCall,
    ListToolsCall,
    McpCall,
    Outcome,
    Performer,
    PythonCall,
    ReadCall,
    WriteCall,
)
from runner.world.tools.commands import perform_command
from runner.world.tools.file_tools import perform_files
from runner.world.tools.files import perform_read, perform_write
from runner.world.tools.http import perform_http
from runner.world.tools.mcp import perform_list_tools, perform_mcp
from runner.world.tools.model_files import perform_file
from runner.world.tools.python import perform_python
from runner.world.tools.refusal import Refusal, refused_gate


def _performer(kind: type[Call], perform: Callable[[Any, Attempt, Context], Awaitable[Outcome]]) -> Performer:
    """What performs calls of one kind: what it refuses has failed. Raises TypeError for another call."""

    async def performer(attempt: Attempt, context: Context) -> Outcome:
        if not isinstance(attempt.call, kind):
            raise TypeError(f"{perform} was given {attempt.call!r}")
        try:
            return await perform(attempt.call, attempt, context)
        except Refusal as refusal:
            if refusal.failure.type == "permission_denied":
                context.passed(refused_gate(attempt.call.gate, refusal))
            return CallFailed(refusal.failure)

    return performer


PERFORMERS: Mapping[type[Call], Performer] = {
    CommandCall: _performer(CommandCall, perform_command),
    PythonCall: _performer(PythonCall, perform_python),
    ReadCall: _performer(ReadCall, perform_read),
    WriteCall: _performer(WriteCall, perform_write),
    FileCall: _performer(FileCall, perform_file),
    FilesCall: _performer(FilesCall, perform_files),
    HttpCall: _performer(HttpCall, perform_http),
    ListToolsCall: _performer(ListToolsCall, perform_list_tools),
    McpCall: _performer(McpCall, perform_mcp),
}
