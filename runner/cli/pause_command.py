"""`wf pause`: let a live run come to a stop that it can go on from."""

from __future__ import annotations

import click

from runner.cli.completing_runs import RUN
from runner.cli.driving import Show
from runner.cli.sending import Sending, send
from runner.cli.settings import database_option
from runner.cli.stored import find_run, writing
from runner.ground.clock import SystemClock
from runner.ground.errors import UsageError
from runner.record.store.contract import Message
from runner.record.store.lease import may_take_over

EPILOG = """\b
Examples:
  wf pause last
  wf resume last                              # goes on from where it paused
"""


@click.command("pause", epilog=EPILOG)
@click.argument("run", type=RUN)
@click.option("--json", "as_document", is_flag=True, help="How the run stands then, as one JSON document on stdout.")
@database_option
def command(run: str, as_document: bool, db: str | None) -> int:
    """Pause RUN, which another process runs: nothing new starts, what is in flight has 10 s to end.

    What has not ended by then is cut off, and begins anew with `wf resume`.
    """
    with writing(db) as store:
        row = find_run(store, run)
        now = SystemClock().now()
        if row.status != "running":
            raise UsageError(f"run {row.id} is {row.status}", f"wf show {row.id} tells more")
        if may_take_over(row, now):
            raise UsageError(f"no process runs {row.id} any more: it stands still", f"wf resume {row.id} goes on")
        return send(
            store,
            row,
            Message(row.id, "pause", now),
            f"run {row.id} is asked to pause",
            Sending(Show(json=as_document)),
        )
