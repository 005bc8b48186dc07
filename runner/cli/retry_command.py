"""`wf retry`: take a failed run up again from the step that failed."""

from __future__ import annotations

from typing import Any

import click

from runner.cli.changing import changes_of, changing_options
from runner.cli.completing_runs import RUN
from runner.cli.driving import Show, Signals, run_and_tell, surroundings
from runner.cli.settings import durability, wait_limit
from runner.cli.stored import find_run, writing
from runner.engine.runs import checked_run_id
from runner.travel.forks import retry

EPILOG = """\b
Examples:
  wf retry last
  wf retry last --model fast=anthropic/claude-sonnet-4-5
  wf retry last --workflow mended.yaml
"""


@click.command("retry", epilog=EPILOG)
@click.argument("run", type=RUN)
@changing_options
def command(run: str, db: str | None, **given: Any) -> int:
    """Fork the failed RUN before the step that failed: a new run, in which that step begins anew.

    What had been completed by then is taken over, and does not run again.
    """
    show = Show(given["as_document"], given["events"], given["quiet"], given["no_input"])
    changes = changes_of(given, checked_run_id(given["run_id"]))
    signals = Signals()
    with writing(db, durability(given["durable"])) as store:
        around = surroundings(store, show, given["answers"], wait_limit(given["wait_limit"]), signals, given["most"])
        return run_and_tell(retry(find_run(store, run).id, changes, around), show, signals)
