"""What commands that send a run a message share: a live owner takes it, else the run goes on here, or later."""

from __future__ import annotations

from collections.abc import Mapping

import click
import msgspec

from runner.cli.driving import Show, Signals, run_and_tell, surroundings
from runner.cli.printing import document, resume_command
from runner.cli.reporting import as_json
from runner.cli.settings import wait_limit
from runner.cli.speaking import say
from runner.engine.runs import result_of
from runner.ground.errors import EXIT_COMPLETED
from runner.record.history import load_state
from runner.record.store.contract import Message, RunRow, Store
from runner.record.store.lease import may_take_over
from runner.travel.resuming import resume


class Sending(msgspec.Struct, frozen=True):
    """What a command does once its message is recorded: `goes_on` in this process, if no other one drives the run."""

    show: Show
    goes_on: bool = False
    secrets: Mapping[str, str] = {}


def send(store: Store, row: RunRow, message: Message, done: str, sending: Sending) -> int:
    """Record a message for a run; say what was `done`, and what follows. Raises StoreError, UsageError."""
    store.post(message)
    if not may_take_over(row, message.at):
        return _left(store, row, f"{done}; {row.owner} runs it", sending.show)
    if not sending.goes_on:
        return _left(store, row, f"{done}; go on with: {resume_command(row.id)}", sending.show)
    signals = Signals()
    around = surroundings(store, sending.show, (), wait_limit(None), signals)
    return run_and_tell(resume(row.id, dict(sending.secrets), around), sending.show, signals)


def _left(store: Store, row: RunRow, words: str, show: Show) -> int:
    """Leave the run to others: say so, and with `--json` how it stands until they take the message."""
    say(words)
    if show.json:
        click.echo(as_json(document(result_of(row.id, load_state(store, row.id)))))
    return EXIT_COMPLETED
