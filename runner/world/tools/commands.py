"""Runs a program: argv, never a shell."""

from __future__ import annotations

import os

from runner.workflow.programs import find_program, is_permitted, not_permitted
from runner.world.calls import Attempt, CommandCall, Context, Outcome
from runner.world.program_exits import judged
from runner.world.tools.child_process import Launch, run
from runner.world.tools.environment import check_argument, child_environment, encoded, passed, search_path
from runner.world.tools.large import beside
from runner.world.tools.paths import check_text
from runner.world.tools.refusal import Refusal


async def perform_command(call: CommandCall, attempt: Attempt, context: Context) -> Outcome:
    """Run a program; its output is `{stdout, stderr, text, exit_code}`, and what was parsed. Raises Refusal."""
    finished = await run(_permitted(call, attempt, context), context.grace)
    stdout, stderr = finished.written["stdout"], finished.written["stderr"]
    return await beside(len(stdout), judged, call, stdout, stderr, finished.code)


def _permitted(call: CommandCall, attempt: Attempt, context: Context) -> Launch:
    check_text(call.cwd)
    own = context.environment
    executable = _executable(call, attempt, search_path(own))
    passed_on = passed(call.pass_env, attempt.permissions.env, own)
    for position, argument in enumerate(call.argv):
        check_argument(argument, position)
    environment = child_environment(context, call.env, passed_on, attempt)
    stdin = encoded(call.stdin, "stdin")
    return Launch(f"'{call.argv[0]}'", call.argv, executable, call.cwd, environment, stdin)


def _executable(call: CommandCall, attempt: Attempt, search: str) -> str:
    program = call.argv[0] if call.argv else ""
    allowed = attempt.permissions.commands
    if not is_permitted(program, allowed, search, call.cwd):
        raise Refusal("permission_denied", not_permitted(program, allowed), program=program)
    found = find_program(program, search, call.cwd)
    if found is None and "/" not in program:
        raise Refusal("tool_failed", f"program '{program}' was not found; PATH is {search}", program=program)
    return found or os.path.join(call.cwd, program)  # noqa: PTH118 - starting it will say what is wrong with it
