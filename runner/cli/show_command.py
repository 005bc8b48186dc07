"""`wf show`: the whole story of a run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click

from runner.cli.printing import answer_command, document, moment, tell
from runner.cli.reporting import as_json
from runner.cli.settings import database_option
from runner.cli.stored import find_run, reading
from runner.history import load, read_table
from runner.plain import one_line
from runner.runs import result_of
from runner.state import RunState
from runner.store.contract import RunRow
from runner.subscribers.lines import MARKS

Json = Any
Row = Mapping[str, Json]

EPILOG = """\b
Examples:
  wf show last
  wf show 0mwsi --json
"""


@click.command("show", epilog=EPILOG)
@click.argument("run")
@click.option("--json", "as_document", is_flag=True, help="As one JSON document.")
@database_option
def command(run: str, as_document: bool, db: str | None) -> int:
    """Tell what RUN did: its steps with their attempts, errors, routes and times, its model calls, its outputs."""
    with reading(db) as store:
        row = find_run(store, run)
        state = load(store, row.id)
        steps = read_table(store, row.id, "steps")
        calls = read_table(store, row.id, "model_calls")
    if as_document:
        content = document(result_of(row.id, state)) | {"steps": steps, "model_calls": calls}
        click.echo(as_json(content))
        return 0
    _header(row, state)
    _steps(steps, {call["step"]: call for call in calls})
    _footer(row, state)
    return 0


def _header(row: RunRow, state: RunState) -> None:
    tell(f"run {row.id}: {row.workflow} {row.version}".rstrip())
    tell(f"status    {state.status}{f' ({state.reason})' if state.reason else ''}")
    tell(f"started   {moment(row.created_at)}")
    tell(f"last      {moment(row.updated_at)}, {row.events} events")
    for name, value in (state.started.inputs if state.started else {}).items():
        tell(f"input     {name}: {_value(value)}")


def _value(value: Json) -> str:
    return one_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _steps(steps: Sequence[Row], calls: Mapping[str, Row]) -> None:
    tell("steps")
    for step in sorted(steps, key=lambda step: (step["started_seq"], step["step"])):
        tell(f"{'  ' * (1 + str(step['step']).count('/'))}{_step(step, calls.get(step['step']))}")
        if step["error"] and step["status"] == "failed":
            error = step["error"]
            tell(f"{'  ' * (2 + str(step['step']).count('/'))}{error['type']}: {one_line(error['message'], 300)}")


def _step(step: Row, call: Row | None) -> str:
    words = [MARKS.get(step["status"], "…"), str(step["step"]), str(step["status"])]
    if step["verb"] not in ("none", "call"):
        words.insert(2, f"[{step['verb']}]")
    if (step["attempt"] or 0) > 1:
        words.append(f"attempt {step['attempt']}")
    if step["ended_at"] is not None and step["started_at"] is not None:
        words.append(f"{step['ended_at'] - step['started_at']:.2f} s")
    if call is not None:
        words.append(_used(call))
    if step["route"]:
        words.append(f"→ {step['route']}")
    return " ".join(words)


def _used(call: Row) -> str:
    tokens = (call["prompt_tokens"] or 0) + (call["reply_tokens"] or 0)
    cost = "price unknown" if call["cost_usd"] is None else f"${call['cost_usd']:.4f}"
    return f"({call['model']}: {tokens} tokens, {cost})" if tokens else f"({call['model']})"


def _footer(row: RunRow, state: RunState) -> None:
    for path in state.waiting:
        waiting = state.steps[path].waiting
        if waiting is not None and waiting.kind == "person":
            tell(f"waiting   {waiting.step}: {one_line(waiting.prompt, 300)}")
            tell(f"          {answer_command(row.id, waiting)}")
    if state.tokens:
        cost = "cost unknown" if state.unpriced else f"${state.cost_usd:.4f}"
        tell(f"used      {state.tokens} tokens, {cost}")
    if state.error is not None:
        tell(f"error     {state.error['type']}: {one_line(state.error['message'], 300)}")
    for name, value in state.outputs.items():
        tell(f"output    {name}: {_value(value)}")
