"""No database that can be used here: emptied, or newer, or by an old SQLite. Older ones are still old, or all new."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from runner.record.store import connection
from runner.record.store.driver import sqlite3
from runner.record.store.health import sqlite_version
from runner.record.store.migrations import MIGRATIONS
from tests.spoiled import emptied, newer, older
from tests.torture.conftest import Share
from tests.torture.flows import SIX
from tests.torture.test_owners import killed_while_held
from tests.torture.tracing import counting, injecting, needs_strace, points
from tests.torture.trial import Trial

MIGRATING = ("pwrite64", "fsync", "ftruncate", "unlink")

COMMANDS = ("runs", "show RUN", "logs RUN", "state RUN", "export RUN", "resume RUN", "cancel RUN", "fork RUN", "gc")


@pytest.fixture
def whole(place: Path) -> Trial:
    """A run that has been completed."""
    trial = Trial(place / "whole", SIX)
    assert trial.here(*trial.beginning).code == 0
    return trial


def refused_by_all(share: Share, trial: Trial, words: str, *more: str) -> None:
    """Every command says why it does not use the database, and leaves it as it is."""
    before = trial.database.read_bytes()
    for command in share.of((*COMMANDS, *more), sample=4):
        ended = trial.here(*command.replace("RUN", trial.run).split())
        assert (ended.code, ended.stdout) == (5, ""), ended
        assert ended.stderr.startswith(f"error: {words}"), ended
    told = trial.here("doctor")
    assert told.code == 5, told
    assert words in told.stdout
    kept = {path.name: path.read_bytes() for path in trial.database.parent.iterdir()}
    assert kept == {"wf.db": before, "wf.db-turn": b""}


@pytest.mark.row("R11")
def test_an_emptied_database_is_not_taken_for_a_new_one(share: Share, whole: Trial) -> None:
    emptied(whole.database)
    refused_by_all(share, whole, ".wf/wf.db is empty: if it held runs, they are gone")


@pytest.mark.row("R12")
def test_a_newer_database_is_refused_and_stays_as_it_is(share: Share, whole: Trial) -> None:
    newer(whole.database)
    refused_by_all(share, whole, ".wf/wf.db was written by a newer wf", "run flow.yaml")


@pytest.mark.row("R14")
def test_a_sqlite_that_may_damage_databases_is_not_used(
    share: Share, whole: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "OLDEST_SQLITE", (99, 0, 0))
    refused_by_all(share, whole, f"SQLite {sqlite_version()} may damage a database", "run flow.yaml")


@needs_strace
@pytest.mark.row("R12", parts=2 * (len(MIGRATIONS) - 1))
def test_a_migration_that_is_killed_at_any_write_is_all_or_nothing(share: Share, place: Path) -> None:
    whole = killed_while_held(place).again().open_gate()
    assert whole.here("runs").code == 0
    kinds = [(version, mode) for version in range(1, len(MIGRATIONS)) for mode in ("wal", "delete")]
    for version, mode in share.of(kinds, sample=1):
        kept = place / f"{version}-{mode}.db"
        make_old(whole.database, kept, version, mode)
        trial = as_it_was(whole, kept)
        assert trial.wf("runs", before=counting(place / "counted", MIGRATING)).code == 0
        passed = points(place / "counted", MIGRATING)
        assert len(passed) > 5
        for point in passed if share.whole else passed[3::9]:
            share.tried()
            trial = as_it_was(whole, kept)
            assert trial.wf("runs", before=injecting(point, "signal=KILL")).code in {-9, 0}
            assert version_of(trial.database, place / "looked at") in {version, len(MIGRATIONS)}, point
            trial.recover()
            trial.check()


def make_old(database: Path, path: Path, version: int, mode: str) -> None:
    """What an older `wf` would have made of the same run."""
    older(path, version)
    old = sqlite3.connect(path, isolation_level=None)
    old.execute(f"PRAGMA journal_mode={mode}")
    old.execute("ATTACH ? AS new", (str(database),))
    tables = [name for (name,) in old.execute("SELECT name FROM main.sqlite_schema WHERE type = 'table'")]
    for table in tables:
        columns = ", ".join(row[1] for row in old.execute(f"PRAGMA main.table_info({table})"))
        old.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}")  # noqa: S608 - our names
    old.close()


def as_it_was(whole: Trial, database: Path) -> Trial:
    """The killed run, in a database of the older version."""
    trial = replace(whole, told=list(whole.told))
    (trial.folder / "effects").write_text("first\nhold\n", encoding="utf-8")
    for path in trial.database.parent.iterdir():
        path.unlink()
    shutil.copy(database, trial.database)
    return trial


def version_of(database: Path, copy: Path) -> int:
    """A database's version, once its journal or log has been heeded; its tables must be those of that version."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(database.parent, copy)
    opened = sqlite3.connect(copy / database.name)
    [(version,)] = opened.execute("PRAGMA user_version").fetchall()
    found = opened.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall()
    opened.close()
    older(copy / "expected.db", version)
    expected = sqlite3.connect(copy / "expected.db")
    assert found == expected.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall()
    expected.close()
    return int(version)
