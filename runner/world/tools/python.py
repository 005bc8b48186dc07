"""Calls a function of a Python file, in a process of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from runner.ground.errors import Failure
from runner.ground.json_text import NotJson, parse_json
from runner.ground.plain import head, tail
from runner.world.calls import Attempt, CallDone, CallFailed, Context, Outcome, PythonCall
from runner.world.program_exits import decoded, details, how_ended
from runner.world.tools.child import Finished, Launch, run
from runner.world.tools.environment import child_environment, passed
from runner.world.tools.paths import check_text, near_names
from runner.world.tools.refusal import Refusal
from runner.world.tools.starts import not_started

HOST = str(Path(__file__).with_name("python_host.py"))
OPTIONS = ("-P", "-B", "-X", "utf8", "-X", "faulthandler")
"""No folder of ours on the path; no __pycache__ beside the user's files; UTF-8; the Python line of a crash."""
_LONGEST_MESSAGE = 2000
_LONGEST_TRACEBACK = 8000


async def perform_python(attempt: Attempt, context: Context) -> Outcome:
    """Call a PythonCall's function; the output is what it returned.

    The file needs no permission (the workflow names it); the environment does.
    """
    call = attempt.call
    if not isinstance(call, PythonCall):
        raise TypeError(f"perform_python was given {call!r}")
    try:
        finished = await _run(_permitted(call, attempt, context), context.grace)
        return _judged(call, finished)
    except Refusal as refusal:
        return CallFailed(refusal.failure)


def _permitted(call: PythonCall, attempt: Attempt, context: Context) -> Launch:
    passed_on = passed(call.pass_env, attempt.permissions.env, context.environment)
    check_text(call.cwd)
    _check_file(call)
    request = {"file": call.file, "function": call.function, "arguments": call.arguments}
    return Launch(
        f"tool '{call.tool}'",
        (sys.executable, *OPTIONS, HOST),
        sys.executable,
        call.cwd,
        child_environment(context, call.env, passed_on, attempt),
        json.dumps(request).encode(),
        result=True,
    )


def _check_file(call: PythonCall) -> None:
    check_text(call.file)
    file = Path(call.file)
    if not file.is_file():
        near = near_names(call.file, [str(file.parent)])
        raise Refusal(
            "file_io", f"tool '{call.tool}' is to be found in '{call.file}', which is no file{near}", path=call.file
        )


async def _run(launch: Launch, grace: float) -> Finished:
    try:
        return await run(launch, grace)
    except OSError as error:
        raise not_started(launch, error) from error


def _judged(call: PythonCall, finished: Finished) -> Outcome:
    name = f"tool '{call.tool}'"
    try:
        report = parse_json(decoded(finished.written["result"]))
    except NotJson:  # it ended before it had reported, or while it did
        facts = {
            "tool": call.tool,
            **details(finished.code),
            "stderr": tail(decoded(finished.written["stderr"]), _LONGEST_TRACEBACK),
        }
        return CallFailed(Failure("tool_failed", f"{how_ended(name, finished.code)} before it gave a result", facts))
    match report:
        case {"result": result}:
            return CallDone(result)
        case {"refused": str(reason)}:
            message = f"{name}: {head(reason, _LONGEST_MESSAGE)}"
            return CallFailed(Failure("output_invalid", message, {"tool": call.tool}))
        case {"error": {"type": str(kind), "message": str(message), "traceback": str(trace)}}:
            facts = {"tool": call.tool, "exception": kind, "traceback": tail(trace, _LONGEST_TRACEBACK)}
            return CallFailed(Failure("tool_failed", f"{name}: {head(message, _LONGEST_MESSAGE)}", facts))
    return CallFailed(
        Failure(
            "output_invalid", f"{name} wrote something of its own into the pipe for its result", {"tool": call.tool}
        )
    )
