"""Whether the SQLite library and a database file are sound, as far as that can be told without folding any run."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec

from runner.ground.errors import StoreError, UsageError
from runner.ground.json_value import Json
from runner.ground.plain import one_line
from runner.record.store import statements
from runner.record.store.blobs import Blobs
from runner.record.store.connection import look_into, require_sqlite
from runner.record.store.driver import sqlite3
from runner.record.store.form import Form
from runner.record.store.large import Lost
from runner.record.store.migrations import MIGRATIONS
from runner.record.store.session import FILES, Session
from runner.record.store.sqlite import SqliteStore

MOST_COMPLAINTS = 100
"""How many of SQLite's complaints are counted, and rows that refer to nothing."""

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Finding(msgspec.Struct, frozen=True):
    """What was found of one thing: that it is well, or what is wrong with it, and what can be done."""

    name: str
    words: str
    help: str = ""
    ok: bool = True


def wrong(name: str, error: StoreError | UsageError) -> Finding:
    """What is wrong, as a finding."""
    return Finding(name, error.message, error.hint, ok=False)


def sqlite_version() -> str:
    """The version of the SQLite library in use."""
    return str(sqlite3.sqlite_version)


def sound_sqlite() -> str:
    """The same. Raises StoreError when it is one that may damage databases."""
    require_sqlite()
    return sqlite_version()


def around(path: Path) -> Iterator[Finding]:
    """What is to be said of a database's files without opening them."""
    files = [file for suffix in FILES if (file := Path(f"{path}{suffix}")).is_file()]
    for file in files:
        mode = stat.S_IMODE(file.stat().st_mode)
        if mode & _OTHERS:
            yield Finding("modes", f"{file} is open to others (mode {mode:04o})", f"chmod 600 '{file}'", ok=False)
    folder = path.parent
    mode = stat.S_IMODE(folder.stat().st_mode) if files else 0
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        words = f"{folder} may be written by anyone (mode {mode:04o}): they can replace the database"
        yield Finding("modes", words, f"chmod 700 '{folder}'", ok=False)
    log = Path(f"{path}-wal")
    if files and log in files and log.stat().st_size:
        yield Finding("log", f"{log} is part of the database; it goes when the last process lets go of it")


class Inside:
    """A database that is looked into. Nothing in it changes, and others may go on using it."""

    def __init__(self, path: Path) -> None:
        """Raises StoreError when it can't be opened, or is not ours."""
        database, self.version = look_into(path)
        self._session = Session(database, path)
        self._blobs = Blobs(self._session, Form())
        self.store = SqliteStore(self._session, Form())

    @property
    def outdated(self) -> bool:
        """Whether an older `wf` made it, so that its runs can't be read before another command has opened it."""
        return self.version < len(MIGRATIONS)

    def check_pages(self) -> None:
        """Raises StoreError with what SQLite finds wrong."""
        found = [row[0] for row in self._session.read(f"PRAGMA integrity_check({MOST_COMPLAINTS})")]
        if found != ["ok"]:
            raise StoreError(f"{self._session.where} is damaged: {one_line(str(found[0]), 200)}{_more(found)}")

    def check_references(self) -> None:
        """Raises StoreError when rows refer to others that are not there."""
        strays = list(islice(self._session.stream("PRAGMA foreign_key_check"), MOST_COMPLAINTS))
        if strays:
            table, _, other, _ = strays[0]
            raise StoreError(f"{self._session.where} is damaged: {table} refers to {other} not there{_more(strays)}")

    def check_blobs(self) -> None:
        """Raises StoreError when a file of a workflow, or a large value, is not what it was."""
        lost = [one for hash_ in self._pages(statements.BLOBS_AFTER, "") if (one := self._lost(hash_))]
        if lost:
            raise StoreError(f"{self._session.where} is damaged: {lost[0]}{_more(lost)}")

    def _lost(self, hash_: str) -> str:
        try:
            self._blobs.fetch(hash_)
        except Lost as error:
            return str(error)
        return ""

    def runs(self) -> Iterator[str]:
        """The ids of all runs."""
        return self._pages(statements.RUNS_AFTER, "")

    def versions(self) -> Iterator[str]:
        """The hashes of all versions of workflows."""
        return self._pages(statements.VERSIONS_AFTER, "")

    def _pages(self, statement: str, last: str) -> Iterator[str]:
        """What a statement lists in order, a page at a time: nothing stays open between."""
        while found := self._session.read(statement, (last,)):
            for (name,) in found:
                if not isinstance(name, str) or name <= last:
                    raise StoreError(f"{self._session.where} is damaged: a list in it is out of order")
                yield name
                last = name

    def close(self) -> None:
        """Let go of it."""
        self._session.close()


def _more(found: Sequence[Json]) -> str:
    return f" (and {len(found) - 1} more)" if len(found) > 1 else ""
