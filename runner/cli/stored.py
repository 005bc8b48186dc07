"""Finding runs in the database, by id, by the beginning of one, or as `last`; and what the shell offers of them."""

from __future__ import annotations

from contextlib import closing

import click
from click.shell_completion import CompletionItem

from runner.cli.settings import Durability, database, form
from runner.ground.advice import command_line
from runner.ground.clock import SystemClock
from runner.ground.errors import UsageError, WorkflowError
from runner.ground.plain import one_line
from runner.record.history import load_state
from runner.record.store.contract import RunRow, RunUnknown, Store
from runner.record.store.lease import may_take_over
from runner.record.store.sqlite import is_missing, open_store

SHORT = 12
"""How many digits of a version's hash are shown."""

LAST = "last"
MOST = 1000

LONGEST_NUMBER = 10
"""Digits of a checkpoint's number."""


def reading(db: str | None) -> closing[Store]:
    """The store, for reading; nothing is made where none is."""
    return closing(open_store(database(db), create=False))


def writing(db: str | None, durability: Durability = "full", *, create: bool = False) -> closing[Store]:
    """The store, for writing."""
    path = database(db)
    if not create and is_missing(path):
        raise UsageError(f"there are no runs: {path} does not exist", "name another by --db")
    return closing(open_store(path, durability=durability, create=create, form=form()))


def find_checkpoint(store: Store, name: str) -> tuple[str, int]:
    """The run and event that `RUN@N` stands for; the run's last event without `@N`. Raises as `find_run`."""
    run, sign, at = name.partition("@")
    if sign and not (run and _is_number(at)):
        hint = f"RUN is a run's id or `last`, N a checkpoint's number: see {command_line('checkpoints', 'RUN')}"
        raise UsageError(f"'{one_line(name)}' is not of the form RUN@N", hint)
    row = find_run(store, run)
    return row.id, int(at) if sign else row.events


def _is_number(text: str) -> bool:
    """Whether a text may be a checkpoint's number; Python reads none of thousands of digits."""
    return text.isascii() and text.isdecimal() and len(text) <= LONGEST_NUMBER


def names_run(store: Store, name: str) -> bool:
    """Whether `NAME` or `NAME@N` is about a run that is there."""
    run, sign, at = name.partition("@")
    if sign and not (run and _is_number(at)):
        return False
    try:
        find_run(store, run)
    except RunUnknown:
        return False
    return True


def find_version(store: Store, name: str) -> str:
    """The hash that `WORKFLOW@VERSION` stands for: its own version, or a beginning of the hash; without, the newest."""
    workflow, _, beginning = name.partition("@")
    rows = store.versions(workflow)
    found = [row.hash for row in rows if row.version == beginning or row.hash.startswith(beginning)]
    if not found:
        raise UsageError(
            f"there is no run and no workflow version '{name}'",
            f"{command_line('runs')} and {command_line('workflows')} list them",
        )
    if len(found) > 1 and beginning:
        raise UsageError(f"'{name}' begins several versions: {', '.join(hash_[:SHORT] for hash_ in found[:5])}")
    return found[0]


def was_left(row: RunRow) -> bool:
    """Whether a run has neither ended nor paused, and nobody drives it: its process was killed."""
    return row.status == "running" and may_take_over(row, SystemClock().now())


def find_run(store: Store, name: str) -> RunRow:
    """The run that a name stands for. Raises RunUnknown, UsageError (several begin so, or it is empty)."""
    if not name:
        raise UsageError(
            "a run has to be named", f"its id, the beginning of it, or `last`; {command_line('runs')} lists them"
        )
    if name == LAST:
        newest = store.runs(limit=1)
        return newest[0] if newest else store.run(name)
    try:
        return store.run(name)
    except RunUnknown:
        found = [row for row in store.runs(limit=MOST) if row.id.startswith(name)]
        if len(found) > 1:
            shown = ", ".join(row.id for row in found[:5])
            raise UsageError(f"'{name}' begins several runs: {shown}") from None
        if not found:
            raise
        return found[0]


def offer_runs(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """What the shell offers in the place of a run."""
    try:
        with reading(context.params.get("db")) as store:
            runs = [CompletionItem(row.id, help=f"{row.workflow}, {row.status}") for row in store.runs()]
    except WorkflowError:
        return []
    return [run for run in (CompletionItem(LAST), *runs) if run.value.startswith(incomplete)]


def offer_steps(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """What the shell offers in the place of a step that waits for a person, of the run named before it."""
    try:
        with reading(context.params.get("db")) as store:
            state = load_state(store, find_run(store, str(context.params.get("run", LAST))).id)
    except WorkflowError:
        return []
    waiting = [step.waiting for step in state.steps.values() if step.waiting and step.waiting.kind == "person"]
    return [
        CompletionItem(asked.step, help=one_line(asked.prompt))
        for asked in waiting
        if asked.step.startswith(incomplete)
    ]


run_argument = click.argument("run", shell_complete=offer_runs)
