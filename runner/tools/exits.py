"""What a refused start, an exit code or a signal means, in words."""

from __future__ import annotations

import errno
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runner.plain import last_line
from runner.tools.child import Finished, Launch
from runner.tools.refusal import Refusal

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
_HINTS: Mapping[int, str] = {126: " (a command in it could not be executed)", 127: " (a command in it was not found)"}
_SIGNAL_HINTS: Mapping[str, str] = {
    "SIGKILL": "; the system may have run out of memory",
    "SIGSEGV": "; it crashed by touching memory that is not its own",
    "SIGXCPU": "; it used up its processor time",
    "SIGXFSZ": "; it wrote a file larger than it may",
}
_SHELL_BASE = 128


def not_started(launch: Launch, error: OSError) -> Refusal:
    """Why a program did not start."""
    name, cwd = launch.name, launch.cwd
    if not Path(cwd).is_dir():
        return Refusal("file_io", f"can't run {name} in '{cwd}': there is no such folder", cwd=cwd)
    return Refusal(
        "tool_failed",
        f"can't run {name}: {_reason(launch.executable, error)}",
        program=launch.argv[0],
        errno=error.errno,
    )


def _reason(executable: str, error: OSError) -> str:
    if error.errno == errno.ENOENT and Path(executable).exists():
        return "the interpreter that its first line names does not exist"
    if error.errno == errno.ENOENT:
        return "there is no such file"
    return _REASONS.get(error.errno or 0, error.strerror or "the system refused it")


def exit_code(finished: Finished) -> int:
    """The exit code as shells count it: 128 and the signal's number for what a signal killed."""
    return finished.code if finished.code >= 0 else _SHELL_BASE - finished.code


def signal_name(finished: Finished) -> str:
    """The name of the signal that killed it, or nothing."""
    if finished.code >= 0:
        return ""
    try:
        return signal.Signals(-finished.code).name
    except ValueError:
        return f"signal {-finished.code}"


def how_ended(name: str, finished: Finished) -> str:
    """How a program ended."""
    killed_by = signal_name(finished)
    if killed_by:
        return f"{name} was killed by {killed_by}{_SIGNAL_HINTS.get(killed_by, '')}"
    return f"{name} ended with exit code {finished.code}{_HINTS.get(finished.code, '')}"


def last_words(finished: Finished) -> str:
    """The last line that a program printed, preferably to stderr, as the end of a message."""
    said = last_line(decoded(finished.written["stderr"])) or last_line(decoded(finished.written["stdout"]))
    return f": {said}" if said else ""


def details(finished: Finished) -> dict[str, Any]:
    """The facts of an ending, for the error's details."""
    name = signal_name(finished)
    return {"exit_code": exit_code(finished), **({"signal": name} if name else {})}


def decoded(written: bytes) -> str:
    """What a program wrote, as text; bytes that are not UTF-8 become U+FFFD."""
    return written.decode("utf-8", "replace")
