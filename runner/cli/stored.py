"""Finding runs in the database, by id, by the beginning of one, or as `last`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from runner.cli.settings import Durability, database, form
from runner.ground.clock import SystemClock
from runner.ground.errors import UsageError
from runner.record.store.contract import RunRow, RunUnknown, Store
from runner.record.store.lease import may_take_over
from runner.record.store.sqlite import is_missing, open_store

SHORT = 12
"""How many digits of a version's hash are shown."""

LAST = "last"
MOST = 1000


@contextmanager
def reading(db: str | None) -> Iterator[Store]:
    """The store, for reading; nothing is made where none is."""
    store = open_store(database(db), create=False)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def writing(db: str | None, durability: Durability = "full", *, create: bool = False) -> Iterator[Store]:
    """The store, for writing."""
    path = database(db)
    if not create and is_missing(path):
        raise UsageError(f"there are no runs: {path} does not exist", "name another by --db")
    store = open_store(path, durability=durability, create=create, form=form())
    try:
        yield store
    finally:
        store.close()


def find_checkpoint(store: Store, name: str) -> tuple[str, int]:
    """The run and event that `RUN@N` stands for; the run's last event without `@N`. Raises as `find_run`."""
    run, sign, at = name.partition("@")
    if sign and not (run and at.isdecimal()):
        hint = "RUN is a run's id or `last`, N a checkpoint's number: see wf checkpoints RUN"
        raise UsageError(f"'{name}' is not of the form RUN@N", hint)
    row = find_run(store, run)
    return row.id, int(at) if sign else row.events


def names_run(store: Store, name: str) -> bool:
    """Whether `NAME` or `NAME@N` is about a run that is there."""
    run, sign, at = name.partition("@")
    if sign and not (run and at.isdecimal()):
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
        raise UsageError(f"there is no run and no workflow version '{name}'", "wf runs and wf workflows list them")
    if len(found) > 1 and beginning:
        raise UsageError(f"'{name}' begins several versions: {', '.join(hash_[:SHORT] for hash_ in found[:5])}")
    return found[0]


def was_left(row: RunRow) -> bool:
    """Whether a run has neither ended nor paused, and nobody drives it: its process was killed."""
    return row.status == "running" and may_take_over(row, SystemClock().now())


def find_run(store: Store, name: str) -> RunRow:
    """The run that a name stands for. Raises RunUnknown, UsageError (several begin so, or it is empty)."""
    if not name:
        raise UsageError("a run has to be named", "its id, the beginning of it, or `last`; wf runs lists them")
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
