"""`wf state`: a run's state, now or at a checkpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping

import click

from runner.cli.completing_runs import RUN
from runner.cli.reporting import as_json
from runner.cli.settings import database_option
from runner.cli.speaking import tell
from runner.cli.stored import find_checkpoint, reading
from runner.cli.story import natural
from runner.ground.json_value import Json
from runner.record.address import ROOT
from runner.record.history import states

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
    """Print the state of RUN, or of RUN@N: its workflow's keys and values.

    What open branches and called workflows have of their own follows, as PATH.state.KEY; in JSON, as one object each
    under "PATH.state".
    """
    with reading(db) as store:
        found = states(store, *find_checkpoint(store, run))
    own = found.pop(ROOT)
    inner = sorted(found.items(), key=lambda entry: natural(entry[0]))
    if as_document:
        click.echo(as_json(own | {f"{path}.state": values for path, values in inner}))
        return 0
    _tell(own, "")
    for path, values in inner:
        _tell(values, f"{path}.state.")
    return 0


def _tell(values: Mapping[str, Json], prefix: str) -> None:
    for key, value in values.items():
        tell(f"{prefix}{key}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")
