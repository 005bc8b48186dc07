"""`wf signal`: send a named message to a run; it is kept until something waits for it."""

from __future__ import annotations

import click

from runner.cli.completing_runs import RUN
from runner.cli.driving import Show, Signals, drive, surroundings
from runner.cli.printing import resume_command
from runner.cli.settings import database_option, wait_limit
from runner.cli.speaking import say
from runner.cli.stored import find_run, writing
from runner.clock import SystemClock
from runner.errors import EXIT_COMPLETED, UsageError
from runner.json_text import NotJson, parse_json
from runner.model import Json
from runner.runs import resume
from runner.store.contract import Message
from runner.store.lease import may_take_over

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
@click.option("--json", "as_document", is_flag=True, help="With --resume: one JSON document on stdout.")
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
        now = SystemClock().now()
        store.post(Message(row.id, "signal", now, name, value))
        if not may_take_over(row, now):
            say(f"'{name}' is sent; run {row.id} goes on in {row.owner}")
            return EXIT_COMPLETED
        if not given["goes_on"]:
            say(f"'{name}' is recorded; go on with: {resume_command(row.id)}")
            return EXIT_COMPLETED
        show, signals = Show(json=given["as_document"], no_input=given["no_input"]), Signals()
        around = surroundings(store, show, (), wait_limit(None), signals)
        return drive(resume(row.id, {}, around), show, signals)


def _value(data: str | None) -> Json:
    if data is None:
        return None
    try:
        return parse_json(data)
    except NotJson as error:
        raise UsageError(f"'{data[:80]}' is no JSON: {error}", "a text is JSON in quotes: '\"text\"'") from None
