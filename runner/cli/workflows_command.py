"""`wf workflows`: the versions of workflows that runs have gone by."""

from __future__ import annotations

import click
import msgspec

from runner.cli.printing import moment
from runner.cli.reporting import as_json
from runner.cli.settings import database_option
from runner.cli.speaking import say, tell
from runner.cli.stored import SHORT, reading
from runner.record.store.contract import VersionRow

EPILOG = """\b
Examples:
  wf workflows
  wf workflows bug-triage
  wf diff bug-triage@1f3a bug-triage@9c04     # what changed between two versions
"""


@click.command("workflows", epilog=EPILOG)
@click.argument("name", required=False)
@click.option("--json", "as_document", is_flag=True, help="As a JSON list.")
@database_option
def command(name: str | None, as_document: bool, db: str | None) -> int:
    """List the recorded versions of workflows, or of the one called NAME, newest first."""
    with reading(db) as store:
        rows = store.versions(name)
    if as_document:
        click.echo(as_json([msgspec.to_builtins(row) for row in rows]))
        return 0
    for row in rows:
        tell(_line(row))
    if not rows:
        say("no workflows")
    return 0


def _line(row: VersionRow) -> str:
    last = f"the last began {moment(row.last_at)}" if row.last_at is not None else "none begun"
    runs = "1 run" if row.runs == 1 else f"{row.runs} runs"
    return f"{row.name}@{row.hash[:SHORT]}  {row.version or '-':<8}  {runs:>8}  {last}  {row.file}"
