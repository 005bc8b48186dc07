"""What commands print of a run: how it stands, in words or as one JSON document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec.structs import replace

from runner.cli.speaking import say, tell
from runner.engine.runs import RunResult
from runner.engine.takeover import Takeover
from runner.ground.advice import command_line, resume_command, secret_words
from runner.ground.clock import SystemClock, moment
from runner.ground.errors import (
    EXIT_CANCELLED,
    EXIT_COMPLETED,
    EXIT_FAILED,
    EXIT_PAUSED,
)
from runner.ground.json_value import Json
from runner.ground.plain import counted, one_line, plain
from runner.nodes.composites import human, wait
from runner.record.address import ROOT
from runner.record.answers import as_typed, example_answer
from runner.record.events import UNANSWERED, StepWaiting
from runner.seeing.subscribers.lines import spent
from runner.travel.given_edits import in_brief
from runner.travel.verdicts import table

EXITS = {"completed": EXIT_COMPLETED, "failed": EXIT_FAILED, "paused": EXIT_PAUSED, "cancelled": EXIT_CANCELLED}

_AS_NAMED = ("signal", "mock", "replay", "turn", "budget")

KINDS = {"person": human.KIND.verb, "timer": wait.KIND.verb} | {kind: kind for kind in _AS_NAMED}
"""What a step waits for: a person (`human`), a time (`wait`), a signal, a scripted reply (`mock`), a recorded one
(`replay`), its model's turn, its budget."""

_LONGEST_DIFF = 100
_ASKS = "   # asks from here on, and records it"


def command_for(result: RunResult, waiting: StepWaiting) -> str:
    """The command that lets a waiting step go on: it answers, sends a signal, or goes on when the time has come."""
    run, secrets = result.run, result.secrets
    has_passed = waiting.until is not None and waiting.until <= SystemClock().now()
    if has_passed or waiting.step in result.answered:
        return resume_command(run, secrets)
    if waiting.signals:
        return signal_command(run, next(iter(waiting.signals.values())), secrets)
    if waiting.kind != "person":
        return lacking_command(run, waiting, secrets)
    value, options = example_answer(waiting), ["--resume", *secret_words(secrets)]
    if value.startswith("-"):
        return command_line("answer", run, waiting.step, *options, value=value)
    return command_line("answer", run, waiting.step, value, *options)


def signal_command(run: str, name: str, secrets: Sequence[str] = ()) -> str:
    """The command that sends a signal that a step waits for."""
    return command_line("signal", run, name, "--resume", *secret_words(secrets))


def reply_command(run: str, kind: str, secrets: Sequence[str] = ()) -> str:
    """The command that goes on with a run: with more scripted replies, or by asking, where a cassette ends."""
    option = "--mock" if kind == "mock" else "--record"
    return command_line("resume", run, option, "FILE", *secret_words(secrets))


def lacking_command(run: str, waiting: StepWaiting, secrets: Sequence[str] = ()) -> str:
    """The command that goes on with a run of which a step lacks something, once that is there."""
    if waiting.kind in UNANSWERED:
        return reply_command(run, waiting.kind, secrets)
    if waiting.kind == "budget":
        return command_line("resume", run, *_raising(by_option=waiting.raised_by_option), *secret_words(secrets))
    return resume_command(run, secrets)


def _raising(*, by_option: bool) -> tuple[str, str]:
    """The words of a command that raise a budget."""
    return ("--max-cost", "USD") if by_option else ("--workflow", "FILE")


_LACKED = {"mock": "a scripted reply", "budget": "a larger budget"}


def document(result: RunResult) -> dict[str, Json]:
    """A run's result as `--json` prints it."""
    return {
        "run": result.run,
        "workflow": result.workflow,
        "status": result.status,
        "outputs": dict(result.outputs),
        "error": result.error,
        "waiting": [
            {
                "step": waiting.step,
                "kind": KINDS[waiting.kind],
                "prompt": waiting.prompt,
                **_to_approve(waiting),
                "command": command_for(result, waiting),
                **({"answered": True} if waiting.step in result.answered else {}),
            }
            for waiting in result.waiting
        ],
        "cost_usd": result.cost_usd,
        "tokens": result.tokens,
        **({} if result.takeover is None else {"takeover": msgspec.to_builtins(result.takeover)}),
    }


def _to_approve(waiting: StepWaiting) -> dict[str, Json]:
    """The call that a person is to approve, if that is what is waited for."""
    approval = waiting.approval
    return {} if approval is None else {"approval": msgspec.to_builtins(replace(approval, seal="", frees=""))}


def say_takeover(takeover: Takeover, *, quiet: bool) -> None:
    """What a run takes over of its past, before it goes on; of a quiet one what it is warned of."""
    lines = [
        *table(takeover.steps),
        *(f"  {'added':<10} {place}: {in_brief(value)}" for place, value in takeover.added.items()),
        *(f"  {'dropped':<10} {place}" for place in takeover.dropped),
    ]
    for line in () if quiet else lines:
        say(line)
    for warning in takeover.warnings:
        say_warning(warning)


