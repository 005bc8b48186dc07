"""What commands print: a run's result in words or as one JSON document, and problems of files."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click

from runner.errors import (
    EXIT_CANCELLED,
    EXIT_COMPLETED,
    EXIT_FAILED,
    EXIT_PAUSED,
)
from runner.events import StepWaiting
from runner.plain import one_line, plain
from runner.runs import RunResult

Json = Any

EXITS = {"completed": EXIT_COMPLETED, "failed": EXIT_FAILED, "paused": EXIT_PAUSED, "cancelled": EXIT_CANCELLED}


def say(text: str = "") -> None:
    """A line for people, on stderr."""
    click.echo(plain(text), err=True)


def tell(text: str = "") -> None:
    """A line of the command's own output."""
    click.echo(plain(text))


def as_typed(choice: Json) -> str:
    """A choice as a person types it."""
    return choice if isinstance(choice, str) else json.dumps(choice)


def answer_command(run: str, waiting: StepWaiting) -> str:
    """The command that answers a waiting step."""
    if waiting.choices:
        first = waiting.choices[0]
        value = first if isinstance(first, str) else json.dumps(first)
    else:
        value = "VALUE" if waiting.schema is None else "JSON"
    return f"wf answer {run} {shlex.quote(waiting.step)} {shlex.quote(value)} --resume"


def signal_command(run: str, name: str) -> str:
    """The command that sends a signal that a step waits for."""
    return f"wf signal {run} {shlex.quote(name)} --resume"


def going_on(run: str, waiting: StepWaiting) -> str | None:
    """The command that lets a waiting step go on, if a person can."""
    if waiting.kind == "person":
        return answer_command(run, waiting)
    return signal_command(run, next(iter(waiting.signals.values()))) if waiting.signals else None


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
                "kind": waiting.kind,
                "prompt": waiting.prompt,
                "command": going_on(result.run, waiting),
            }
            for waiting in result.waiting
        ],
        "cost_usd": result.cost_usd,
        "tokens": result.tokens,
    }


def tell_result(result: RunResult, *, quiet: bool) -> None:
    """A run's result in words: outputs on stdout, all else on stderr."""
    if result.status == "completed":
        for name, value in result.outputs.items():
            tell(f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")
    if quiet and result.status == "completed":
        return
    cost = "cost unknown" if result.cost_usd is None else f"${result.cost_usd:.4f}"
    used = f", {result.tokens} tokens, {cost}" if result.tokens else ""
    say(f"run {result.run} {result.status}: {result.steps} steps{used}")
    if result.error is not None:
        _say_error(result.error)
    if result.status == "paused":
        _say_waiting(result)


def _say_error(error: Mapping[str, Json]) -> None:
    where = f" at {error['step']}" if error["step"] else ""
    say(f"error: {error['type']}{where}: {error['message']}")
    for key in ("stderr", "traceback"):
        if text := error["details"].get(key):
            say("\n".join(f"  {line}" for line in str(text).rstrip().splitlines()[-12:]))


def _say_waiting(result: RunResult) -> None:
    for waiting in result.waiting:
        if waiting.kind == "person":
            say(f"{waiting.step} waits for a person: {one_line(waiting.prompt, 300)}")
            if waiting.choices:
                say(f"  one of: {', '.join(map(as_typed, waiting.choices))}")
            say(f"  {answer_command(result.run, waiting)}")
        for name in waiting.signals.values():
            say(f"{waiting.step} waits for the signal '{name}'")
            say(f"  {signal_command(result.run, name)}")
        if waiting.until is not None:
            say(
                f"  {waiting.step}: its time comes at {moment(waiting.until)}, "
                "but nothing happens by itself while the run is paused"
            )
    if not any(waiting.kind in ("person", "signal") for waiting in result.waiting):
        say(f"  wf resume {result.run}")


def moment(at: float) -> str:
    """A time as text: UTC, to the second."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
