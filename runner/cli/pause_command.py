"""`wf pause`: let a live run come to a stop that it can go on from."""

from __future__ import annotations

import click

from runner.cli.completing_runs import RUN
from runner.cli.settings import database_option
from runner.cli.speaking import say
from runner.cli.stored import find_run, writing
from runner.clock import SystemClock
from runner.errors import EXIT_COMPLETED, UsageError
from runner.store.contract import Message
from runner.store.lease import may_take_over

EPILOG = """\b
Examples:
  wf pause last
  wf resume last                              # goes on from where it paused
"""


@click.command("pause", epilog=EPILOG)
@click.argument("run", type=RUN)
@database_option
def command(run: str, db: str | None) -> int:
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
        store.post(Message(row.id, "pause", now))
        say(f"run {row.id} is asked to pause")
        return EXIT_COMPLETED
