"""`wf run`: check a workflow, run it, and say how it stands."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from functools import partial
from typing import Any

import click
import msgspec

from runner.cli.driving import Manner, drive
from runner.cli.flow_files import checked_flow
from runner.cli.object_files import read_object
from runner.cli.options import (
    driving_options,
    given_replies,
    max_cost_option,
    offer_flows,
    parse_allowed,
    parse_answers,
    parse_inputs,
    parse_pairs,
    reply_options,
    waiting_options,
)
from runner.cli.settings import durability, refuse_unusable
from runner.cli.speaking import annotate, in_actions, say
from runner.cli.stored import writing
from runner.engine.loading import load_workflow
from runner.engine.run_options import RunOptions, unused_replies
from runner.engine.runs import Prepared, checked_run_id, prepare, start
from runner.ground.clock import SystemClock
from runner.ground.errors import InvalidWorkflow, UsageError
from runner.ground.json_value import Json
from runner.workflow.inputs import parse_input
from runner.workflow.model import Loaded

EPILOG = """\b
Examples:
  wf run flow.yaml -i topic=tea -i longest=9
  wf run flow.yaml --inputs inputs.json --mock flow.mock.yaml
  wf run flow.yaml -i topic=tea --record tape.yaml   # asks, and writes down what came of it
  wf run flow.yaml -i topic=tea --replay tape.yaml   # the same run again: offline, no key
  wf run approval.yaml --no-input --json      # in CI: never asks, one JSON document
  wf run approval.yaml --answer approve=yes   # answers a person's question beforehand
  wf run approval.yaml --answer approve=no --answer 'approve#2=yes'
  wf run flow.yaml -i topic=tea --agent writer=poet.yaml --model fast=openai/gpt-4o
\b
Exit codes: 0 completed, 1 failed, 2 usage or invalid file, 3 paused (waiting), 4 cancelled,
5 store or environment, 130/143 interrupted.
"""


@click.command("run", epilog=EPILOG)
@click.argument("flow", shell_complete=offer_flows)
@click.argument("more", nargs=-1, metavar="")
@click.option(
    "-i",
    "pairs",
    multiple=True,
    metavar="NAME=VALUE",
    help="An input: text, or JSON if its type is none; @FILE gives it.",
)
@click.option("--inputs", "inputs_file", metavar="FILE", help="Inputs in JSON or YAML; - reads stdin; -i wins.")
@click.option("--model", "models", multiple=True, metavar="ALIAS=MODEL", help="Another model for an alias.")
@click.option("--agent", "agents", multiple=True, metavar="AGENT=FILE", help="Another agent, from a file of its own.")
@click.option(
    "--allow",
    "allowed",
    multiple=True,
    metavar="KIND:VALUE",
    help="Add to permissions: commands, read, write, python, network, env.",
)
@click.option(
    "--deny",
    "denied",
    multiple=True,
    metavar="KIND:VALUE",
    help="Take away from permissions, by the same kinds; it wins over all that allows.",
)
@reply_options
@click.option("--answer", "answers", multiple=True, metavar="STEP=VALUE", help="Answer a person's question beforehand.")
@max_cost_option
@waiting_options
@click.option("--run-id", metavar="ID", help="The run's id; fresh by default.")
@click.option("--name", metavar="TEXT", default="", help="What to call the run.")
@driving_options
def wf_run(flow: str, db: str | None, **given: Any) -> int:
    """Run FLOW: a YAML file, or pattern:NAME."""
    _refuse_more(given.pop("more"))
    manner, safety = msgspec.convert(given, Manner), durability(given["durable"])
    refuse_unusable(manner.wait_limit, manner.most)
    prepared = _prepared(flow, given, parse_answers(manner.answers))
    with writing(db, safety, create=True) as store:
        return drive(store, partial(start, prepared), manner)


def _refuse_more(words: tuple[str, ...]) -> None:
    """Words after the workflow: inputs, as other programs take them, are given by `-i`."""
    if not words:
        return
    name, sign, _ = words[0].partition("=")
    hint = f"an input is given by -i {shlex.quote(words[0])}" if sign and name else "inputs are given by -i NAME=VALUE"
    raise UsageError(f"'{words[0]}' stands where nothing is expected", hint)


def _prepared(flow: str, given: dict[str, Any], answers: Mapping[str, str]) -> Prepared:
    """The run that the command line describes, checked; its warnings are told."""
    agents = {
        name: os.path.abspath(file)  # noqa: PTH100 - Path would follow links
        for name, file in parse_pairs(given["agents"], "--agent AGENT=FILE").items()
    }
    allowed = parse_allowed(given["allowed"])
    denied = parse_allowed(given["denied"], "--deny")
    loaded = _load(flow, allowed, agents, denied)
    script, tape = given_replies(given)
    for warning in unused_replies(loaded.workflow, script) if script is not None else ():
        say(str(warning))
    models = parse_pairs(given["models"], "--model ALIAS=MODEL")
    name, run, most = given["name"], checked_run_id(given["run_id"]), given["max_cost_usd"]
    choices = RunOptions(models, allowed, script, name, run, agents, denied, tape, most)
    inputs = _inputs(loaded, given["pairs"], given["inputs_file"])
    prepared = prepare(loaded, inputs, choices, os.environ, SystemClock(), answers)
    for warning in prepared.warnings:
        say(str(warning))
    return prepared


def _load(flow: str, allowed: dict[str, list[str]], agents: dict[str, str], denied: dict[str, list[str]]) -> Loaded:
    try:
        loaded = load_workflow(checked_flow(flow), allowed, agents, denied)
    except InvalidWorkflow as error:
        if in_actions():
            annotate(error.problems, err=True)
        raise
    for warning in loaded.warnings:
        say(str(warning))
    return loaded


def _inputs(loaded: Loaded, pairs: tuple[str, ...], file: str | None) -> dict[str, Json]:
    given = read_object(file) if file else {}
    typed = parse_inputs(pairs)
    return given | {name: parse_input(loaded.workflow.inputs, name, text) for name, text in typed.items()}
