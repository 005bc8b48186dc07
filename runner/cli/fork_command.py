"""`wf fork`: another way on from a checkpoint of a run."""

from __future__ import annotations

from typing import Any

import click

from runner.cli.changing import changes_of, changing_options
from runner.cli.driving import Show, Signals, run_and_tell, surroundings
from runner.cli.settings import durability, wait_limit
from runner.cli.stored import find_checkpoint, writing
from runner.engine.runs import checked_run_id
from runner.travel.forks import fork

EPILOG = """\b
Examples:
  wf fork last@42                             # go on from there once more
  wf fork last@42 --set state.severity=low    # with an edited state
  wf fork last@42 --set all/deploy.state.severity=low     # of an open branch
  wf fork last@42 --workflow changed.yaml     # with a changed file
"""


@click.command("fork", epilog=EPILOG)
@click.argument("checkpoint", metavar="RUN@N")
@click.option(
    "--set",
    "edits",
    multiple=True,
    metavar="PATH=VALUE",
    help="state.KEY=VALUE, inputs.NAME=VALUE, or PATH.state.KEY=VALUE.",
)
@changing_options
def command(checkpoint: str, edits: tuple[str, ...], db: str | None, **given: Any) -> int:
    """Begin a new run that shares the past of RUN up to checkpoint N, and go on from there.

    RUN itself stays as it is. What was in flight at N begins anew. VALUE is JSON, or else text; PATH is that of an open
    branch or called workflow, as `wf state RUN@N` lists them.
    """
    show = Show(given["as_document"], given["events"], given["quiet"], given["no_input"])
    changes = changes_of(given, checked_run_id(given["run_id"]), edits)
    signals = Signals()
    with writing(db, durability(given["durable"])) as store:
        run, at = find_checkpoint(store, checkpoint)
        around = surroundings(store, show, given["answers"], wait_limit(given["wait_limit"]), signals, given["most"])
        return run_and_tell(fork(run, at, changes, around), show, signals)
