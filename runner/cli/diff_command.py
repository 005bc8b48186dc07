"""`wf diff`: what differs between two checkpoints of runs, or two versions of a workflow."""

from __future__ import annotations

import click

from runner.cli.reporting import as_json
from runner.cli.settings import database_option
from runner.cli.speaking import tell
from runner.cli.stored import find_checkpoint, find_version, names_run, reading
from runner.engine.loading import load_recorded
from runner.record.definitions import texts_of
from runner.record.history import states
from runner.record.store.contract import Definition
from runner.travel.differences import Difference, state_differences, text_differences, version_differences
from runner.workflow.compiler import RecordedFiles

EPILOG = """\b
Examples:
  wf diff last@42 last@57                     # what the state became between two checkpoints
  wf diff 0mwsi@42 0mwt7                      # a run's checkpoint, and where another run stands
  wf diff bug-triage@1f3a bug-triage@9c04     # two versions of a workflow; wf workflows lists them
"""


@click.command("diff", epilog=EPILOG)
@click.argument("before")
@click.argument("after")
@click.option("--json", "as_document", is_flag=True, help="As a JSON list of differences.")
@database_option
def command(before: str, after: str, as_document: bool, db: str | None) -> int:
    """Print what is different in AFTER: two of RUN, RUN@N, or two of WORKFLOW@VERSION."""
    with reading(db) as store:
        if names_run(store, before):
            (first, at), (second, then) = find_checkpoint(store, before), find_checkpoint(store, after)
            _print(state_differences(states(store, first, at), states(store, second, then)), as_document=as_document)
            return 0
        old, new = find_version(store, before), find_version(store, after)
        _versions(store.definition(old), store.definition(new), as_document=as_document)
    return 0


def _versions(old: Definition, new: Definition, *, as_document: bool) -> None:
    workflows = [load_recorded(file, RecordedFiles(texts), {}).workflow for file, texts in map(texts_of, (old, new))]
    _print(version_differences(*workflows), as_document=as_document)
    if not as_document:
        for line in text_differences(old.files, new.files):
            tell(line)


def _print(found: list[Difference], *, as_document: bool) -> None:
    if as_document:
        click.echo(as_json([difference.as_json() for difference in found]))
        return
    for difference in found:
        tell(str(difference))
    if not found:
        tell("no difference")
