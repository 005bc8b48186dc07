"""Ways in which what stands in the place of a database is none that this version of `wf` can use."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from runner.record.store.driver import sqlite3
from runner.record.store.migrations import APPLICATION_ID, MIGRATIONS


def newer(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute(f"PRAGMA user_version={len(MIGRATIONS) + 1}")
    database.close()


def older(path: Path, version: int = 1) -> None:
    """A database without runs, as an older `wf` left it."""
    path.unlink(missing_ok=True)
    database = sqlite3.connect(path, isolation_level=None)
    for step in MIGRATIONS[:version]:
        for statement in step:
            database.execute(statement)
    database.execute(f"PRAGMA application_id={APPLICATION_ID}")
    database.execute(f"PRAGMA user_version={version}")
    database.close()


def foreign(path: Path) -> None:
    path.unlink()
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE runs (id TEXT)")
    database.execute("INSERT INTO runs VALUES ('a')")
    database.commit()
    database.close()


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def noise(path: Path) -> None:
    path.write_bytes(b"noise" * 1000)


def one_byte(path: Path) -> None:
    path.write_bytes(b"x")


def headless(path: Path) -> None:
    path.write_bytes(bytes(100) + path.read_bytes()[100:])


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def a_log_alone(path: Path) -> None:
    path.rename(f"{path}-wal")


def an_event_less(path: Path) -> None:
    """The first run's second commit is gone."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute(
        "DELETE FROM events WHERE id = (SELECT min(id) FROM events WHERE id > (SELECT min(id) FROM events))"
    )
    database.close()


def otherwise_listed(path: Path) -> None:
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("UPDATE runs SET status = 'completed'")
    database.close()


SPOILED: dict[str, tuple[Callable[[Path], None], str]] = {
    "newer": (newer, "was written by a newer wf (its version is"),
    "another program's": (foreign, "is another program's database"),
    "emptied": (emptied, "is empty: if it held runs, they are gone"),
    "one byte": (one_byte, "is not a wf database"),
    "noise": (noise, "is not a wf database"),
    "without its header": (headless, "is not a wf database, or its first page is damaged"),
    "half": (half, "is damaged"),
    "a folder": (a_folder, "is no file"),
    "a pipe": (a_pipe, "is no file"),
}
"""Each with what is said of it."""
