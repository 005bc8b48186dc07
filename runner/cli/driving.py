"""Driving a run in this process: listeners, questions, signals, and the exit code."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from typing import IO

import click
import msgspec
from msgspec.structs import replace

from runner.cli.annotations import in_actions
from runner.cli.job_summary import JobSummary
from runner.cli.printing import EXITS, document, say_takeover, say_warning, tell_result
from runner.cli.reporting import as_json
from runner.cli.settings import concurrency, lease
from runner.cli.speaking import say
from runner.engine.runs import RunResult
from runner.engine.surroundings import Audience, Listener, Surroundings
from runner.ground.clock import SystemClock
from runner.ground.errors import EXIT_HUNG_UP, EXIT_INTERRUPTED, EXIT_TERMINATED, EXIT_USAGE, UsageError
from runner.record.store.contract import Store
from runner.seeing.subscribers.asking import Asking
from runner.seeing.subscribers.lines import Lines, Teller, event_lines

SIGNALS = {signal.SIGINT: EXIT_INTERRUPTED, signal.SIGTERM: EXIT_TERMINATED, signal.SIGHUP: EXIT_HUNG_UP}


GRACE = 10.0
"""Seconds that what is in flight has to end by itself once a run is to stop; it is cut off then."""


class Show(msgspec.Struct, frozen=True):
    """How much a run shows of itself, and to whom."""

    json: bool = False
    events: bool = False
    quiet: bool = False
    no_input: bool = False

    def __post_init__(self) -> None:
        if self.json and self.events:
            raise UsageError("--json prints one document, --events a line for each event", "choose one of them")

    @property
    def in_terminal(self) -> bool:
        return _is_terminal(sys.stderr) and not (self.json or self.events or self.quiet)

    @property
    def asks(self) -> bool:
        attended = _is_terminal(sys.stdin) and _is_terminal(sys.stderr)
        return attended and not (self.json or self.events or self.no_input)


def _is_terminal(stream: IO[str] | None) -> bool:
    return stream is not None and stream.isatty()


class Signals:
    """SIGINT, SIGTERM and SIGHUP stop the run: gracefully the first time, at once the second."""

    def __init__(self) -> None:
        self.exit_code: int | None = None
        self._stop_run: Callable[[], None] | None = None

    def heed(self) -> None:
        """Listen, from before the run is there: asyncio itself would cancel what is only about to drive it."""
        loop = asyncio.get_running_loop()
        for number, code in SIGNALS.items():
            if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, self._stop, code)

    def attach(self, stop_run: Callable[[], None]) -> None:
        """Stop this run from now on; at once, if that was asked for before."""
        self._stop_run = stop_run
        if self.exit_code is not None:
            stop_run()

    def _stop(self, code: int) -> None:
        if self.exit_code is None:
            say(f"stopping: what runs may end within {GRACE:g} s; once more to stop at once")
        self.exit_code = code
        if self._stop_run is not None:
            self._stop_run()


def surroundings(
    store: Store, show: Show, answers: tuple[str, ...], wait_limit: float, signals: Signals, most: str | None = None
) -> Surroundings:
    """What this process lends to a run, by how it is shown. `most` is the flag that says how much runs at once."""
    audience = Audience(answers=parse_pairs(answers, "--answer STEP=VALUE"), engaged=signals.attach, warned=say_warning)
    if not show.json:
        audience = replace(audience, told=partial(say_takeover, quiet=show.quiet))
    if show.in_terminal or show.asks:
        audience = _in_terminal(audience, show)
    else:
        audience = replace(audience, listeners=_listeners(store, show))
    return Surroundings(
        store, audience, wait_limit=wait_limit, grace=GRACE, lease=lease(), concurrency=concurrency(most)
    )


def _listeners(store: Store, show: Show) -> tuple[Listener, ...]:
    listeners: list[Listener] = [JobSummary(store)] if in_actions() else []
    if show.events:
        listeners.append(Lines(sys.stdout, event_lines))
    elif not (show.json or show.quiet):
        listeners.append(Lines(sys.stderr, Teller().lines))
    return tuple(listeners)


def _in_terminal(audience: Audience, show: Show) -> Audience:
    from runner.seeing.subscribers.terminal import Terminal  # noqa: PLC0415 - rich is heavy, and only a terminal needs it

    terminal = Terminal(SystemClock())
    if show.in_terminal:
        audience = replace(audience, listeners=(terminal,), stream=terminal.stream)
    audience = replace(audience, warned=terminal.warn)
    return replace(audience, ask=Asking(terminal).ask) if show.asks else audience


def run_and_tell(work: Coroutine[object, object, RunResult], show: Show, signals: Signals) -> int:
    """Run it to its end or its pause, print how it stands, and give the exit code."""
    result = asyncio.run(_heeding(work, signals))
    if show.json:
        click.echo(as_json(document(result)))
    else:
        tell_result(result, quiet=show.quiet, outputs=not show.events)
    if result.refused:
        say(f"error: {result.refused}")
        return EXIT_USAGE
    if result.status == "paused" and signals.exit_code is not None:
        return signals.exit_code
    return EXITS[result.status]


async def _heeding(work: Coroutine[object, object, RunResult], signals: Signals) -> RunResult:
    signals.heed()
    return await work


def parse_pairs(pairs: tuple[str, ...], form: str) -> dict[str, str]:
    """`name=value` arguments; the last of a name wins. Raises UsageError."""
    found = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name:
            raise UsageError(f"'{pair}' is not of the form {form}")
        found[name] = value
    return found
