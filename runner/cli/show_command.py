"""`wf show`: the whole story of a run."""

from __future__ import annotations

import json

import click

from runner.cli.completing_runs import RUN
from runner.cli.printing import command_for, document, moment, resume_command
from runner.cli.reporting import as_json
from runner.cli.settings import database_option
from runner.cli.speaking import tell
from runner.cli.stored import find_run, reading, was_left
from runner.cli.story import story
from runner.engine.runs import RunResult, result_of
from runner.ground.json_value import Json
from runner.ground.plain import one_line
from runner.record.history import load_state, read_table
from runner.record.run_state import RunState
from runner.record.store.contract import RunRow
from runner.seeing.subscribers.lines import dollars

TABLES = ("steps", "attempts", "model_calls")

EPILOG = """\b
Examples:
  wf show last
  wf show 0mwsi --json
"""


@click.command("show", epilog=EPILOG)
@click.argument("run", type=RUN)
@click.option("--json", "as_document", is_flag=True, help="As one JSON document.")
@database_option
def command(run: str, as_document: bool, db: str | None) -> int:
    """Tell what RUN did: its steps with their attempts, errors, routes and times, its model calls, its outputs."""
    with reading(db) as store:
        row = find_run(store, run)
        state = load_state(store, row.id)
        tables = {name: read_table(store, row.id, name) for name in TABLES}
    result = result_of(row.id, state)
    if as_document:
        click.echo(as_json(document(result) | tables))
        return 0
    _header(row, state)
    tell("steps")
    for line in story(tables["steps"], tables["attempts"], tables["model_calls"]):
        tell(line)
    _footer(row, result)
    return 0


def _header(row: RunRow, state: RunState) -> None:
    tell(f"run {row.id}: {row.workflow} {row.version}".rstrip())
    tell(f"status    {state.status}{f' ({state.reason})' if state.reason else ''}")
    if was_left(row):
        tell(f"          it was left by its process; go on with: {resume_command(row.id)}")
    if row.parent:
        tell(f"fork      of {row.parent}@{row.fork}")
    tell(f"started   {moment(row.created_at)}")
    tell(f"last      {moment(row.updated_at)}, {row.events} events")
    for name, value in (state.started.inputs if state.started else {}).items():
        tell(f"input     {name}: {_value(value)}")


def _value(value: Json) -> str:
    return one_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _footer(row: RunRow, result: RunResult) -> None:
    for waiting in result.waiting:
        until = "" if waiting.until is None else f", until {moment(waiting.until)}"
        tell(f"waiting   {waiting.step}{until}{f': {one_line(waiting.prompt, 300)}' if waiting.prompt else ''}")
        tell(f"          {command_for(row.id, waiting)}")
    if result.tokens:
        tell(f"used      {result.tokens} tokens, {dollars(result.cost_usd)}")
    if result.error is not None:
        tell(f"error     {result.error['type']}: {one_line(result.error['message'], 300)}")
    for name, value in result.outputs.items():
        tell(f"output    {name}: {_value(value)}")
