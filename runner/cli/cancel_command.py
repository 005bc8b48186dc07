"""`wf cancel`: end a run as cancelled; its `finally` still runs."""

from __future__ import annotations

import click

from runner.cli.completing_runs import RUN
from runner.cli.driving import Show, Signals, drive, parse_pairs, surroundings
from runner.cli.settings import database_option, wait_limit
from runner.cli.speaking import say
from runner.cli.stored import find_run, writing
from runner.clock import SystemClock
from runner.errors import EXIT_CANCELLED, EXIT_COMPLETED, UsageError
from runner.runs import resume
from runner.store.contract import Message
from runner.store.lease import may_take_over

EPILOG = """\b
Examples:
  wf cancel last
  wf cancel 0mwsi --reason "no longer needed"
"""


@click.command("cancel", epilog=EPILOG)
@click.argument("run", type=RUN)
@click.option("--reason", default="cancelled from the command line", help="Why, for the record.")
@click.option("-i", "pairs", multiple=True, metavar="NAME=VALUE", help="A secret input, once more, for its finally.")
@click.option(
    "--json", "as_document", is_flag=True, help="One JSON document on stdout, when the run is not alive elsewhere."
)
@database_option
def command(run: str, reason: str, pairs: tuple[str, ...], as_document: bool, db: str | None) -> int:
    """Cancel RUN: a live one by its own process, a paused or killed one here."""
    show, secrets = Show(json=as_document, no_input=True), parse_pairs(pairs, "-i NAME=VALUE")
    with writing(db) as store:
        row = find_run(store, run)
        if row.status in ("completed", "failed", "cancelled"):
            raise UsageError(f"run {row.id} has ended: {row.status}")
        now = SystemClock().now()
        store.post(Message(row.id, "cancel", now, value=reason))
        if not may_take_over(row, now):
            say(f"run {row.id} is asked to cancel; it belongs to {row.owner}")
            return EXIT_COMPLETED
        signals = Signals()
        around = surroundings(store, show, (), wait_limit(None), signals)
        code = drive(resume(row.id, secrets, around), show, signals)
        return EXIT_COMPLETED if code == EXIT_CANCELLED else code
