"""The physical limit: one row a commit by the same SQLite driver and with the same log, nothing of ours in between."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measuring import stopwatch
from runner.record.store.connection import LOG_PAGES, Durability
from runner.record.store.driver import sqlite3

ROW = "x" * 200
"""About as long as what one small step records."""


def seconds(durability: Durability, commits: int) -> float:
    """How long so many commits take."""
    with TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder) / "bare.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={durability}")
        connection.execute(f"PRAGMA wal_autocheckpoint={LOG_PAGES}")
        connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, content TEXT)")
        with stopwatch() as taken:
            for _ in range(commits):
                connection.execute("INSERT INTO rows (content) VALUES (?)", (ROW,))
        connection.close()
    return taken()
