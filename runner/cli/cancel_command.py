"""`wf cancel`: end a run as cancelled; its `finally` still runs."""

from __future__ import annotations

import click

from runner.cli.completing_runs import RUN
from runner.cli.driving import Show, parse_pairs
from runner.cli.sending import Sending, send
from runner.cli.settings import database_option
from runner.cli.stored import find_run, writing
from runner.ground.clock import SystemClock
from runner.ground.errors import EXIT_CANCELLED, EXIT_COMPLETED, UsageError
from runner.record.store.contract import Message

EPILOG = """\b
Examples:
  wf cancel last
  wf cancel 0mwsi --reason "no longer needed"
"""


@click.command("cancel", epilog=EPILOG)
@click.argument("run", type=RUN)
@click.option("--reason", default="cancelled from the command line", help="Why, for the record.")
@click.option("-i", "pairs", multiple=True, metavar="NAME=VALUE", help="A secret input, once more, for its finally.")
@click.option("--json", "as_document", is_flag=True, help="How the run stands then, as one JSON document on stdout.")
@database_option
def command(run: str, reason: str, pairs: tuple[str, ...], as_document: bool, db: str | None) -> int:
    """Cancel RUN: a live one by its own process, a paused or killed one here."""
    show, secrets = Show(json=as_document, no_input=True), parse_pairs(pairs, "-i NAME=VALUE")
    with writing(db) as store:
        row = find_run(store, run)
        if row.status in ("completed", "failed", "cancelled"):
            raise UsageError(f"run {row.id} has ended: {row.status}")
        message = Message(row.id, "cancel", SystemClock().now(), value=reason)
        code = send(store, row, message, f"run {row.id} is asked to cancel", Sending(show, True, secrets))
        return EXIT_COMPLETED if code == EXIT_CANCELLED else code
