"""`wf runs`: list runs."""

from __future__ import annotations

import click
import msgspec

from runner.cli.numbers import Whole
from runner.cli.printing import moment, resume_command
from runner.cli.reporting import as_json
from runner.cli.settings import database_option
from runner.cli.speaking import say, tell
from runner.cli.stored import reading, was_left
from runner.record.store.contract import RunRow

STATUSES = ("running", "paused", "completed", "failed", "cancelled")

EPILOG = """\b
Examples:
  wf runs
  wf runs --status paused
  wf runs --workflow bug-triage --json
"""


@click.command("runs", epilog=EPILOG)
@click.option("--status", type=click.Choice(STATUSES), help="Only runs of this status.")
@click.option("--workflow", metavar="NAME", help="Only runs of this workflow.")
@click.option("--limit", type=Whole(1, 10_000), default=20, help="How many at most (20).")
@click.option("--json", "as_document", is_flag=True, help="As a JSON list.")
@database_option
def command(status: str | None, workflow: str | None, limit: int, as_document: bool, db: str | None) -> int:
    """List runs, newest first."""
    with reading(db) as store:
        rows = store.runs(status=status, workflow=workflow, limit=limit)
    if as_document:
        click.echo(as_json([msgspec.to_builtins(row) for row in rows]))
        return 0
    for row in rows:
        tell(_line(row))
    if not rows:
        say("no runs")
    return 0


def _line(row: RunRow) -> str:
    what = f"{row.workflow} {row.version}".rstrip()
    line = f"{row.id}  {row.status:<9}  {moment(row.created_at)}  {row.events:>6} events  {what}"
    return f"{line}  (left by its process: {resume_command(row.id)})" if was_left(row) else line
