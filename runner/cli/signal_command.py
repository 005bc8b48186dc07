"""`wf signal`: send a named message to a run; it is kept until something waits for it."""

from __future__ import annotations

import click

from runner.cli.completing_runs import RUN
from runner.cli.driving import Show
from runner.cli.sending import Sending, send
from runner.cli.settings import database_option
from runner.cli.speaking import say
from runner.cli.stored import find_run, writing
from runner.ground.clock import SystemClock
from runner.ground.errors import UsageError
from runner.ground.json_text import NotJson, parse_json
from runner.ground.json_value import Json
from runner.record.history import load_state
from runner.record.run_state import RunState
from runner.record.store.contract import Message

LONGEST_NAME = 200

EPILOG = """\b
Examples:
  wf signal last deployed                     # a live run goes on by itself
  wf signal last deployed '{"version": "1.2.0"}' --resume
"""


@click.command("signal", epilog=EPILOG)
@click.argument("run", type=RUN)
@click.argument("name")
@click.argument("data", required=False, metavar="[JSON]")
@click.option("--resume", "goes_on", is_flag=True, help="Go on with the run in this process.")
@click.option("--no-input", is_flag=True, help="With --resume: never ask.")
@click.option("--json", "as_document", is_flag=True, help="How the run stands then, as one JSON document on stdout.")
@click.option("--quiet", is_flag=True, help="With --resume: no progress; outputs and errors only.")
@database_option
def command(run: str, name: str, data: str | None, db: str | None, **given: bool) -> int:
    """Send the signal NAME to RUN, with JSON as its data. One wait takes it, the oldest signal first."""
    value = _value(data)
    if not 0 < len(name) <= LONGEST_NAME:
        raise UsageError(f"a signal's name has 1 to {LONGEST_NAME} characters")
    with writing(db) as store:
        row = find_run(store, run)
        if row.status in ("completed", "failed", "cancelled"):
            raise UsageError(f"run {row.id} has ended: {row.status}")
        awaited = _awaited(load_state(store, row.id))
        if awaited and name not in awaited:
            say(f"nothing waits for '{name}' now, but for: {', '.join(awaited)}; it is kept until something does")
        show = Show(json=given["as_document"], quiet=given["quiet"], no_input=given["no_input"])
        message = Message(row.id, "signal", SystemClock().now(), name, value)
        return send(
            store, row, message, f"the signal '{name}' for run {row.id} is recorded", Sending(show, given["goes_on"])
        )


def _awaited(state: RunState) -> list[str]:
    """The signals that something in a run waits for."""
    waiting = (state.steps[path].waiting for path in state.waiting)
    return sorted({name for wait in waiting if wait is not None for name in wait.signals.values()})


def _value(data: str | None) -> Json:
    if data is None:
        return None
    try:
        return parse_json(data)
    except NotJson as error:
        raise UsageError(f"'{data[:80]}' is no JSON: {error}", "a text is JSON in quotes: '\"text\"'") from None
