"""`wf checkpoints`: the points that a run can be restored to, and forked from."""

from __future__ import annotations

import click
import msgspec

from runner.cli.printing import moment
from runner.cli.reporting import as_json
from runner.cli.settings import database_option
from runner.cli.speaking import tell
from runner.cli.stored import find_run, reading
from runner.record.history import Checkpoint, checkpoints

EPILOG = """\b
Examples:
  wf checkpoints last
  wf state last@42                            # the state as it was there
  wf fork last@42 --set state.severity=low    # another way on from there
"""


@click.command("checkpoints", epilog=EPILOG)
@click.argument("run")
@click.option("--json", "as_document", is_flag=True, help="As a JSON list.")
@database_option
def command(run: str, as_document: bool, db: str | None) -> int:
    """List the checkpoints of RUN: RUN@N, when it was made, and what had ended by it."""
    with reading(db) as store:
        row = find_run(store, run)
        found = list(checkpoints(store, row.id))
    if as_document:
        click.echo(as_json([msgspec.to_builtins(checkpoint) for checkpoint in found]))
        return 0
    for checkpoint in found:
        tell(f"{row.id}@{checkpoint.seq:<6} {moment(checkpoint.at)}  {_words(checkpoint)}".rstrip())
    return 0


def _words(checkpoint: Checkpoint) -> str:
    ended = [step if status == "completed" else f"{step} {status}" for step, status in checkpoint.ended]
    return ", ".join([*([f"run {checkpoint.status}"] if checkpoint.status else []), *ended])
