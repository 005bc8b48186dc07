"""Who performs which call. The engine imports this when it starts; what runs before need not wait for asyncio."""

from __future__ import annotations

from collections.abc import Mapping

from runner.world.calls import Call, CommandCall, Performer, PythonCall, ReadCall, WriteCall
from runner.world.tools.commands import perform_command
from runner.world.tools.files import perform_read, perform_write
from runner.world.tools.python import perform_python

PERFORMERS: Mapping[type[Call], Performer] = {
    CommandCall: perform_command,
    PythonCall: perform_python,
    ReadCall: perform_read,
    WriteCall: perform_write,
}
