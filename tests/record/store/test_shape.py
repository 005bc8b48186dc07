"""A database is used only if it is made of what our migrations make, and of nothing else."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from runner.ground.errors import StoreError
from runner.record.store import shape
from runner.record.store.connection import look_into
from runner.record.store.driver import sqlite3
from runner.record.store.migrations import MIGRATIONS
from runner.record.store.shape import SHAPES, _made, shape_hash
from runner.record.store.sqlite import open_store
from tests.spoiled import older

CHANGES = {
    "its table runs was changed": "ALTER TABLE runs ADD COLUMN more TEXT AS (upper(id))",
    "it has a foreign trigger after": "CREATE TRIGGER after AFTER UPDATE ON runs BEGIN DELETE FROM events; END",
    "it has a foreign view more": "CREATE VIEW more AS SELECT 1",
    "it has a foreign table more": "CREATE TABLE more (a)",
    "it has a foreign index more": "CREATE INDEX more ON runs (upper(workflow))",
    "it lacks the index signals_by_run": "DROP INDEX signals_by_run",
    "it has a foreign table old_audit": "ALTER TABLE audit RENAME TO old_audit",
}


def change(path: Path, statement: str) -> None:
    database = sqlite3.connect(path, isolation_level=None)
    database.execute(statement)
    database.close()


@pytest.mark.parametrize("why", CHANGES)
def test_a_database_with_a_foreign_part_is_not_used(tmp_path: Path, why: str) -> None:
    path = tmp_path / "wf.db"
    open_store(path).close()
    change(path, CHANGES[why])
    before = path.read_bytes()
    for use in (lambda: open_store(path), lambda: open_store(path, create=False), lambda: look_into(path)):
        with pytest.raises(StoreError) as refused:
            use()
        assert refused.value.message == f"{path} is not as wf made it: {why}"
    assert path.read_bytes() == before


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS) + 1))
def test_an_old_database_with_a_foreign_part_is_not_brought_up_to_date(tmp_path: Path, version: int) -> None:
    path = tmp_path / "wf.db"
    older(path, version)
    change(path, "CREATE TRIGGER t AFTER INSERT ON events BEGIN SELECT 1; END")
    with pytest.raises(StoreError, match="it has a foreign trigger t"):
        open_store(path)


def test_the_shape_of_each_version_is_known() -> None:
    made = [shape_hash(_made(MIGRATIONS[:version])) for version in range(1, len(MIGRATIONS) + 1)]
    assert tuple(made) == SHAPES


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal"])
@pytest.mark.parametrize("kind", ["pipe", "device", "socket", "link"])
def test_what_is_no_file_is_not_opened(tmp_path: Path, suffix: str, kind: str) -> None:
    path = tmp_path / "wf.db"
    open_store(path).close()
    odd = Path(f"{path}{suffix}")
    odd.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(odd)
    if kind == "device":
        odd.symlink_to("/dev/zero")
    if kind == "link":
        odd.symlink_to(tmp_path / "elsewhere" if suffix else "/dev/zero")
    with socket.socket(socket.AF_UNIX) as bound:
        if kind == "socket":
            bound.bind(str(odd))
        with pytest.raises(StoreError, match="is no file"):
            open_store(path)
        with pytest.raises(StoreError, match="is no file"):
            look_into(path)


def test_what_lies_beside_the_file_that_a_link_leads_to_counts(tmp_path: Path) -> None:
    real, link = tmp_path / "real.db", tmp_path / "link.db"
    open_store(real).close()
    link.symlink_to(real)
    open_store(link).close()
    os.mkfifo(f"{real}-journal")
    with pytest.raises(StoreError, match=r"real\.db-journal is no file of its own"):
        open_store(link)


def test_a_shape_whose_hash_is_not_written_down_is_compared_object_by_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shape, "SHAPES", SHAPES[:-1])
    path = tmp_path / "wf.db"
    open_store(path).close()
    open_store(path).close()
    change(path, "CREATE VIEW more AS SELECT 1")
    with pytest.raises(StoreError, match="it has a foreign view more"):
        open_store(path)
