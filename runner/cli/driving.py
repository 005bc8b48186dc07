"""Driving a run in this process: listeners, questions, signals, and the exit code."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import IO

import msgspec
from msgspec.structs import replace

from runner.cli.job_summary import JobSummary
from runner.cli.options import parse_answers
from runner.cli.printing import EXITS, document, say_takeover, say_warning, tell_result
from runner.cli.settings import concurrency, lease, wait_limit
from runner.cli.signals import GRACE, Signals
from runner.cli.speaking import in_actions, say, say_or_fail, tell, tell_json
from runner.engine.runs import RunResult
from runner.engine.surroundings import Audience, Listener, Surroundings
from runner.ground.clock import SystemClock
from runner.ground.errors import EXIT_USAGE, UsageError
from runner.record.store.contract import Store
from runner.seeing.subscribers.lines import Lines, Teller, event_lines


class Manner(msgspec.Struct, frozen=True):
    """How a command drives a run, by its options: how much the run shows of itself, and how long it stays."""

    as_document: bool = False
    events: bool = False
    quiet: bool = False
    no_input: bool = False
    answers: tuple[str, ...] = ()
    wait_limit: str | None = None
    most: str | None = None
    mock: str | None = None
    record: str | None = None
    replay: str | None = None

    def __post_init__(self) -> None:
        if self.as_document and self.events:
            raise UsageError("--json prints one document, --events a line for each event", "choose one of them")

    @property
    def in_terminal(self) -> bool:
        return _is_terminal(sys.stderr) and not (self.as_document or self.events or self.quiet)

    @property
    def asks(self) -> bool:
        attended = _is_terminal(sys.stdin) and _is_terminal(sys.stderr)
        return attended and not (self.as_document or self.events or self.no_input)

    @property
    def replies(self) -> tuple[str, ...]:
        """The mock file or the cassette that it names, by absolute path."""
        named = filter(None, (self.mock, self.record, self.replay))
        return tuple(str(Path(file).absolute()) for file in named)


def _is_terminal(stream: IO[str] | None) -> bool:
    return stream is not None and stream.isatty()


def drive(store: Store, work: Callable[[Surroundings], Coroutine[object, object, RunResult]], manner: Manner) -> int:
    """Run it to its end or its pause, print how it stands, and give the exit code."""
    signals = Signals()
    try:
        result = asyncio.run(_heeding(work(_surroundings(store, manner, signals)), signals))
    finally:
        signals.pass_over()
    if manner.as_document:
        tell_json(document(result))
    else:
        tell_result(result, quiet=manner.quiet, outputs=not manner.events)
    if result.refused:
        say(f"error: {result.refused}")
        return EXIT_USAGE
    if result.status == "paused" and signals.exit_code is not None:
        return signals.exit_code
    return EXITS[result.status]


async def _heeding(work: Coroutine[object, object, RunResult], signals: Signals) -> RunResult:
    signals.heed()
    return await work


def _surroundings(store: Store, manner: Manner, signals: Signals) -> Surroundings:
    """What this process lends to a run, by how it is driven."""
    answers = parse_answers(manner.answers)
    audience = Audience(answers=answers, engaged=signals.attach, warned=say_warning)
    if not manner.as_document:
        audience = replace(audience, told=partial(say_takeover, quiet=manner.quiet))
    if manner.in_terminal or manner.asks:
        audience = _in_terminal(audience, manner)
    else:
        audience = replace(audience, listeners=_listeners(store, manner))
    limit, most = wait_limit(manner.wait_limit), concurrency(manner.most)
    lent = Surroundings(store, audience, wait_limit=limit, grace=GRACE, lease=lease(), concurrency=most)
    return replace(lent, replies=manner.replies, whole_process=True)


def _listeners(store: Store, manner: Manner) -> tuple[Listener, ...]:
    listeners: list[Listener] = [JobSummary(store)] if in_actions() else []
    if manner.events:
        listeners.append(Lines(tell, event_lines))
    elif not (manner.as_document or manner.quiet):
        listeners.append(Lines(say_or_fail, Teller().lines))
    return tuple(listeners)


def _in_terminal(audience: Audience, manner: Manner) -> Audience:
    from runner.seeing.subscribers.terminal import Asking, Terminal  # noqa: PLC0415 - it needs rich, which is heavy

    terminal = Terminal(SystemClock())
    if manner.in_terminal:
        audience = replace(audience, listeners=(terminal,), stream=terminal.stream)
    audience = replace(audience, warned=terminal.warn)
    return replace(audience, ask=Asking(terminal).ask) if manner.asks else audience
