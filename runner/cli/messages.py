"""What is sent to a run: `wf answer`, `wf signal`, `wf pause`, `wf cancel`.

A process that drives the run takes it; else the run goes on here, or later.
"""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import click
import msgspec
from msgspec.structs import replace

from runner.cli.driving import Manner, drive
from runner.cli.options import database_option, parse_inputs, together
from runner.cli.printing import document
from runner.cli.speaking import say, tell_json
from runner.cli.stored import find_run, offer_steps, run_argument, writing
from runner.engine.given_answers import answered_steps, refuse_late_answer
from runner.engine.given_inputs import needed_secrets
from runner.engine.inbox import why_refused
from runner.engine.loading import pinned
from runner.engine.runs import result_of
from runner.engine.scheduler import Live
from runner.ground.advice import command_line, resume_command
from runner.ground.clock import SystemClock
from runner.ground.errors import EXIT_CANCELLED, EXIT_COMPLETED, UsageError, did_you_mean
from runner.ground.json_text import NotJson, parse_json
from runner.ground.json_value import Json, same_json
from runner.record.answers import names_step, parse_answer, sealed
from runner.record.events import StepWaiting
from runner.record.fold import IMPOSSIBLE
from runner.record.history import load_state
from runner.record.run_state import RunState
from runner.record.store.contract import Message, RunRow, Store
from runner.record.store.lease import may_take_over
from runner.record.store.rules import ENDED
from runner.travel.resuming import refuse_without_secrets, resume

LONGEST_NAME = 200

ANSWER = """\b
Examples:
  wf answer last approve yes                  # a live run goes on by itself
  wf answer last approve yes --resume         # go on with a paused one here
  wf answer last form '{"name": "Ann", "age": 7}' --resume
  wf answer last offset --resume -- -1        # what begins with a dash comes after --
"""

SIGNAL = """\b
Examples:
  wf signal last deployed                     # a live run goes on by itself
  wf signal last deployed '{"version": "1.2.0"}' --resume
"""

PAUSE = """\b
Examples:
  wf pause last
  wf resume last                              # goes on from where it paused
"""

CANCEL = """\b
Examples:
  wf cancel last
  wf cancel 0mwsi --reason "no longer needed"
"""

_resume_option = click.option("--resume", "goes_on", is_flag=True, help="Go on with the run in this process.")
_secrets_option = click.option(
    "-i", "pairs", multiple=True, metavar="NAME=@FILE", help="With --resume: a secret input, once more."
)
_json_option = click.option(
    "--json", "as_document", is_flag=True, help="How the run stands then, as one JSON document on stdout."
)
_resuming_options = together(
    click.option("--no-input", is_flag=True, help="With --resume: never ask."),
    _json_option,
    click.option("--quiet", is_flag=True, help="With --resume: no progress; outputs and errors only."),
    database_option,
)


@click.command("answer", epilog=ANSWER)
@run_argument
@click.argument("step", shell_complete=offer_steps)
@click.argument("value")
@_resume_option
@_secrets_option
@_resuming_options
def wf_answer(run: str, step: str, value: str, db: str | None, **given: Any) -> int:
    """Answer STEP of RUN with VALUE: a choice, a form as JSON, or a text. A wrong answer is refused.

    STEP is a step's path, or the end of it if only one step that waits ends so.
    """
    secrets = parse_inputs(given["pairs"])
    with writing(db) as store:
        row = find_run(store, run)
        with store.alone():  # or the run might go on meanwhile, or the time pass
            message = _answer(store, row, step, value, given)
            if not _is_recorded(store, message):
                _post(store, row, message, given, secrets)
        return _go_on(store, row, message, f"{message.target} of run {row.id} is answered", given, secrets)


