"""Calls a function of a Python file, in a process of its own."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from runner.ground.json_text import NotJson, TooManyValues, parse_json
from runner.ground.plain import head, tail
from runner.record.event_parts import Printed
from runner.record.gates import Gate
from runner.workflow.compiler.modules import code_hash
from runner.workflow.loader_variables import STEP_VARIABLES
from runner.workflow.permission_hints import code_to_allow
from runner.workflow.permissions import Permissions
from runner.workflow.python_files import is_installed, may_run
from runner.world.calls import Attempt, CallDone, CallFailed, Context, Outcome, PythonCall
from runner.world.processes.fork_server import NotServed
from runner.world.processes.supervisor import VARIABLE
from runner.world.program_exits import cut_short, decoded, details, how_ended, too_many, too_much
from runner.world.tools.child_process import MAX_OUTPUT, Finished, Launch, run
from runner.world.tools.environment import child_environment, passed
from runner.world.tools.paths import check_text
from runner.world.tools.python_server import copied, server_for
from runner.world.tools.refusal import Refusal

HOST = str(Path(__file__).with_name("python_host.py"))
OPTIONS = ("-P", "-B", "-X", "utf8", "-X", "faulthandler")
"""No folder of ours on the path; no __pycache__ beside the user's files; UTF-8; the Python line of a crash."""
_LONGEST_MESSAGE = 2000
_LONGEST_TRACEBACK = 8000


async def perform_python(call: PythonCall, attempt: Attempt, context: Context) -> Outcome:
    """Call a function; the output is what it returned. Raises Refusal.

    What runs is the recorded text of the tool's files; what their paths hold by now does not matter.
    """

    def judge(finished: Finished) -> Outcome:
        printed = context.printout.read() or Printed(call.tool)
        if finished.flooded:
            return cut_short(call, too_much(f"tool '{call.tool}'", finished.flooded, MAX_OUTPUT), printed)
        return _judged(call, finished, printed)

    launch = _permitted(call, attempt, context)
    server = await server_for(call, launch, attempt, context)
    if server is not None:
        with suppress(NotServed):
            return await run(_served(call, launch), context, judge, partial(copied, server))
    return await run(_alone(call, launch), context, judge)


def _served(call: PythonCall, launch: Launch) -> Launch:
    """A launch that a copy of a server is given: what differs from call to call."""
    environment = {name: launch.environment[name] for name in STEP_VARIABLES - {VARIABLE}}
    request = {"function": call.function, "arguments": call.arguments, "environment": environment}
    return replace(launch, stdin=json.dumps(request).encode())


def _alone(call: PythonCall, launch: Launch) -> Launch:
    """A launch of a program of its own."""
    request = {
        "file": call.file,
        "modules": call.modules,
        "function": call.function,
        "arguments": call.arguments,
    }
    return replace(launch, stdin=json.dumps(request).encode())


def _permitted(call: PythonCall, attempt: Attempt, context: Context) -> Launch:
    passed_on = passed(call.pass_env, attempt.permissions, context.environment)
    check_text(call.cwd)
    _check_code(call, attempt.permissions)
    code = code_hash(call.file, call.modules)
    context.passed(Gate(call.gate, f"{call.file}:{call.function}", hash=code, variables=tuple(passed_on)))
    return Launch(
        f"tool '{call.tool}'",
        (sys.executable, *OPTIONS, HOST),
        sys.executable,
        call.cwd,
        child_environment(context, call.env, passed_on, attempt),
        result=True,
        program=call.tool,
    )


def _check_code(call: PythonCall, permissions: Permissions) -> None:
    """Refuse a tool unless each file that it is made of may be run."""
    check_text(call.file)
    for path in (call.file, *call.modules):
        if permissions.permit(partial(_may_run, path)):
            continue
        why = "it belongs to the Python installation" if is_installed(path) else code_to_allow(path, permissions)
        message = f"tool '{call.tool}' may not run '{path}': {why}"
        raise Refusal("permission_denied", message, tool=call.tool, path=path)


def _may_run(path: str, permissions: Permissions) -> bool:
    return may_run(path, permissions.python)


def _judged(call: PythonCall, finished: Finished, printed: Printed) -> Outcome:
    name = f"tool '{call.tool}'"
    try:
        report = parse_json(decoded(finished.written["result"]))
    except TooManyValues as error:
        return CallFailed(too_many(f"what {name} gave is too large: {error}", "return fewer", printed))
    except NotJson:  # it ended before it had reported, or while it did
        message = f"{how_ended(name, finished.code)} before it gave a result"
        raise Refusal("tool_failed", message, tool=call.tool, **details(printed, finished.code)) from None
    printed_too = {"stdout": printed.stdout, "stderr": printed.stderr}
    match report:
        case {"result": result}:
            return CallDone(result)
        case {"refused": str(reason)}:
            raise Refusal("output_invalid", f"{name}: {head(reason, _LONGEST_MESSAGE)}", tool=call.tool, **printed_too)
        case {"error": {"type": str(kind), "message": str(message), "traceback": str(trace)}}:
            said = head(message, _LONGEST_MESSAGE)
            facts = {"exception": kind, "message": said, "traceback": tail(trace, _LONGEST_TRACEBACK)}
            raise Refusal("tool_failed", f"{name}: {said}", tool=call.tool, **facts, **printed_too)
    message = f"{name} wrote something of its own into the pipe for its result"
    raise Refusal("output_invalid", message, tool=call.tool, **printed_too)
