"""Whether the SQLite library and a database are sound."""

from __future__ import annotations

from pathlib import Path

from runner.errors import StoreError
from runner.store.connection import connect
from runner.store.driver import sqlite3
from runner.store.faults import explained


def sqlite_version() -> str:
    """The version of the SQLite library in use."""
    return str(sqlite3.sqlite_version)


def check_store(path: Path) -> str:
    """What can be said of the database at `path`. Raises StoreError when it is damaged, foreign, or not to be read."""
    if not path.exists():
        return f"{path} is not there yet; the first run makes it"
    database = connect(path, "full", create=False)
    try:
        with explained(path):
            found = [row[0] for row in database.execute("PRAGMA integrity_check").fetchall()]
            runs = database.execute("SELECT count(*) FROM runs").fetchone()[0]
    finally:
        database.close()
    if found != ["ok"]:
        raise StoreError(f"{path} is damaged: {found[0]}", "keep a copy of it, and start a new database with --db")
    return f"{path} holds {runs} runs, and is sound"
