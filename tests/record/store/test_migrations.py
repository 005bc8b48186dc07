"""Migrations: an old database becomes what a new one is, whole or not at all."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from msgspec.structs import replace

from runner.ground.errors import StoreError
from runner.record.store import connection
from runner.record.store.contract import LEASE_SECONDS
from runner.record.store.driver import sqlite3
from runner.record.store.migrations import MIGRATIONS
from runner.record.store.sqlite import open_store
from tests.record.store.samples import DEFINITION, OTHER, begin
from tests.spoiled import older

RELEASED = (
    "41b8339c01eb985129375340cb856f4e40c7c3d43048c67a65d89462ab0abb4b",
    "460ee06814871daa0bab1e5bbba57fbe05af5f9ed90d4706114d60eda41807b2",
    "c16ac917780e560a0be82432e358bd7afea4fee75d29925df1f8f849a73483dc",
    "78b92d451153d53f8121201a419cf79bb86dbdffdeabf9a6786f34aeee9835a1",
    "693842c671d234325d9659a95d6d7323be6a674ed718513eac2da915fe62f875",
)
"""The SHA-256 of each step, in order. A step that has been released keeps its own; a new step adds one."""


def shape(path: Path) -> list[tuple[object, ...]]:
    database = sqlite3.connect(path)
    tables = database.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name").fetchall()
    pragmas = [database.execute(f"PRAGMA {name}").fetchone() for name in ("application_id", "user_version")]
    database.close()
    return [*tables, *pragmas]


def test_released_steps_are_never_edited() -> None:
    assert tuple(sha256("\0".join(step).encode()).hexdigest() for step in MIGRATIONS) == RELEASED


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS) + 1))
def test_a_database_of_any_version_becomes_as_a_new_one(tmp_path: Path, version: int) -> None:
    open_store(tmp_path / "new.db").close()
    old = tmp_path / "old.db"
    older(old, version)
    open_store(old).close()
    assert shape(old) == shape(tmp_path / "new.db")


def test_an_owner_whose_length_of_lease_an_older_wf_has_not_recorded_has_the_default(tmp_path: Path) -> None:
    path = tmp_path / "wf.db"
    store = open_store(path)
    store.save_definition(DEFINITION)
    begin(store)
    store.claim("run", OTHER, 50.0, 1)
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("UPDATE runs SET owner_lease = NULL")
    database.close()
    assert store.run("run").owner == replace(OTHER, lease=LEASE_SECONDS)
    store.close()


def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "wf.db"
    open_store(path).close()
    before = path.read_bytes()
    open_store(path).close()
    open_store(path, create=False).close()
    assert path.read_bytes() == before


@pytest.fixture
def two_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wf of two versions from now."""
    adds = ("ALTER TABLE runs ADD COLUMN note TEXT", "CREATE TABLE extra (a TEXT) STRICT")
    monkeypatch.setattr(connection, "MIGRATIONS", (*MIGRATIONS, *((statement,) for statement in adds)))


def test_later_steps_are_taken_by_whoever_opens_next_and_runs_stay(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    path = tmp_path / "wf.db"
    store = open_store(path)
    store.save_definition(DEFINITION)
    begin(store, 6)
    store.close()
    request.getfixturevalue("two_more")
    again = open_store(path, create=False)
    assert again.run("run").events == 6
    again.close()
    assert shape(path)[-1] == (len(MIGRATIONS) + 2,)
    open_store(tmp_path / "new.db").close()
    assert [row[1] for row in shape(path)[:-2]] == [row[1] for row in shape(tmp_path / "new.db")[:-2]]


def test_a_newer_database_is_refused_and_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "wf.db"
    with monkeypatch.context() as future:
        future.setattr(connection, "MIGRATIONS", (*MIGRATIONS, ("CREATE TABLE extra (a TEXT) STRICT",)))
        open_store(path).close()
    before = path.read_bytes()
    for create in (True, False):
        with pytest.raises(StoreError, match="written by a newer wf") as error:
            open_store(path, create=create)
        assert "update wf" in error.value.hint
    assert path.read_bytes() == before


def test_a_step_that_fails_leaves_the_old_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "wf.db"
    open_store(path).close()
    before = shape(path)
    with monkeypatch.context() as future:
        step = ("CREATE TABLE extra (a TEXT) STRICT", "CREATE TABLE runs (a TEXT) STRICT")
        future.setattr(connection, "MIGRATIONS", (*MIGRATIONS, step))
        with pytest.raises(StoreError):
            open_store(path)
    assert shape(path) == before
    open_store(path).close()
