"""How a program ended and what it had printed, as the outcome of its command and in words."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any

from runner.ground.errors import Failure
from runner.ground.json_text import NotJson, parse_json
from runner.ground.json_value import Json
from runner.ground.plain import last_line
from runner.world.calls import CallDone, CallFailed, CommandCall, Outcome

_HINTS: Mapping[int, str] = {126: " (a command in it could not be executed)", 127: " (a command in it was not found)"}
_SIGNAL_HINTS: Mapping[str, str] = {
    "SIGKILL": "; the system may have run out of memory",
    "SIGSEGV": "; it crashed by touching memory that is not its own",
    "SIGXCPU": "; it used up its processor time",
    "SIGXFSZ": "; it wrote a file larger than it may",
}
_SHELL_BASE = 128
_REQUESTS = frozenset({"SIGINT", "SIGTERM", "SIGHUP"})


def judged(call: CommandCall, stdout: bytes, stderr: bytes, code: int) -> Outcome:
    """The outcome of a command, by its `ok_exit` and `parse`. A negative `code` is the signal that killed it."""
    printed, complained = decoded(stdout), decoded(stderr)
    output = {"stdout": printed, "stderr": complained, "text": printed.removesuffix("\n"), "exit_code": exit_code(code)}
    program = call.argv[0]
    if output["exit_code"] not in call.ok_exit:
        message = how_ended(f"'{program}'", code) + last_words(printed, complained)
        return CallFailed(Failure("tool_failed", message, {"program": program, **details(code)}), output)
    if call.parse == "lines":
        return CallDone({**output, "lines": lines(printed)})
    return _parsed(program, stdout, output) if call.parse == "json" else CallDone(output)


def was_asked_to_end(outcome: Outcome) -> bool:
    """Whether a program was ended by a signal by which one asks for that: Ctrl-C's, that of `kill`, a hang-up."""
    return isinstance(outcome, CallFailed) and outcome.failure.details.get("signal") in _REQUESTS


def lines(text: str) -> list[str]:
    """The lines of a text without their ends (`\\n` or `\\r\\n`); none of an empty one."""
    found = text.split("\n")
    return [line.removesuffix("\r") for line in (found if found[-1] else found[:-1])]


def _parsed(program: str, stdout: bytes, output: dict[str, Json]) -> Outcome:
    try:
        return CallDone({**output, "json": parse_json(stdout.decode())})
    except UnicodeDecodeError as error:
        reason = f"byte {error.start} is not UTF-8"
    except NotJson as error:
        reason = str(error)
    message = f"what '{program}' printed is not JSON: {reason}"
    return CallFailed(Failure("output_invalid", message, {"program": program}), output)


def decoded(written: bytes) -> str:
    """What a program wrote, as text; bytes that are not UTF-8 become U+FFFD."""
    return written.decode("utf-8", "replace")


def exit_code(code: int) -> int:
    """The exit code as shells count it: 128 and the signal's number for what a signal killed."""
    return code if code >= 0 else _SHELL_BASE - code


def signal_name(code: int) -> str:
    """The name of the signal that killed it, or nothing."""
    if code >= 0:
        return ""
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def how_ended(name: str, code: int) -> str:
    """How a program ended."""
    killed_by = signal_name(code)
    if killed_by:
        return f"{name} was killed by {killed_by}{_SIGNAL_HINTS.get(killed_by, '')}"
    return f"{name} ended with exit code {code}{_HINTS.get(code, '')}"


def last_words(stdout: str, stderr: str) -> str:
    """The last line that a program printed, preferably to stderr, as the end of a message."""
    said = last_line(stderr) or last_line(stdout)
    return f": {said}" if said else ""


def details(code: int) -> dict[str, Any]:
    """The facts of an ending, for the error's details."""
    name = signal_name(code)
    return {"exit_code": exit_code(code), **({"signal": name} if name else {})}