def say_warning(words: str) -> None:
    """What a person should know of, though the run goes on."""
    say(f"warning: {words}")


def tell_result(result: RunResult, *, quiet: bool, outputs: bool = True) -> None:
    """A run's result in words: outputs on stdout, all else on stderr."""
    if result.status == "completed" and outputs:
        for name, value in result.outputs.items():
            tell(f"{name}: {as_typed(value)}")
    if quiet and result.status == "completed":
        return
    used = spent(result.known_tokens, result.cost_usd, result.tokens is not None)
    say(f"run {result.run} {result.status}: {counted(result.steps, 'step')}{f', {used}' if used else ''}")
    if result.error is not None and result.status == "cancelled":
        say(f"  {result.error['message']}")  # that it was cancelled is no error of it
    elif result.error is not None:
        _say_error(result.error)
        _say_raising(result.run, result.error, result.secrets)
    if result.status == "paused":
        _say_waiting(result)


def where(error: Mapping[str, Json]) -> str:
    """Where an error arose: its step; an entry of `outputs` with its line in the file."""
    if not error["step"]:
        return ""
    details = error["details"]
    line = f" ({details['file']}:{details['line']})" if details.keys() >= {"output", "file", "line"} else ""
    return f" at {error['step']}{line}"


def _say_error(error: Mapping[str, Json]) -> None:
    say(f"error: {error['type']}{where(error)}: {error['message']}")
    for key in ("stderr", "traceback"):
        if text := error["details"].get(key):
            say("\n".join(f"  {line}" for line in str(text).rstrip().splitlines()[-12:]))


def _say_turns(turns: Sequence[StepWaiting]) -> bool:
    """Say how many calls wait for their turn to ask a model, and why the first does; whether any does."""
    if turns:
        say(f"{counted(len(turns), 'call')} waiting for a turn, first {turns[0].step}: {one_line(turns[0].prompt)}")
    return bool(turns)


def _say_raising(run: str, error: Mapping[str, Json], secrets: Sequence[str]) -> None:
    """How a run goes on that failed for want of money or tokens."""
    while error["type"] == "workflow_failed" and "error" in error["details"]:
        error = error["details"]["error"]
    details = error["details"]
    if (error["type"], details.get("source")) == ("credit_exhausted", "budget"):
        by_option = details.get("of") == ROOT and details.get("limit") == "max_cost_usd"
        say(f"  {command_line('retry', run, *_raising(by_option=by_option), *secret_words(secrets))}")


def _say_lacking(result: RunResult) -> None:
    """What steps lack, those together that lack the same, and the commands that go on once it is there."""
    lacking = [waiting for waiting in result.waiting if waiting.kind in _LACKED]
    alike: dict[tuple[str, str], list[str]] = {}
    for waiting in lacking:
        alike.setdefault((_LACKED[waiting.kind], waiting.prompt), []).append(waiting.step)
    for (what, prompt), steps in alike.items():
        others = f" and {len(steps) - 1} more wait" if len(steps) > 1 else " waits"
        say(f"{steps[0]}{others} for {what}: {one_line(prompt, 300)}")
    for command in dict.fromkeys(lacking_command(result.run, waiting, result.secrets) for waiting in lacking):
        say(f"  {command}")


def _say_waiting(result: RunResult) -> None:
    for waiting in result.waiting:
        if waiting.kind == "person":
            whole = waiting.approval is not None  # who approves a call has seen all of it
            asked = waiting.prompt if whole else one_line(waiting.prompt, 300)
            say(f"{waiting.step} waits for a person: {asked}")
            if waiting.choices:
                say(f"  one of: {', '.join(map(as_typed, waiting.choices))}")
            say(f"  {command_for(result, waiting)}")
        if waiting.kind == "replay":
            _say_unrecorded(waiting)
        for name in waiting.signals.values():
            say(f"{waiting.step} waits for the signal '{name}'")
            say(f"  {signal_command(result.run, name, result.secrets)}")
        if waiting.until is not None:
            say(f"{waiting.step}: its time comes at {moment(waiting.until)}, but while the run is paused that does")
            say(f"  nothing by itself; from then on: {resume_command(result.run, result.secrets)}")
    _say_lacking(result)
    if any(waiting.kind == "replay" for waiting in result.waiting):
        say(f"  {reply_command(result.run, 'replay', result.secrets)}{_ASKS}")
    has_turns = _say_turns([waiting for waiting in result.waiting if waiting.kind == "turn"])
    if has_turns or not result.waiting:
        say(f"  {resume_command(result.run, result.secrets)}")
    if result.variables:
        say(f"  ({' and '.join(result.variables)} must be set)")


def _say_unrecorded(waiting: StepWaiting) -> None:
    """Which call no cassette holds, and how the nearest that is there differs."""
    first, *diff = waiting.prompt.splitlines() or [""]
    say(f"error: {one_line(first, 300)}")
    for line in diff[:_LONGEST_DIFF]:
        say(f"  {plain(line)}")
    if len(diff) > _LONGEST_DIFF:
        say(f"  … {counted(len(diff) - _LONGEST_DIFF, 'line')} more")