def _answer(store: Store, row: RunRow, step: str, value: str, given: dict[str, Any]) -> Message:
    """The answer, if the step waits for it, its time has not passed, and it has no other. Raises UsageError."""
    asked = _asked(load_state(store, row.id), row, step)
    message = Message(row.id, "answer", SystemClock().now(), asked.step, sealed(asked, parse_answer(asked, value)))
    if not (_goes_on(row, message, given) and _is_recorded(store, message)):
        command = resume_command(row.id, _secrets_of(store, row))
        refuse_late_answer(asked, answered_steps(store, row.id), message.at, command)
    return message


def _asked(state: RunState, row: RunRow, step: str) -> StepWaiting:
    waiting = [
        found for path in state.waiting if (found := state.steps[path].waiting) is not None and found.kind == "person"
    ]
    named = [found for found in waiting if names_step(step, found.step)]
    exact = [found for found in named if found.step == step] or named
    if len(exact) == 1:
        _refuse_unnamed(exact[0], row, step)
        return exact[0]
    if state.ended:
        raise UsageError(f"run {row.id} has ended: {state.status}")
    if exact:
        several = ", ".join(found.step for found in exact[:9])
        raise UsageError(f"several steps are '{step}': {several}", "name one by its whole path")
    known = [found.step for found in waiting]
    hint = f"these wait: {', '.join(known)}" if known else "nothing waits for a person"
    raise UsageError(f"step '{step}' does not wait for an answer{did_you_mean(step, known)}", hint)


def _refuse_unnamed(asked: StepWaiting, row: RunRow, step: str) -> None:
    """Refuse an answer that names a call only in part: it might be meant for another. Raises UsageError."""
    if asked.approval is not None and step != asked.step:
        words = f"'{step}' does not say which call is meant: '{asked.step}' waits now"
        raise UsageError(words, f"name it by its whole path: {command_line('answer', row.id, asked.step, 'approve')}")


def _is_recorded(store: Store, message: Message) -> bool:
    """Whether the same answer is there already, and the run has not taken it yet."""
    sent = (one for one in store.inbox(message.run) if one.kind == "answer" and one.target == message.target)
    first = next(sent, None)
    return first is not None and same_json(first.value, message.value)


@click.command("signal", epilog=SIGNAL)
@run_argument
@click.argument("name")
@click.argument("data", required=False, metavar="[JSON]")
@_resume_option
@_secrets_option
@_resuming_options
def wf_signal(run: str, name: str, data: str | None, db: str | None, **given: Any) -> int:
    """Send the signal NAME to RUN, with JSON as its data. One wait takes it, the oldest signal first."""
    value, secrets = _value(data), parse_inputs(given["pairs"])
    if not 0 < len(name) <= LONGEST_NAME:
        raise UsageError(f"a signal's name has 1 to {LONGEST_NAME} characters")
    with writing(db) as store:
        row = _find_open(store, run)
        with store.alone():
            message = Message(row.id, "signal", SystemClock().now(), name, value)
            awaited = _awaited(load_state(store, row.id), message.at)
            _post(store, row, message, given, secrets)
            refused = _why_refused(store, message)
        if refused:
            say(f"what waits for '{name}' does not take it: {refused}; it is kept until something does")
        if awaited and name not in awaited:
            say(f"nothing waits for '{name}' now, but for: {', '.join(awaited)}; it is kept until something does")
        return _go_on(store, row, message, f"the signal '{name}' for run {row.id} is recorded", given, secrets)


def _awaited(state: RunState, at: float) -> list[str]:
    """The signals that something in a run waits for, and whose time has not passed."""
    waiting = (state.steps[path].waiting for path in state.waiting)
    open_ = (wait for wait in waiting if wait is not None and (wait.until is None or at < wait.until))
    return sorted({name for wait in open_ for name in wait.signals.values()})


def _why_refused(store: Store, message: Message) -> str:
    """Why no wait takes a signal that it waits for; nothing where one may, or where only secrets could tell."""
    state = load_state(store, message.run)
    workflow = pinned(store, state).workflow
    if any(entry.secret for entry in workflow.inputs.values()):
        return ""
    try:
        return why_refused(Live(message.run, workflow, state), message)
    except IMPOSSIBLE:
        return ""  # the run itself says what is wrong with its record


