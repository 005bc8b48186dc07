"""`wf graph`: a workflow, or a run over it, as a Mermaid diagram."""

from __future__ import annotations

from pathlib import Path

import click

from runner.cli.settings import database_option
from runner.cli.stored import find_run, reading
from runner.compiler import RecordedFiles
from runner.definitions import texts_of
from runner.diagram import mermaid
from runner.history import read_table
from runner.loading import load, load_recorded

EPILOG = """\b
Examples:
  wf graph flow.yaml > flow.mmd
  wf graph pattern:review-refine
  wf graph last                               # with status, visits and the routes taken
"""


@click.command("graph", epilog=EPILOG)
@click.argument("what", metavar="FLOW|RUN")
@click.option("--format", "form", type=click.Choice(["mermaid"]), default="mermaid", help="How to draw (mermaid).")
@database_option
def command(what: str, form: str, db: str | None) -> int:
    """Draw FLOW (a file, or pattern:NAME) or RUN (an id, the beginning of one, or `last`)."""
    if Path(what).exists() or ":" in what or what.endswith((".yaml", ".yml")):
        click.echo(mermaid(load(what).workflow), nl=False)
        return 0
    with reading(db) as store:
        row = find_run(store, what)
        path, texts = texts_of(store.definition(row.definition))
        loaded = load_recorded(path, RecordedFiles(texts), {})
        click.echo(mermaid(loaded.workflow, read_table(store, row.id, "steps")), nl=False)
    return 0
