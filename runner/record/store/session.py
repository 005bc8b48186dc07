"""A database in use: statements run on it one at a time, and every fault is worded as a StoreError."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database

from runner.ground.json_value import Json
from runner.record.store.connection import connect, immediately
from runner.record.store.driver import sqlite3
from runner.record.store.faults import FAULTS, explain, explained, gone
from runner.record.store.payload import NOT_WHOLE, damaged
from runner.record.store.turns import Turns

Values = Sequence[Json] | dict[str, Json]

FILES = ("", "-wal", "-shm")
"""What is added to a database's path to name the files that SQLite keeps open for it, itself first."""


class Session:
    """One connection. It may be used from any thread, by one at a time."""

    def __init__(self, database: Database, path: Path | None) -> None:
        """`path` is None for a database in memory."""
        self._database = database
        self.path = path
        self.where = str(path or "memory")
        self._turns = Turns(path)
        self._files = [Path(f"{path}{suffix}") for suffix in FILES] if path else []
        self._opened = {file: _device_and_inode(file) for file in self._files[:1]}

    def refuse_if_gone(self) -> None:
        """Raises StoreError when a file that was opened is no longer at its path.

        SQLite would write on into a file that nobody can find any more, and say nothing. The other two files it opens
        when it first reads: they are known from the first time that this is asked.
        """
        for file in self._files:
            found = _device_and_inode(file)
            if self._opened.setdefault(file, found) != found:
                raise gone(file, self.where)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing. Its first statement is a write, so that it waits for its turn before it reads."""
        with explained(self.where), self._turns.mine(), self._database.atomic():
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """As a transaction, but what is read inside is of the moment, too, in which its turn came."""
        with explained(self.where), self._turns.mine(), immediately(self._database):
            yield

    @contextmanager
    def moment(self) -> Iterator[None]:
        """What is read inside is of one moment, whatever others write meanwhile."""
        with explained(self.where):
            self._database.execute("BEGIN")
            try:
                yield
            finally:
                self._database.rollback()

    def execute(self, statement: str, values: Values = ()) -> sqlite3.Cursor:
        """Run a statement."""
        try:
            return self._database.execute(statement, values)
        except FAULTS as error:
            raise explain(error, self.where) from error

    def write(self, statement: str, values: Values = ()) -> int:
        """How many rows the statement wrote."""
        if self._turns.are_mine:
            return self.execute(statement, values).rowcount
        with explained(self.where), self._turns.mine():
            return self.execute(statement, values).rowcount

    def write_each(self, statement: str, rows: Iterable[Sequence[Json]]) -> None:
        """Run a statement for each row, within a transaction."""
        self._database.conn.executemany(statement, rows)

    def read(self, statement: str, values: Values = ()) -> list[Sequence[Json]]:
        """All rows that the statement finds."""
        try:
            return self._database.execute(statement, values).fetchall()
        except UnicodeEncodeError:
            return []  # half a surrogate pair equals nothing that is recorded
        except FAULTS as error:
            raise explain(error, self.where) from error

    def stream(self, statement: str, values: Values = ()) -> Iterator[Sequence[Json]]:
        """The rows that the statement finds, one by one."""
        with explained(self.where):
            yield from self._database.execute(statement, values)

    @contextmanager
    def sound(self, what: str) -> Iterator[str]:
        """Turn what damaged rows, or wrong types in them, bring about into the error that they are damaged."""
        try:
            yield what
        except NOT_WHOLE as error:
            raise damaged(what, self.where, error) from error

    def close(self) -> None:
        """Let go of the connection."""
        with explained(self.where):
            self._database.close()
            self._turns.close()


def for_a_moment(path: Path) -> Session:
    """A session that does not wait long for others to write."""
    session = Session(connect(path, "normal", create=False), path)
    session.execute("PRAGMA busy_timeout=1000")
    return session


def _device_and_inode(file: Path) -> tuple[int, int] | None:
    """What tells a file from any other that may have its path; None when there is none."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
