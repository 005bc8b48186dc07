"""How a program ended and what it had printed, as the outcome of its command and in words."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from runner.ground.errors import Failure
from runner.ground.json_text import MAX_VALUES, NotJson, TooManyValues, parse_json
from runner.ground.plain import head, last_line
from runner.record.event_parts import Printed
from runner.world.calls import Call, CallDone, CallFailed, CommandCall, Outcome

NOT_FOUND = 127
"""The exit code of a shell, or of env, that does not find a program."""

_HINTS: Mapping[int, str] = {
    126: " (a command in it could not be executed)",
    NOT_FOUND: " (a command in it was not found)",
}
_SIGNAL_HINTS: Mapping[str, str] = {
    "SIGKILL": "; the system may have run out of memory",
    "SIGSEGV": "; it crashed by touching memory that is not its own",
    "SIGXCPU": "; it used up its processor time",
    "SIGXFSZ": "; it wrote a file larger than it may",
}
_SHELL_BASE = 128
_FIRST_LINE = 256
_MEND_RETURNS = "which is taken for a part of the name before it: save it with line feeds alone (LF, not CRLF)"
_LINE_END = "\n"
_REQUESTS = frozenset({"SIGINT", "SIGTERM", "SIGHUP"})


LONGEST_QUOTED = 200
"""Characters of what a program printed that a message shows of its beginning."""

KEPT = 65_536
"""Bytes that are kept of what a program printed to each stream before it failed, or was cut off."""

MARGIN = 65_536
"""Further bytes that are looked at, so that a secret which begins before what is kept is masked as a whole."""


def judged(
    call: CommandCall, stdout: bytes, stderr: bytes, code: int, mask: Callable[[str], str] = str, file: str = ""
) -> Outcome:
    """The outcome of a command, by its `ok_exit` and `parse`. A negative `code` is the signal that killed it.

    `file` is the program's own.
    """
    output = _output(decoded(stdout), decoded(stderr), exit_code(code))
    program = call.argv[0]
    if output["exit_code"] not in call.ok_exit:
        printed = Printed(program, kept(stdout, mask), kept(stderr, mask))
        message = how_ended(f"'{program}'", code) + last_words(printed.stdout, printed.stderr)
        if code == NOT_FOUND:
            message += returned(file, call.argv[-1])
        return CallFailed(Failure("tool_failed", message, details(printed, code)), output)
    if call.parse == "lines":
        found = lines(output["stdout"])
        if len(found) > MAX_VALUES:
            said = f"'{program}' printed {len(found):,} lines, and at most {MAX_VALUES:,} are read"
            printed = Printed(program, kept(stdout, mask), kept(stderr, mask))
            return cut_short(call, too_many(said, "print fewer", printed), printed)
        return CallDone({**output, "lines": found})
    return _parsed(call, stdout, output, mask) if call.parse == "json" else CallDone(output)


def _output(stdout: str, stderr: str, code: int | None) -> dict[str, Any]:
    return {"stdout": stdout, "stderr": stderr, "text": stdout.removesuffix("\n"), "exit_code": code}


def too_much(name: str, stream: str, most: int) -> Failure:
    """Why a program is ended that writes and writes."""
    message = f"{name} wrote more than {most >> 20} MiB to its {stream}; write to a file instead"
    return Failure("tool_failed", message, {"stream": stream})


def too_many(said: str, fewer: str, printed: Printed) -> Failure:
    """Why what a program gave is not taken, though it is not too long."""
    return Failure("tool_failed", f"{said}; {fewer}, or write them to a file and give its path", details(printed, 0))


def cut_short(call: Call, failure: Failure, printed: Printed | None) -> CallFailed:
    """The outcome of a call whose program was not let end by itself: with what it had printed until then."""
    if printed is None:
        return CallFailed(failure)
    output = _output(printed.stdout, printed.stderr, None) if isinstance(call, CommandCall) else None
    told = Failure(failure.type, failure.message, {**details(printed), **failure.details})
    return CallFailed(told, output)


def kept(written: bytes | bytearray, mask: Callable[[str], str]) -> str:
    """What is kept of what a program wrote to a stream, masked: of more than `KEPT` bytes the last whole lines."""
    window = bytes(written[-(KEPT + MARGIN) :])
    text = mask(decoded(window))
    if len(window) < len(written):
        text = text[len(mask(decoded(window[:MARGIN]))) :]  # what may have begun before the window is not masked
    inside = text.encode()
    if len(window) == len(written) and len(inside) <= KEPT:
        return text
    whole = inside[-KEPT:]
    return (whole[whole.find(b"\n", 0, -1) + 1 :]).decode("utf-8", "ignore")


def was_asked_to_end(outcome: Outcome) -> bool:
    """Whether a program was ended by a signal by which one asks for that: Ctrl-C's, that of `kill`, a hang-up."""
    return isinstance(outcome, CallFailed) and outcome.failure.details.get("signal") in _REQUESTS


