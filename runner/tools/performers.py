"""Who performs which call. The engine imports this when it starts; what runs before need not wait for asyncio."""

from __future__ import annotations

from collections.abc import Mapping

from runner.calls import Call, CommandCall, Performer, PythonCall, ReadCall, WriteCall
from runner.tools.commands import perform_command
from runner.tools.files import perform_read, perform_write
from runner.tools.python import perform_python

PERFORMERS: Mapping[type[Call], Performer] = {
    CommandCall: perform_command,
    PythonCall: perform_python,
    ReadCall: perform_read,
    WriteCall: perform_write,
}
