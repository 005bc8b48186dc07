"""`wf state`: a run's state, now or at a checkpoint."""

from __future__ import annotations

import json

import click

from runner.cli.completing_runs import RUN
from runner.cli.reporting import as_json
from runner.cli.settings import database_option
from runner.cli.speaking import tell
from runner.cli.stored import find_checkpoint, reading
from runner.history import values

EPILOG = """\b
Examples:
  wf state last
  wf state 0mwsi@42 --json                    # as it was after event 42
"""


@click.command("state", epilog=EPILOG)
@click.argument("run", type=RUN)
@click.option("--json", "as_document", is_flag=True, help="As one JSON object.")
@database_option
def command(run: str, as_document: bool, db: str | None) -> int:
    """Print the state of RUN, or of RUN@N: its workflow's keys and values."""
    with reading(db) as store:
        found = values(store, *find_checkpoint(store, run))
    if as_document:
        click.echo(as_json(found))
        return 0
    for key, value in found.items():
        tell(f"{key}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")
    return 0
