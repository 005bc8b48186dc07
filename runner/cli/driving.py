"""Driving a run in this process: listeners, questions, signals, and the exit code."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Coroutine

import click
import msgspec
from msgspec.structs import replace

from runner.cli.printing import EXITS, document, tell_result
from runner.cli.reporting import as_json
from runner.engine import Engine, Listener, Manner
from runner.errors import EXIT_INTERRUPTED, EXIT_TERMINATED, UsageError
from runner.runs import RunResult, Surroundings
from runner.store.contract import Store
from runner.subscribers.json_lines import JsonLines
from runner.subscribers.lines import Lines


class Show(msgspec.Struct, frozen=True):
    """How much a run shows of itself, and to whom."""

    json: bool = False
    events: bool = False
    quiet: bool = False
    no_input: bool = False

    @property
    def in_terminal(self) -> bool:
        return sys.stderr.isatty() and not (self.json or self.events or self.quiet)

    @property
    def asks(self) -> bool:
        return sys.stdin.isatty() and sys.stderr.isatty() and not (self.json or self.events or self.no_input)


class Signals:
    """SIGINT and SIGTERM stop the engine: gracefully the first time, at once the second."""

    def __init__(self) -> None:
        self.exit_code: int | None = None

    def attach(self, engine: Engine) -> None:
        loop = asyncio.get_running_loop()
        for number, code in ((signal.SIGINT, EXIT_INTERRUPTED), (signal.SIGTERM, EXIT_TERMINATED)):
            loop.add_signal_handler(number, self._stop, engine, code)

    def _stop(self, engine: Engine, code: int) -> None:
        if self.exit_code is None:
            click.echo("stopping: what runs may end first; once more to stop at once", err=True)
        self.exit_code = code
        engine.stop()


def surroundings(
    store: Store, show: Show, answers: tuple[str, ...], wait_limit: float, signals: Signals
) -> Surroundings:
    """What this process lends to a run, by how it is shown."""
    manner = Manner(None, parse_pairs(answers, "--answer STEP=VALUE"), wait_limit)
    listeners: list[Listener] = []
    if show.events:
        listeners.append(JsonLines(sys.stdout))
    if show.in_terminal or show.asks:
        return _terminal(store, show, manner, listeners, signals)
    if not (show.json or show.quiet or show.events):
        listeners.append(Lines(sys.stderr))
    return Surroundings(store, manner, tuple(listeners), engaged=signals.attach)


def _terminal(store: Store, show: Show, manner: Manner, listeners: list[Listener], signals: Signals) -> Surroundings:
    from runner.subscribers.terminal import Terminal  # noqa: PLC0415 - rich is heavy, and only a terminal needs it

    terminal = Terminal()
    asking = replace(manner, ask=terminal.ask if show.asks else None)
    return Surroundings(store, asking, (*listeners, terminal), stream=terminal.stream, engaged=signals.attach)


def drive(work: Coroutine[object, object, RunResult], show: Show, signals: Signals) -> int:
    """Run it to its end or its pause, print how it stands, and give the exit code."""
    result = asyncio.run(work)
    if show.json:
        click.echo(as_json(document(result)))
    elif not show.events:
        tell_result(result, quiet=show.quiet)
    if result.status == "paused" and signals.exit_code is not None:
        return signals.exit_code
    return EXITS[result.status]


def parse_pairs(pairs: tuple[str, ...], form: str) -> dict[str, str]:
    """`name=value` arguments. Raises UsageError."""
    found = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name:
            raise UsageError(f"'{pair}' is not of the form {form}")
        found[name] = value
    return found
