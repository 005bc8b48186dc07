"""`wf run`: check a workflow, run it, and say how it stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from runner.cli.driving import Show, Signals, drive, parse_pairs, surroundings
from runner.cli.printing import say
from runner.cli.reporting import annotate, as_json, in_actions, json_object, parse_allowed, problem_json
from runner.cli.settings import database_option, durability, wait_limit
from runner.cli.stored import writing
from runner.errors import InvalidWorkflow, UsageError
from runner.inputs import check_inputs
from runner.loading import load
from runner.model import Json, Loaded
from runner.providers.mock_file import read_script
from runner.providers.scripted import Script
from runner.runs import Choices, parse_input, start

RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")

EPILOG = """\b
Examples:
  wf run flow.yaml -i topic=tea -i rounds=2
  wf run flow.yaml --inputs inputs.json --mock replies.yaml
  wf run flow.yaml --no-input --json          # in CI: never asks, one JSON document
  wf run flow.yaml --answer approve=yes       # answers a person's question beforehand
\b
Exit codes: 0 completed, 1 failed, 2 usage or invalid file, 3 paused (waiting), 4 cancelled,
5 store or environment, 130/143 interrupted.
"""


@click.command("run", epilog=EPILOG)
@click.argument("flow")
@click.option(
    "-i", "pairs", multiple=True, metavar="NAME=VALUE", help="An input: text if its type is string, else JSON."
)
@click.option("--inputs", "inputs_file", metavar="FILE", help="Inputs as a JSON object; - reads stdin; -i wins.")
@click.option("--model", "models", multiple=True, metavar="ALIAS=MODEL", help="Another model for an alias.")
@click.option(
    "--allow",
    "allowed",
    multiple=True,
    metavar="KIND:VALUE",
    help="Add to permissions: commands, read, write, network, env.",
)
@click.option("--mock", metavar="FILE", help="Scripted replies in the place of models.")
@click.option("--answer", "answers", multiple=True, metavar="STEP=VALUE", help="Answer a person's question beforehand.")
@click.option("--no-input", is_flag=True, help="Never ask; pause when only a person can go on.")
@click.option("--wait-limit", metavar="DURATION", help="How long to stay while only time goes on (60s).")
@click.option("--run-id", metavar="ID", help="The run's id; fresh by default.")
@click.option("--name", metavar="TEXT", default="", help="What to call the run.")
@click.option("--json", "as_document", is_flag=True, help="One JSON document on stdout, and nothing else.")
@click.option("--events", is_flag=True, help="Every event as a line of JSON on stdout.")
@click.option("--quiet", is_flag=True, help="No progress; outputs and errors only.")
@click.option(
    "--durability", "durable", type=click.Choice(["full", "normal"]), help="What a commit survives (full: power loss)."
)
@database_option
def command(flow: str, as_document: bool, db: str | None, **given: Any) -> int:
    """Run FLOW: a YAML file, or pattern:NAME."""
    show = Show(as_document, given["events"], given["quiet"], given["no_input"])
    loaded = _load(flow, given["allowed"], show)
    inputs = _inputs(loaded, given["pairs"], given["inputs_file"])
    choices = Choices(
        parse_pairs(given["models"], "--model ALIAS=MODEL"),
        parse_allowed(given["allowed"]),
        _script(given["mock"]),
        given["name"],
        checked_run_id(given["run_id"]),
    )
    signals = Signals()
    with writing(db, durability(given["durable"]), create=True) as store:
        around = surroundings(store, show, given["answers"], wait_limit(given["wait_limit"]), signals)
        return drive(start(loaded, inputs, choices, around), show, signals)


def _load(flow: str, allowed: tuple[str, ...], show: Show) -> Loaded:
    try:
        loaded = load(flow, parse_allowed(allowed))
    except InvalidWorkflow as error:
        if show.json:
            click.echo(as_json({"status": "invalid", "errors": [problem_json(problem) for problem in error.problems]}))
        if in_actions() and not show.json:
            annotate(error.problems)
        raise
    for warning in loaded.warnings:
        say(str(warning))
    return loaded


def _inputs(loaded: Loaded, pairs: tuple[str, ...], file: str | None) -> dict[str, Json]:
    workflow = loaded.workflow
    given = json_object(file) if file else {}
    typed = parse_pairs(pairs, "-i NAME=VALUE")
    given |= {name: parse_input(workflow, name, text) for name, text in typed.items()}
    known = {name: entry for name, entry in workflow.inputs.items() if name in given or not entry.env}
    check_inputs({**known, **{name: workflow.inputs[name] for name in given if name in workflow.inputs}}, given)
    return given


def _script(mock: str | None) -> Script | None:
    return read_script(Path(mock)) if mock else None


def checked_run_id(given: str | None) -> str:
    """A run's id as given, or nothing. Raises UsageError."""
    if given is not None and not RUN_ID.fullmatch(given):
        raise UsageError(
            f"'{given[:80]}' can't be a run's id",
            "letters, digits, `_`, `.` and `-`, at most 64, none of these three first",
        )
    if given == "last":
        raise UsageError("'last' can't be a run's id: it stands for the newest run")
    return given or ""
