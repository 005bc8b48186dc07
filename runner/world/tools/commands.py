"""Runs a program: argv, never a shell."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from runner.record.gates import Gate
from runner.workflow.permission_hints import program_refused
from runner.workflow.programs import find_program, is_permitted
from runner.world.calls import Attempt, CommandCall, Context, NoReply, Outcome
from runner.world.kept_outputs import beginning, cut_stream
from runner.world.long_streams import BEGINNING, LongStream
from runner.world.program_exits import cut_short, decoded, judged, too_much
from runner.world.tools.child_process import Finished, Launch, run
from runner.world.tools.environment import check_argument, child_environment, encoded, passed, search_path
from runner.world.tools.paths import check_text
from runner.world.tools.program_hashes import refuse_another
from runner.world.tools.refusal import Refusal


async def perform_command(call: CommandCall, attempt: Attempt, context: Context) -> Outcome:
    """Run a program; its output is `{stdout, stderr, text, exit_code}`, and what was parsed. Raises Refusal."""

    def judge(finished: Finished) -> Outcome:
        if finished.flooded:
            failure = too_much(f"'{call.argv[0]}'", finished.flooded, finished.long[finished.flooded].most)
            return cut_short(call, failure, context.printout.read())
        written, code = finished.written, finished.code
        outcome = judged(call, written["stdout"], written["stderr"], code, context.mask, launch.executable)
        return _with_files(outcome, finished.long, context) if finished.long else outcome

    launch = permitted_program(call, attempt, context)
    return await run(launch, context, judge)


def permitted_program(call: CommandCall, attempt: Attempt, context: Context) -> Launch:
    """How a program is started, if it may be. Raises Refusal."""
    check_text(call.cwd)
    own = context.environment
    executable = _executable(call, attempt, search_path(own))
    refuse_another(call.argv[0], executable, search_path(own), call.cwd, context.programs)
    passed_on = passed(call.pass_env, attempt.permissions, own)
    for position, argument in enumerate(call.argv):
        check_argument(argument, position)
    environment = child_environment(context, call.env, passed_on, attempt)
    stdin = encoded(call.stdin, "stdin")
    context.passed(Gate(call.gate, executable, variables=tuple(passed_on)))
    name, program = f"'{call.argv[0]}'", call.argv[0]
    keeps = not call.parse  # a part of what was printed can't be parsed
    return Launch(name, call.argv, executable, call.cwd, environment, stdin, program=program, keeps=keeps)


def _with_files(outcome: Outcome, long: Mapping[str, LongStream], context: Context) -> Outcome:
    """The outcome of a program with the beginnings of its long streams, and the files that hold the whole."""
    try:
        files = {name: stream.close() for name, stream in long.items()}
    except OSError as error:
        raise Refusal("file_io", f"can't keep what it printed: {error.strerror or error}") from error
    output: Any = {**outcome.output, "kept": files} if not isinstance(outcome, NoReply) else {}
    for name, stream in long.items():
        begin = beginning(context.mask(decoded(stream.beginning)), BEGINNING)
        output[name] = cut_stream(begin, stream.size, files[name])
    return replace(outcome, output={**output, "text": output["stdout"].removesuffix("\n")})


def _executable(call: CommandCall, attempt: Attempt, search: str) -> str:
    program = call.argv[0] if call.argv else ""
    if not attempt.permissions.permit(lambda one: is_permitted(program, one.commands, search, call.cwd)):
        message = program_refused(program, attempt.permissions, search, call.cwd)
        raise Refusal("permission_denied", message, program=program)
    found = find_program(program, search, call.cwd)
    if found is None and "/" not in program:
        raise Refusal("tool_failed", f"program '{program}' was not found; PATH is {search}", program=program)
    return found or os.path.join(call.cwd, program)  # noqa: PTH118 - starting it will say what is wrong with it