def lines(text: str) -> list[str]:
    """The lines of a text without their ends (`\\n` or `\\r\\n`); none of an empty one."""
    found = text.split("\n")
    return [line.removesuffix("\r") for line in (found if found[-1] else found[:-1])]


def _parsed(call: CommandCall, stdout: bytes, output: dict[str, Any], mask: Callable[[str], str]) -> Outcome:
    try:
        return CallDone({**output, "json": parse_json(stdout.decode())})
    except UnicodeDecodeError as error:
        reason = f"byte {error.start} is not UTF-8"
    except TooManyValues as error:
        printed = Printed(call.argv[0], kept(stdout, mask), kept(output["stderr"].encode(), mask))
        failure = too_many(f"what '{call.argv[0]}' printed is too large: {error}", "print fewer", printed)
        return cut_short(call, failure, printed)
    except NotJson as error:
        reason = str(error)
    program = call.argv[0]
    printed = Printed(program, kept(stdout, mask), kept(output["stderr"].encode(), mask))
    came = first_words(mask(decoded(stdout[:MARGIN])), printed.stderr)
    message = f"what '{program}' printed is not JSON: {reason}{came}"
    return CallFailed(Failure("output_invalid", message, details(printed, output["exit_code"])), output)


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


def first_words(stdout: str, stderr: str) -> str:
    """What a program printed in the place of JSON, as the end of a message; nothing where JSON was begun."""
    return begins(stdout, f"nothing was printed{last_words('', stderr)}")


def begins(text: str, nothing: str) -> str:
    """What stands in the place of JSON, as the end of a message; nothing where JSON was begun. `nothing` is said of
    an empty text."""
    said = text.lstrip("\ufeff \t\r\n")
    if said.startswith(("{", "[")):
        return ""
    return f"; it begins: {head(said.partition(_LINE_END)[0].rstrip(), LONGEST_QUOTED)}" if said else f"; {nothing}"


def returned(file: str, text: str = "") -> str:
    """That carriage returns are why something was not found, as the end of a message: in a program's first line, which
    names its interpreter, or in a text that a shell was given."""
    if "\r\n" in text:
        return f"; the lines of the text end with a carriage return, {_MEND_RETURNS}"
    try:
        with Path(file).open("rb") as opened:
            line = opened.read(_FIRST_LINE).split(b"\n", 1)[0]
    except OSError:
        return ""
    if not (line.startswith(b"#!") and line.endswith(b"\r")):
        return ""
    return f"; its first line ends with a carriage return, {_MEND_RETURNS}"


def details(printed: Printed, code: int | None = None) -> dict[str, Any]:
    """The facts of an ending, for the error's details. Without a code it did not end by itself."""
    return {
        "program": printed.program,
        "exit_code": None if code is None else exit_code(code),
        "signal": (code is not None and signal_name(code)) or None,
        "stdout": printed.stdout,
        "stderr": printed.stderr,
    }
