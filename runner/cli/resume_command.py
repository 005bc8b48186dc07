"""`wf resume`: go on with a paused or killed run."""

from __future__ import annotations

from typing import Any

import click

from runner.cli.completing_runs import RUN
from runner.cli.driving import Show, Signals, parse_pairs, run_and_tell, surroundings
from runner.cli.settings import concurrency_option, database_option, durability, durability_option, wait_limit
from runner.cli.stored import find_run, writing
from runner.travel.resuming import resume

EPILOG = """\b
Examples:
  wf resume last
  wf resume 0mwsi --no-input --json
  wf resume last --model fast=ollama/llama3.2
  wf resume last -i token=s3cret-w0rd         # a secret input is needed again
  wf resume last --workflow changed.yaml      # what has not begun yet may be different there
"""


@click.command("resume", epilog=EPILOG)
@click.argument("run", type=RUN)
@click.option("-i", "pairs", multiple=True, metavar="NAME=VALUE", help="A secret input, which is not recorded.")
@click.option(
    "--workflow", "changed", metavar="FILE", help="Go on with this file, if all that has begun is the same there."
)
@click.option("--model", "models", multiple=True, metavar="ALIAS=MODEL", help="Another model from now on.")
@click.option("--answer", "answers", multiple=True, metavar="STEP=VALUE", help="Answer a person's question beforehand.")
@click.option("--no-input", is_flag=True, help="Never ask; pause when only a person can go on.")
@click.option("--wait-limit", metavar="DURATION", help="How long to stay while only time goes on (60s).")
@click.option("--json", "as_document", is_flag=True, help="One JSON document on stdout, and nothing else.")
@click.option("--events", is_flag=True, help="Every event as a line of JSON on stdout.")
@click.option("--quiet", is_flag=True, help="No progress; outputs and errors only.")
@concurrency_option
@durability_option
@database_option
def command(run: str, as_document: bool, db: str | None, **given: Any) -> int:
    """Go on with RUN (its id, the beginning of it, or `last`) from its last recorded event."""
    show = Show(as_document, given["events"], given["quiet"], given["no_input"])
    signals = Signals()
    with writing(db, durability(given["durable"])) as store:
        limit = wait_limit(given["wait_limit"])
        around = surroundings(store, show, given["answers"], limit, signals, given["most"])
        secrets = parse_pairs(given["pairs"], "-i NAME=VALUE")
        models = parse_pairs(given["models"], "--model ALIAS=MODEL")
        row = find_run(store, run)
        return run_and_tell(resume(row.id, secrets, around, given["changed"] or "", models), show, signals)
