"""Calls a function of a Python file, in a process of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from runner.ground.json_text import NotJson, parse_json
from runner.ground.plain import head, tail
from runner.world.calls import Attempt, CallDone, Context, Outcome, PythonCall
from runner.world.program_exits import decoded, details, how_ended
from runner.world.tools.child_process import Finished, Launch, run
from runner.world.tools.environment import child_environment, passed
from runner.world.tools.large import beside
from runner.world.tools.paths import check_text, near_names
from runner.world.tools.refusal import Refusal

HOST = str(Path(__file__).with_name("python_host.py"))
OPTIONS = ("-P", "-B", "-X", "utf8", "-X", "faulthandler")
"""No folder of ours on the path; no __pycache__ beside the user's files; UTF-8; the Python line of a crash."""
_LONGEST_MESSAGE = 2000
_LONGEST_TRACEBACK = 8000


async def perform_python(call: PythonCall, attempt: Attempt, context: Context) -> Outcome:
    """Call a function; the output is what it returned. Raises Refusal.

    The file needs no permission (the workflow names it); the environment does.
    """
    finished = await run(_permitted(call, attempt, context), context.grace)
    return await beside(len(finished.written["result"]), _judged, call, finished)


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
        message = f"tool '{call.tool}' is to be found in '{call.file}', which is no file{near}"
        raise Refusal("file_io", message, path=call.file)


def _judged(call: PythonCall, finished: Finished) -> Outcome:
    name = f"tool '{call.tool}'"
    try:
        report = parse_json(decoded(finished.written["result"]))
    except NotJson:  # it ended before it had reported, or while it did
        stderr = tail(decoded(finished.written["stderr"]), _LONGEST_TRACEBACK)
        message = f"{how_ended(name, finished.code)} before it gave a result"
        raise Refusal("tool_failed", message, tool=call.tool, **details(finished.code), stderr=stderr) from None
    match report:
        case {"result": result}:
            return CallDone(result)
        case {"refused": str(reason)}:
            raise Refusal("output_invalid", f"{name}: {head(reason, _LONGEST_MESSAGE)}", tool=call.tool)
        case {"error": {"type": str(kind), "message": str(message), "traceback": str(trace)}}:
            facts = {"tool": call.tool, "exception": kind, "traceback": tail(trace, _LONGEST_TRACEBACK)}
            raise Refusal("tool_failed", f"{name}: {head(message, _LONGEST_MESSAGE)}", **facts)
    message = f"{name} wrote something of its own into the pipe for its result"
    raise Refusal("output_invalid", message, tool=call.tool)
