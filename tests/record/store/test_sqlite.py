"""The SQLite store's own promises: settings, modes, reading without writing, statements that search."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from runner.ground.errors import StoreError
from runner.record.events import Commit, RunEnded
from runner.record.store import connection, statements
from runner.record.store.connection import OLDEST_SQLITE
from runner.record.store.contract import Message, Rows, RunUnknown, Snapshot
from runner.record.store.driver import sqlite3
from runner.record.store.large import LARGE
from runner.record.store.sqlite import SqliteStore, open_store
from runner.record.store.tables import PROJECTED
from tests.project import ROOT
from tests.record.store.processes import command
from tests.record.store.samples import DEFINITION, OWNER, begin, first, following

BIG = "x" * LARGE


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "wf.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    opened = as_sqlite(path)
    opened.save_definition(DEFINITION)
    yield opened
    opened.close()


def as_sqlite(path: Path, durability: connection.Durability = "full", *, create: bool = True) -> SqliteStore:
    opened = open_store(path, durability=durability, create=create)
    assert isinstance(opened, SqliteStore)
    return opened


def asked(store: SqliteStore, question: str) -> object:
    return store._session.read(question)[0][0]


def setting(store: SqliteStore, name: str) -> object:
    return asked(store, f"PRAGMA {name}")


# --- settings


@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize(("durability", "synchronous"), [("full", 2), ("normal", 1)])
def test_every_connection_is_set_for_safety(
    store: SqliteStore, path: Path, durability: connection.Durability, synchronous: int, create: bool
) -> None:
    second = as_sqlite(path, durability, create=create)
    found = {name: setting(second, name) for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")}
    assert found == {"journal_mode": "wal", "synchronous": synchronous, "foreign_keys": 1, "busy_timeout": 10_000}
    assert [setting(second, name) for name in ("trusted_schema", "cell_size_check")] == [0, 1]
    assert setting(store, "synchronous") == 2
    second.close()


def test_the_sqlite_that_is_used_is_new_enough() -> None:
    assert sqlite3.sqlite_version_info >= OLDEST_SQLITE


def test_an_older_sqlite_is_refused_before_it_touches_anything(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 51, 2))
    monkeypatch.setattr(sqlite3, "sqlite_version", "3.51.2")
    with pytest.raises(StoreError, match=r"SQLite 3\.51\.2 may damage") as error:
        open_store(path)
    assert "pysqlite3" in error.value.hint
    assert not path.exists()


# --- modes


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o277, 0o777])
def test_files_and_folders_are_their_owners_alone_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "deep" / "er" / ".wf" / "wf.db"
    before = os.umask(umask)
    try:
        store = as_sqlite(path)
        store.save_definition(DEFINITION)
        begin(store, 4)
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(("wf.db", "wf.db-wal", "wf.db-shm", "wf.db-turn"), 0o600)
    folders = [path.parent, path.parent.parent, path.parent.parent.parent]
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in folders] == [0o700] * 3
    store.close()


def test_a_folder_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    open_store(tmp_path / "wf.db").close()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


# --- reading


def test_where_no_database_is_a_reader_sees_no_runs_and_makes_no_file(path: Path) -> None:
    store = open_store(path, create=False)
    assert store.runs() == []
    with pytest.raises(RunUnknown, match=r"there are no runs: .*wf\.db does not exist"):
        store.run("run")
    store.save_definition(DEFINITION)
    with pytest.raises(StoreError, match="opened for reading"):
        store.create(first(), OWNER)
    store.close()
    assert list(path.parent.iterdir()) == []


def test_a_path_with_signs_that_mean_something_in_a_uri(tmp_path: Path) -> None:
    path = tmp_path / "a?mode=memory&x#%41 é.db"
    as_sqlite(path).close()
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def mounted_read_only(folder: Path, *task: str) -> list[str]:
    """Run a worker in a mount namespace of its own, where `folder` is read-only; its lines."""
    script = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" || exit 77; shift; exec "$@"'
    unshare = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not installed")
    done = subprocess.run(
        [*unshare, "sh", "-c", script, "sh", str(folder), *task], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("this machine lets no test mount anything")
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("log", ["none", "left behind"])
def test_a_read_only_file_system_can_be_read(tmp_path: Path, log: str) -> None:
    path = tmp_path / "disk" / "wf.db"
    store = as_sqlite(path)
    store.save_definition(DEFINITION)
    begin(store, 9)
    if log == "none":
        store.close()
    seen = mounted_read_only(path.parent, *command("read", path, "run"))
    assert seen[0] == "9 1"
    assert "can only be read" in seen[1]
    store.close()


# --- faults while in use


def append_endlessly(store: SqliteStore) -> None:
    for number in count(store.run("run").events + 1):
        store.append(following(number))


def test_a_full_disk_is_told_and_harms_nothing(store: SqliteStore, path: Path) -> None:
    begin(store)
    pages = setting(store, "page_count")
    store._session.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StoreError, match=f"{path} can't grow: the disk is full"):
        append_endlessly(store)
    number = len(list(store.commits("run"))) + 1
    assert number > 3
    with pytest.raises(StoreError, match="the disk is full"):
        store.save_snapshot(Snapshot("run", number, 1.0, "x" * 1_000_000), Rows(), 1)
    assert store.run("run").events == number
    store._session.execute("PRAGMA max_page_count=1000000")
    store.append(following(number + 1))
    assert setting(store, "integrity_check") == "ok"


def test_a_database_that_another_process_holds_is_told(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(store)
    monkeypatch.setattr(connection, "BUSY_SECONDS", 0.01)
    impatient = as_sqlite(path)
    store._session.execute("BEGIN IMMEDIATE")
    writes: list[Callable[[], object]] = [
        lambda: impatient.append(following(3)),
        lambda: impatient.post(Message("run", "signal", 1.0)),
        lambda: impatient.save_snapshot(Snapshot("run", 2, 1.0, ""), Rows(), 1),
    ]
    for write in writes:
        with pytest.raises(StoreError, match="is in use by another process"):
            write()
    assert impatient.run("run").events == 2
    store._session.execute("ROLLBACK")
    impatient.append(following(3))
    impatient.close()


def test_a_store_that_was_closed_says_so(path: Path) -> None:
    store = as_sqlite(path)
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.runs()


# --- statements

READING_ALL = {"RUNS", "RUN_IDS", "UNUSED_BLOBS", "SWEEP_VERSIONS"}
WITHOUT_CASCADES = {"DELETE_RUN"}
TABLES = ("events", "runs", "signals", "workflow_checkpoints", "workflow_nodes", "blobs")


@pytest.mark.parametrize("name", [name for name in vars(statements) if name.isupper() and not name.startswith("_")])
def test_no_statement_reads_a_whole_table_but_those_that_list_it(store: SqliteStore, name: str) -> None:
    sql = getattr(statements, name)
    numbered = [int(digit) for digit in "123456789" if f"?{digit}" in sql]
    values = [None] * max(numbered, default=sql.count("?"))
    store._session.execute(f"PRAGMA foreign_keys={'OFF' if name in WITHOUT_CASCADES else 'ON'}")
    plan = [row[3] for row in store._session.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    scans = [line for line in plan if line.startswith("SCAN") and any(table in line for table in TABLES)]
    assert bool(scans) == (name in READING_ALL), plan


def test_a_run_that_is_deleted_leaves_no_row_behind(store: SqliteStore) -> None:
    begin(store, 5, run="other")
    tables = [name for (name,) in store._session.read("SELECT name FROM sqlite_master WHERE type = 'table'")]
    counts = {name: f"SELECT count(*) FROM {name}" for name in tables}  # noqa: S608 - the names are our own
    before = {name: asked(store, count) for name, count in counts.items() if not name.startswith("sqlite_")}
    begin(store, 5)
    store.post(Message("run", "signal", 1.0))
    rows = {name: [dict.fromkeys(table.key, 1) | dict.fromkeys(table.json, BIG)] for name, table in PROJECTED.items()}
    store.save_snapshot(Snapshot("run", 5, 1.0, BIG), Rows(rows), 1)
    store.append(Commit("run", 6, (RunEnded("completed", {"big": BIG}),), 1.0))
    store.upkeep.delete("run", 1)
    store.upkeep.sweep(1.0, 0.0)
    assert {name: asked(store, counts[name]) for name in before} == before
    assert store._session.read("PRAGMA foreign_key_check") == []
    assert setting(store, "foreign_keys") == 1
    begin(store, run="another")
    assert store._session.read("SELECT max(number) FROM runs") == [(3,)]
