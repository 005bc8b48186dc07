"""`wf graph`: a workflow, or a run over it, as a Mermaid diagram."""

from __future__ import annotations

from pathlib import Path

import click

from runner.cli.options import database_option, offer_flows
from runner.cli.speaking import tell
from runner.cli.stored import find_run, reading
from runner.engine.loading import load_workflow, pinned
from runner.record.history import load_state, read_table
from runner.record.store.contract import Store
from runner.seeing.diagram import mermaid, overlay_of
from runner.workflow.model import Loaded

EPILOG = """\b
Examples:
  wf graph flow.yaml > flow.mmd
  wf graph pattern:review-refine
  wf graph last                               # with status, visits, costs and the routes taken
"""


@click.command("graph", epilog=EPILOG)
@click.argument("what", metavar="FLOW|RUN", shell_complete=offer_flows)
@click.option("--format", "form", type=click.Choice(["mermaid"]), default="mermaid", help="How to draw (mermaid).")
@database_option
def wf_graph(what: str, form: str, db: str | None) -> None:
    """Draw FLOW (a file, or pattern:NAME) or RUN (an id, the beginning of one, or `last`)."""
    if Path(what).is_file() or ":" in what or what.endswith((".yaml", ".yml")):
        tell(mermaid(load_workflow(what)).rstrip("\n"))
        return
    with reading(db) as store:
        row = find_run(store, what)
        loaded = pinned(store, load_state(store, row.id))
        tell(mermaid_of_run(store, row.id, row.status, loaded).rstrip("\n"))


def mermaid_of_run(store: Store, run: str, status: str, loaded: Loaded) -> str:
    """The flowchart of the workflow that a run goes by, drawn over by what has happened in it."""
    steps, calls = (read_table(store, run, table) for table in ("steps", "model_calls"))
    return mermaid(loaded, overlay_of(loaded.workflow, f"run {run} {status}", steps, calls))
