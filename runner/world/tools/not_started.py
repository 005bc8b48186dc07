"""Why a program did not start, in words that help."""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from pathlib import Path

from runner.world.program_exits import returned
from runner.world.tools.refusal import Refusal

_REASONS: Mapping[int, str] = {
    errno.EACCES: "it is not executable, or lies in a folder that may not be entered",
    errno.ENOEXEC: "it is no program for this machine; a script needs a first line such as #!/bin/sh",
    errno.E2BIG: "its arguments and environment together are larger than the system takes; use stdin or a file",
    errno.EAGAIN: "the system can't start another process now",
    errno.ENOMEM: "there is not enough memory to start a process",
    errno.EMFILE: "wf has too many files open",
    errno.ENFILE: "the system has too many files open",
    errno.ETXTBSY: "it is being written to",
}
"""Why the system does not start a program."""


def not_started(name: str, argv: Sequence[str], executable: str, cwd: str, error: OSError) -> Refusal:
    """Why the program that a message calls `name` did not start."""
    if not Path(cwd).is_dir():
        return Refusal("file_io", f"can't run {name} in '{cwd}': there is no such folder", cwd=cwd)
    message = f"can't run {name}: {_reason(executable, error)}"
    return Refusal("tool_failed", message, program=argv[0], errno=error.errno)


def _reason(executable: str, error: OSError) -> str:
    if error.errno == errno.ENOENT and Path(executable).exists():
        return f"the interpreter that its first line names does not exist{returned(executable)}"
    if error.errno == errno.ENOENT:
        return "there is no such file"
    return _REASONS.get(error.errno or 0, error.strerror or "the system refused it")
