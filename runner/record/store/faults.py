"""What SQLite and the file system report, as StoreErrors: the one place that words them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runner.ground.advice import ask_doctor
from runner.ground.errors import StoreError
from runner.record.store.driver import sqlite3
from runner.record.store.turns import TurnMissed

FAULTS = (sqlite3.Error, TurnMissed, OSError, OverflowError, UnicodeError)
"""What an operation on a database file may raise."""

_SPACE = "free some space, then `wf resume` goes on from the last recorded step"

_BUSY = ("is in use by another process", "wait until that one has finished, and try again")

_WORDS: dict[int, tuple[str, str]] = {
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_FULL: ("can't grow: the disk is full", _SPACE),
    sqlite3.SQLITE_IOERR: ("can't be used: the disk reports an error", "see that the disk is whole and not full"),
    sqlite3.SQLITE_CORRUPT: ("is damaged", ""),
    sqlite3.SQLITE_NOTADB: ("is not a wf database, or its first page is damaged", ""),
    sqlite3.SQLITE_FORMAT: ("is damaged", ""),
    sqlite3.SQLITE_READONLY: ("can only be read", "allow writing to the file and its folder, or name another by --db"),
    sqlite3.SQLITE_PERM: ("may not be opened", "see who owns the file"),
    sqlite3.SQLITE_CANTOPEN: ("can't be opened", "see that it is a file, and that it and its folder may be written"),
    sqlite3.SQLITE_TOOBIG: ("can't hold so large a value", "let the step write it to a file, and keep its path"),
    sqlite3.SQLITE_NOMEM: ("can't be used: there is not enough memory", "end other programs, and try again"),
    sqlite3.SQLITE_CONSTRAINT: ("refused a row that contradicts what it holds", ""),
    sqlite3.SQLITE_ERROR: ("does not have the tables that wf expects", ""),
}
"""By what SQLite reports: what a database is, and what to do. Without the latter, `wf doctor` tells more."""


def explain(error: Exception, where: str) -> StoreError:
    """What went wrong with the database `where`, and what to do. Raises KeyboardInterrupt when Ctrl-C ended it."""
    if isinstance(error, UnicodeError):
        return _undecodable(error, where)
    if isinstance(error, OSError):
        return StoreError(f"{where} can't be used: {error.strerror or error}", "see that you may read and write it")
    code = sqlite3.SQLITE_BUSY if isinstance(error, TurnMissed) else getattr(error, "sqlite_errorcode", None)
    if code is None and "decode" in str(error):  # what SQLite's module says of text that is none
        return StoreError(f"{where} is damaged: it holds what is no text", ask_doctor())
    if code is None:
        return StoreError(f"{where} can't be used: {error}", ask_doctor())
    if code == sqlite3.SQLITE_INTERRUPT:
        raise KeyboardInterrupt from error
    words, hint = _WORDS.get(code & 0xFF, (f"can't be used: {error}", ""))
    return StoreError(f"{where} {words}", hint or ask_doctor())


def gone(file: Path, where: str) -> StoreError:
    """A file of the database `where`, which is in use, was removed, or another put in its place."""
    recorded = (
        "what was recorded is in the file that was there and the -wal beside it: put it back, and `wf resume` "
        "goes on; with another file the -wal must not stay, it would be read into it"
    )
    return StoreError(
        f"{file} was removed or replaced while it was in use", recorded if str(file) == where else ask_doctor()
    )


def _undecodable(error: UnicodeError, where: str) -> StoreError:
    if isinstance(error, UnicodeEncodeError):
        return StoreError("this can't be recorded: it holds half a surrogate pair, which is no text")
    return StoreError(f"{where} is damaged: it holds what is no text", ask_doctor())


@contextmanager
def explained(where: str) -> Iterator[None]:
    """Turn what is raised inside into a StoreError."""
    try:
        yield
    except FAULTS as error:
        raise explain(error, where) from error