def _value(data: str | None) -> Json:
    if data is None:
        return None
    try:
        return parse_json(data)
    except NotJson as error:
        raise UsageError(f"'{data[:80]}' is no JSON: {error}", "a text is JSON in quotes: '\"text\"'") from None


@click.command("pause", epilog=PAUSE)
@run_argument
@_json_option
@database_option
def wf_pause(run: str, db: str | None, **given: Any) -> int:
    """Pause RUN, which another process runs: nothing new starts, what is in flight has 10 s to end.

    What has not ended by then is cut off, and begins anew with `wf resume`.
    """
    with writing(db) as store:
        row = find_run(store, run)
        now = SystemClock().now()
        if row.status != "running":
            raise UsageError(f"run {row.id} is {row.status}", f"{command_line('show', row.id)} tells more")
        if may_take_over(row, now):
            raise UsageError(
                f"no process runs {row.id} any more: it stands still", f"{command_line('resume', row.id)} goes on"
            )
        return _send(store, row, Message(row.id, "pause", now), f"run {row.id} is asked to pause", given)


@click.command("cancel", epilog=CANCEL)
@run_argument
@click.option("--reason", default="cancelled from the command line", help="Why, for the record.")
@click.option("-i", "pairs", multiple=True, metavar="NAME=@FILE", help="A secret input, once more, for its finally.")
@_json_option
@database_option
def wf_cancel(run: str, reason: str, pairs: tuple[str, ...], db: str | None, **given: Any) -> int:
    """Cancel RUN: a live one by its own process, a paused or killed one here."""
    secrets = parse_inputs(pairs)
    with writing(db) as store:
        row = _find_open(store, run)
        message = Message(row.id, "cancel", SystemClock().now(), value=reason)
        here = given | {"goes_on": True, "no_input": True}
        code = _send(store, row, message, f"run {row.id} is asked to cancel", here, secrets)
        return EXIT_COMPLETED if code == EXIT_CANCELLED else code


def _find_open(store: Store, run: str) -> RunRow:
    """The run of that name, which has not ended."""
    row = find_run(store, run)
    if row.status in ENDED:
        raise UsageError(f"run {row.id} has ended: {row.status}")
    return row


def _send(
    store: Store, row: RunRow, message: Message, done: str, given: dict[str, Any], secrets: dict[str, str] | None = None
) -> int:
    """Record a message for a run; say what was `done`, and what follows. Raises StoreError, UsageError."""
    _post(store, row, message, given, secrets)
    return _go_on(store, row, message, done, given, secrets)


def _goes_on(row: RunRow, message: Message, given: dict[str, Any]) -> bool:
    """Whether the run goes on in this process: no other drives it, and the options `given` say so."""
    return bool(given.get("goes_on")) and may_take_over(row, message.at)


def _post(
    store: Store, row: RunRow, message: Message, given: dict[str, Any], secrets: dict[str, str] | None = None
) -> None:
    if _goes_on(row, message, given):
        refuse_without_secrets(store, message, secrets or {}, os.environ)
    store.post(message)


def _go_on(
    store: Store, row: RunRow, message: Message, done: str, given: dict[str, Any], secrets: dict[str, str] | None = None
) -> int:
    """Go on with a run that has been sent a message, or say who will."""
    manner = msgspec.convert(given, Manner)
    if _goes_on(row, message, given):
        return drive(store, partial(resume, row.id, secrets or {}), manner)
    is_free, needed = may_take_over(row, message.at), _secrets_of(store, row)
    say(f"{done}; {f'go on with: {resume_command(row.id, needed)}' if is_free else f'{row.owner} runs it'}")
    if manner.as_document:
        result, answered = result_of(row.id, load_state(store, row.id)), answered_steps(store, row.id)
        tell_json(document(replace(result, secrets=needed, answered=answered)))
    return EXIT_COMPLETED


def _secrets_of(store: Store, row: RunRow) -> tuple[str, ...]:
    return needed_secrets(store, load_state(store, row.id), os.environ)
