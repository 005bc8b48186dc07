"""What goes on from a run's record: `wf resume`, and as new runs `wf fork` and `wf retry`."""

from __future__ import annotations

from functools import partial
from typing import Any

import click
import msgspec

from runner.cli.driving import Manner, drive
from runner.cli.options import (
    driving_options,
    given_replies,
    max_cost_option,
    parse_allowed,
    parse_inputs,
    parse_pairs,
    reply_options,
    together,
    waiting_options,
)
from runner.cli.settings import durability
from runner.cli.stored import find_checkpoint, find_run, run_argument, writing
from runner.engine.run_options import RunOptions
from runner.engine.runs import checked_run_id
from runner.ground.advice import command_line
from runner.ground.errors import UsageError
from runner.ground.json_text import NotJson, parse_json
from runner.ground.json_value import Json
from runner.record.address import ROOT
from runner.travel.forks import Changes, fork, retry
from runner.travel.resuming import resume

RESUME = """\b
Examples:
  wf resume last
  wf resume 0mwsi --no-input --json
  wf resume last --model fast=ollama/llama3.2
  wf resume last --mock more.yaml             # a scripted reply was missing
  wf resume last --record tape.yaml           # a replay did not hold a call: ask from here on
  wf resume last -i token=@token.txt          # a secret input is needed again
  wf resume last --max-cost 2.50              # its budget was used up
  wf resume last --workflow changed.yaml      # what has not begun yet may be different there
"""

FORK = """\b
Examples:
  wf fork last@42                             # go on from there once more
  wf fork last@42 --set state.severity=low    # with an edited state
  wf fork last@42 --set all/deploy.state.severity=low     # of an open branch
  wf fork last@42 --workflow changed.yaml     # with a changed file
"""

RETRY = """\b
Examples:
  wf retry last
  wf retry last --model fast=anthropic/claude-sonnet-4-5
  wf retry last --workflow mended.yaml
"""

_secrets_option = click.option(
    "-i", "secrets", multiple=True, metavar="NAME=@FILE", help="A secret input, which is not recorded."
)

_changing_options = together(
    _secrets_option,
    click.option(
        "--workflow", "changed", metavar="FILE", help="Go on with this file in the place of the recorded one."
    ),
    click.option("--model", "models", multiple=True, metavar="ALIAS=MODEL", help="Another model for an alias."),
    reply_options,
    click.option("--allow", "allowed", multiple=True, metavar="KIND:VALUE", help="As `wf run --allow`."),
    click.option("--answer", "answers", multiple=True, metavar="STEP=VALUE", help="Answer a question beforehand."),
    click.option("--run-id", metavar="ID", help="The new run's id; fresh by default."),
    max_cost_option,
    waiting_options,
    driving_options,
)
"""What `wf fork` and `wf retry` let a person change."""


@click.command("resume", epilog=RESUME)
@run_argument
@_secrets_option
@click.option(
    "--workflow", "changed", metavar="FILE", help="Go on with this file, if all that has begun is the same there."
)
@click.option("--model", "models", multiple=True, metavar="ALIAS=MODEL", help="Another model from now on.")
@reply_options
@click.option("--answer", "answers", multiple=True, metavar="STEP=VALUE", help="Answer a person's question beforehand.")
@max_cost_option
@waiting_options
@driving_options
def wf_resume(run: str, changed: str | None, db: str | None, **given: Any) -> int:
    """Go on with RUN (its id, the beginning of it, or `last`) from its last recorded event."""
    manner = msgspec.convert(given, Manner)
    secrets, (script, tape) = _secrets(given), given_replies(given)
    choices = RunOptions(_models(given), script=script, tape=tape, max_cost_usd=given["max_cost_usd"])
    with writing(db, durability(given["durable"])) as store:
        row = find_run(store, run)
        work = partial(resume, row.id, secrets, changed=changed or "", choices=choices)
        return drive(store, work, manner)


@click.command("fork", epilog=FORK)
@click.argument("checkpoint", metavar="RUN@N")
@click.option(
    "--set",
    "edits",
    multiple=True,
    metavar="PATH=VALUE",
    help="state.KEY=VALUE, inputs.NAME=VALUE, or PATH.state.KEY=VALUE.",
)
@_changing_options
def wf_fork(checkpoint: str, edits: tuple[str, ...], db: str | None, **given: Any) -> int:
    """Begin a new run that shares the past of RUN up to checkpoint N, and go on from there.

    RUN itself stays as it is. What was in flight at N begins anew. VALUE is JSON, or else text; PATH is that of an open
    branch or called workflow, as `wf state RUN@N` lists them.
    """
    manner, changes = msgspec.convert(given, Manner), _changes(given, edits)
    with writing(db, durability(given["durable"])) as store:
        return drive(store, partial(fork, *find_checkpoint(store, checkpoint), changes), manner)


@click.command("retry", epilog=RETRY)
@run_argument
@_changing_options
def wf_retry(run: str, db: str | None, **given: Any) -> int:
    """Fork the failed RUN before the step that failed: a new run, in which that step begins anew.

    What had been completed by then is taken over, and does not run again.
    """
    manner, changes = msgspec.convert(given, Manner), _changes(given)
    with writing(db, durability(given["durable"])) as store:
        return drive(store, partial(retry, find_run(store, run).id, changes), manner)


def _secrets(given: dict[str, Any]) -> dict[str, str]:
    return parse_inputs(given["secrets"])


def _models(given: dict[str, Any]) -> dict[str, str]:
    return parse_pairs(given["models"], "--model ALIAS=MODEL")


def _changes(given: dict[str, Any], edits: tuple[str, ...] = ()) -> Changes:
    """What the options change. Raises UsageError."""
    states, inputs = _edits(edits)
    script, tape = given_replies(given)
    run = checked_run_id(given["run_id"])
    most = given["max_cost_usd"]
    choices = RunOptions(_models(given), parse_allowed(given["allowed"]), script, run=run, tape=tape, max_cost_usd=most)
    return Changes(states, inputs, given["changed"] or "", choices, _secrets(given))


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
                hint = (
                    f"a key's whole value; {command_line('state', 'RUN@N')} lists the states there, and what they hold"
                )
                raise UsageError(f"--set {place}: a fork changes state.KEY, PATH.state.KEY or inputs.NAME", hint)
    return states, inputs


def _value(text: str) -> Json:
    try:
        return parse_json(text)
    except NotJson:
        return text
