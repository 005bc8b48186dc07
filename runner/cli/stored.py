"""Finding runs in the database, by id, by the beginning of one, or as `last`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from runner.cli.settings import Durability, database
from runner.errors import UsageError
from runner.store.contract import RunRow, RunUnknown, Store
from runner.store.sqlite import open_store

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
    if not create and not path.exists():
        raise UsageError(f"there are no runs: {path} does not exist", "name another database with --db")
    store = open_store(path, durability=durability)
    try:
        yield store
    finally:
        store.close()


def find_run(store: Store, name: str) -> RunRow:
    """The run that a name stands for. Raises RunUnknown, UsageError (several begin so)."""
    if name == LAST:
        newest = store.runs(limit=1)
        if not newest:
            raise UsageError("there are no runs yet", "start one with: wf run FLOW")
        return newest[0]
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
