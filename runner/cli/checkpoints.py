"""A run's checkpoints: `wf checkpoints` lists them, `wf state` prints one, `wf diff` compares two, or two versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import click

from runner.cli.options import database_option
from runner.cli.speaking import natural, tell, tell_json, tell_rows
from runner.cli.stored import find_checkpoint, find_run, find_version, names_run, reading, run_argument
from runner.engine.loading import load_recorded
from runner.ground.clock import moment
from runner.ground.json_value import Json
from runner.record.address import ROOT
from runner.record.answers import as_typed
from runner.record.definitions import texts_of
from runner.record.history import Checkpoint, checkpoints, states
from runner.record.store.contract import Definition
from runner.travel.differences import state_differences, text_differences, version_differences
from runner.workflow.compiler import RecordedFiles
from runner.workflow.model import Workflow

CHECKPOINTS = """\b
Examples:
  wf checkpoints last
  wf state last@42                            # the state as it was there
  wf fork last@42 --set state.severity=low    # another way on from there
"""

STATE = """\b
Examples:
  wf state last
  wf state 0mwsi@42 --json                    # as it was after event 42
"""

DIFF = """\b
Examples:
  wf diff last@42 last@57                     # what the state became between two checkpoints
  wf diff 0mwsi@42 0mwt7                      # a run's checkpoint, and where another run stands
  wf diff bug-triage@1f3a bug-triage@9c04     # two versions of a workflow; wf workflows lists them
"""


@click.command("checkpoints", epilog=CHECKPOINTS)
@click.argument("run")
@click.option("--json", "as_document", is_flag=True, help="As a JSON list.")
@database_option
def wf_checkpoints(run: str, as_document: bool, db: str | None) -> None:
    """List the checkpoints of RUN: RUN@N, when it was made, and what had ended by it."""
    with reading(db) as store:
        row = find_run(store, run)
        found = list(checkpoints(store, row.id))
    tell_rows(found, lambda checkpoint: _line(row.id, checkpoint), as_document=as_document)


def _line(run: str, checkpoint: Checkpoint) -> str:
    ended = [step if status == "completed" else f"{step} {status}" for step, status in checkpoint.ended]
    words = [f"run {checkpoint.status}"] if checkpoint.status else []
    return f"{run}@{checkpoint.seq:<6} {moment(checkpoint.at)}  {', '.join([*words, *ended])}".rstrip()


@click.command("state", epilog=STATE)
@run_argument
@click.option("--json", "as_document", is_flag=True, help="As one JSON object.")
@database_option
def wf_state(run: str, as_document: bool, db: str | None) -> None:
    """Print the state of RUN, or of RUN@N: its workflow's keys and values.

    What open branches and called workflows have of their own follows, as PATH.state.KEY; in JSON, as one object each
    under "PATH.state".
    """
    with reading(db) as store:
        found = states(store, *find_checkpoint(store, run))
    own = found.pop(ROOT)
    inner = sorted(found.items(), key=lambda entry: natural(entry[0]))
    if as_document:
        tell_json(own | {f"{path}.state": values for path, values in inner})
        return
    _tell_values(own, "")
    for path, values in inner:
        _tell_values(values, f"{path}.state.")


def _tell_values(values: Mapping[str, Json], prefix: str) -> None:
    for key, value in values.items():
        tell(f"{prefix}{key}: {as_typed(value)}")


@click.command("diff", epilog=DIFF)
@click.argument("before")
@click.argument("after")
@click.option("--json", "as_document", is_flag=True, help="As a JSON list of differences.")
@database_option
def wf_diff(before: str, after: str, as_document: bool, db: str | None) -> None:
    """Print what is different in AFTER: two of RUN, RUN@N, or two of WORKFLOW@VERSION."""
    texts: Iterable[str] = ()
    with reading(db) as store:
        if names_run(store, before):
            found = state_differences(*(states(store, *find_checkpoint(store, name)) for name in (before, after)))
        else:
            old, new = (store.definition(find_version(store, name)) for name in (before, after))
            found = version_differences(_workflow(old), _workflow(new))
            texts = text_differences(old.files, new.files)
    if as_document:
        tell_json([difference.as_json() for difference in found])
        return
    for line in [*(map(str, found) if found else ["no difference"]), *texts]:
        tell(line)


def _workflow(recorded: Definition) -> Workflow:
    file, texts = texts_of(recorded)
    return load_recorded(file, RecordedFiles(texts), {}).workflow
