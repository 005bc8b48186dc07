"""`wf answer`: answer a step that waits for a person."""

from __future__ import annotations

from typing import Any

import click

from runner.cli.completing_runs import RUN, STEP
from runner.cli.driving import Show, parse_pairs
from runner.cli.printing import resume_command
from runner.cli.sending import Sending, send
from runner.cli.settings import database_option
from runner.cli.stored import find_run, writing
from runner.ground.clock import SystemClock
from runner.ground.errors import UsageError, did_you_mean
from runner.record.answers import names_step, parse_answer
from runner.record.events import StepWaiting
from runner.record.history import load_state
from runner.record.run_state import RunState
from runner.record.store.contract import Message, RunRow, Store

EPILOG = """\b
Examples:
  wf answer last approve yes                  # a live run goes on by itself
  wf answer last approve yes --resume         # go on with a paused one here
  wf answer last form '{"name": "Ann", "age": 7}' --resume
  wf answer last offset --resume -- -1        # what begins with a dash comes after --
"""


@click.command("answer", epilog=EPILOG)
@click.argument("run", type=RUN)
@click.argument("step", type=STEP)
@click.argument("value")
@click.option("--resume", "goes_on", is_flag=True, help="Go on with the run in this process.")
@click.option("-i", "pairs", multiple=True, metavar="NAME=VALUE", help="With --resume: a secret input, once more.")
@click.option("--no-input", is_flag=True, help="With --resume: never ask.")
@click.option("--json", "as_document", is_flag=True, help="How the run stands then, as one JSON document on stdout.")
@click.option("--quiet", is_flag=True, help="With --resume: no progress; outputs and errors only.")
@database_option
def command(run: str, step: str, value: str, db: str | None, **given: Any) -> int:
    """Answer STEP of RUN with VALUE: a choice, a form as JSON, or a text. A wrong answer is refused.

    STEP is a step's path, or the end of it if only one step that waits ends so.
    """
    show = Show(json=given["as_document"], quiet=given["quiet"], no_input=given["no_input"])
    sending = Sending(show, given["goes_on"], parse_pairs(given["pairs"], "-i NAME=VALUE"))
    with writing(db) as store:
        row = find_run(store, run)
        asked = _asked(load_state(store, row.id), row, step)
        answer = parse_answer(asked, value)
        _refuse_second(store, row, asked.step)
        message = Message(row.id, "answer", SystemClock().now(), asked.step, answer)
        return send(store, row, message, f"{asked.step} of run {row.id} is answered", sending)


def _asked(state: RunState, row: RunRow, step: str) -> StepWaiting:
    waiting = [
        found for path in state.waiting if (found := state.steps[path].waiting) is not None and found.kind == "person"
    ]
    named = [found for found in waiting if names_step(step, found.step)]
    exact = [found for found in named if found.step == step] or named
    if len(exact) == 1:
        return exact[0]
    if state.ended:
        raise UsageError(f"run {row.id} has ended: {state.status}")
    if exact:
        several = ", ".join(found.step for found in exact[:9])
        raise UsageError(f"several steps are '{step}': {several}", "name one by its whole path")
    known = [found.step for found in waiting]
    hint = f"these wait: {', '.join(known)}" if known else "nothing waits for a person"
    raise UsageError(f"step '{step}' does not wait for an answer{did_you_mean(step, known)}", hint)


def _refuse_second(store: Store, row: RunRow, step: str) -> None:
    """The first answer counts: the run takes it as soon as it goes on."""
    if any(message.kind == "answer" and message.target == step for message in store.inbox(row.id)):
        hint = f"it goes on with: {resume_command(row.id)}"
        raise UsageError(f"'{step}' has been answered already", hint)
