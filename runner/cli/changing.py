"""What `fork`, `retry` and `resume` let a person change of a run, as options, and read back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from runner.cli.driving import parse_pairs
from runner.cli.reporting import parse_allowed
from runner.cli.settings import concurrency_option, database_option, durability_option
from runner.engine.choices import Choices
from runner.ground.errors import UsageError
from runner.ground.json_text import NotJson, parse_json
from runner.ground.json_value import Json
from runner.record.address import ROOT
from runner.travel.forks import Changes
from runner.world.providers.scripted import read_script

WHOLE = "a key's whole value; wf state RUN@N lists the states there, and what they hold"

_OPTIONS = (
    click.option("-i", "secrets", multiple=True, metavar="NAME=VALUE", help="A secret input, which is not recorded."),
    click.option(
        "--workflow", "changed", metavar="FILE", help="Go on with this file in the place of the recorded one."
    ),
    click.option("--model", "models", multiple=True, metavar="ALIAS=MODEL", help="Another model for an alias."),
    click.option("--mock", metavar="FILE", help="Scripted replies in the place of models."),
    click.option("--allow", "allowed", multiple=True, metavar="KIND:VALUE", help="As `wf run --allow`."),
    click.option("--answer", "answers", multiple=True, metavar="STEP=VALUE", help="Answer a question beforehand."),
    click.option("--run-id", metavar="ID", help="The new run's id; fresh by default."),
    click.option("--no-input", is_flag=True, help="Never ask; pause when only a person can go on."),
    click.option("--wait-limit", metavar="DURATION", help="How long to stay while only time goes on (60s)."),
    click.option("--json", "as_document", is_flag=True, help="One JSON document on stdout, and nothing else."),
    click.option("--events", is_flag=True, help="Every event as a line of JSON on stdout."),
    click.option("--quiet", is_flag=True, help="No progress; outputs and errors only."),
    concurrency_option,
    durability_option,
    database_option,
)


def changing_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that `fork` and `retry` share."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def changes_of(given: dict[str, Any], run_id: str, edits: tuple[str, ...] = ()) -> Changes:
    """What the options change. Raises UsageError."""
    states, inputs = _edits(edits)
    return Changes(
        states,
        inputs,
        given["changed"] or "",
        Choices(
            parse_pairs(given["models"], "--model ALIAS=MODEL"),
            parse_allowed(given["allowed"]),
            read_script(Path(given["mock"])) if given["mock"] else None,
            run=run_id,
        ),
        parse_pairs(given["secrets"], "-i NAME=VALUE"),
    )


def _edits(pairs: tuple[str, ...]) -> tuple[dict[str, dict[str, Json]], dict[str, Json]]:
    """`state.KEY=VALUE` and `PATH.state.KEY=VALUE`, by path; `inputs.NAME=VALUE`. A value is JSON, or else text."""
    states: dict[str, dict[str, Json]] = {}
    inputs: dict[str, Json] = {}
    for place, text in parse_pairs(pairs, "--set state.KEY=VALUE").items():
        parts = place.split(".")
        match parts if all(parts) else []:
            case ["inputs", name]:
                inputs[name] = _value(text)
            case ["state", key]:
                states.setdefault(ROOT, {})[key] = _value(text)
            case [path, "state", key]:
                states.setdefault(path, {})[key] = _value(text)
            case _:
                raise UsageError(f"--set {place}: a fork changes state.KEY, PATH.state.KEY or inputs.NAME", WHOLE)
    return states, inputs


def _value(text: str) -> Json:
    try:
        return parse_json(text)
    except NotJson:
        return text
