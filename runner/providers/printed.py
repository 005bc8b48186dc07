"""What a program is said to have printed, as the outcome of its command."""

from __future__ import annotations

from typing import Any

from runner.calls import CommandCall, Done, Failed, Outcome
from runner.errors import Failure
from runner.json_text import NotJson, parse_json

Json = Any


def judged(call: CommandCall, stdout: str = "", stderr: str = "", exit_code: int = 0) -> Outcome:
    """The outcome of a command that printed this and ended so: by its `ok_exit` and `parse`."""
    program = call.argv[0]
    output = {"stdout": stdout, "stderr": stderr, "text": stdout.removesuffix("\n"), "exit_code": exit_code}
    if exit_code not in call.ok_exit:
        return Failed(
            Failure("tool_failed", f"'{program}' ended with exit code {exit_code}", {"program": program}), output
        )
    if call.parse == "lines":
        return Done({**output, "lines": _lines(stdout)})
    return _parsed(program, output) if call.parse == "json" else Done(output)


def _lines(text: str) -> list[str]:
    found = text.split("\n")
    return [line.removesuffix("\r") for line in (found if found[-1] else found[:-1])]


def _parsed(program: str, output: dict[str, Json]) -> Outcome:
    try:
        return Done({**output, "json": parse_json(output["stdout"])})
    except NotJson as error:
        message = f"what '{program}' printed is not JSON: {error}"
        return Failed(Failure("output_invalid", message, {"program": program}), output)
