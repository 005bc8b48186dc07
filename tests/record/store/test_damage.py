"""Databases that are damaged, foreign, emptied, or hold hostile rows: a clear word, and the file stays as it is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from random import Random
from typing import Any
from zlib import crc32

import pytest

from runner.ground.errors import EXIT_STORE, StoreError
from runner.record.events import FORMAT, Commit
from runner.record.history import load_state, read_table
from runner.record.snapshot import encode_state
from runner.record.store import statements
from runner.record.store.contract import Message, Rows, RunUnknown, Snapshot, Store
from runner.record.store.driver import sqlite3
from runner.record.store.faults import explain
from runner.record.store.form import JSON, NEWEST
from runner.record.store.payload import _position, projected_row
from runner.record.store.sqlite import SqliteStore, open_store
from runner.record.store.tables import PROJECTED
from tests.record.store.samples import DEFINITION, begin, following

LENGTH = 40


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a run, closed."""
    path = tmp_path_factory.mktemp("whole") / "wf.db"
    fill(path)
    return path


def fill(path: Path) -> None:
    store = open_store(path, durability="normal")
    store.save_definition(DEFINITION)
    begin(store, LENGTH)
    store.post(Message("run", "signal", 1.0, "go", {"a": "b" * 50}))
    table = Rows({"steps": [{"step": f"s{number}", "output": {"n": number}} for number in range(50)]})
    store.save_snapshot(Snapshot("run", 20, 1.0, encode_state(load_state(store, "run", 20))), table, 1)
    store.close()


@pytest.fixture
def path(whole: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return Path(shutil.copy(whole, tmp_path / "wf.db"))


def expected() -> list[Commit]:
    return [following(number) for number in range(3, LENGTH + 1)]


def read_all(store: Store) -> list[Commit]:
    """Use every way of reading; the run's commits."""
    for row in store.runs(limit=-1):
        store.run(row.id)
    store.definition("hash")
    store.inbox("run")
    store.snapshot("run")
    for table in PROJECTED:
        store.projected("run", table)
    return list(store.commits("run"))


def refusal(path: Path, *, create: bool = False) -> StoreError:
    """The error that opening or reading gives; the file must be as it was."""
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(StoreError) as error:
        _open_and_read(path, create=create)
    assert (path.read_bytes() if path.is_file() else b"") == before
    assert error.value.exit_code == EXIT_STORE
    assert error.value.hint
    return error.value


def _open_and_read(path: Path, *, create: bool) -> None:
    store = open_store(path, create=create)
    try:
        read_all(store)
    finally:
        store.close()


# --- files that are no database of ours


@pytest.mark.parametrize(
    "content",
    [
        b"\x00" * 8192,
        b"x",
        b"wf: 1\nname: flow\n",
        b"SQLite format 3\x00",
        b"SQLite format 3\x00" + b"\x00" * 4000,
        bytes(range(256)) * 80,
        b"\x1f\x8b\x08" + b"\x00" * 600,
    ],
    ids=["zeros", "one byte", "a workflow", "a magic word", "a header of zeros", "noise", "gzip"],
)
@pytest.mark.parametrize("create", [True, False])
def test_a_file_that_is_no_database(tmp_path: Path, content: bytes, create: bool) -> None:
    path = tmp_path / "wf.db"
    path.write_bytes(content)
    assert str(refusal(path, create=create).message).startswith(f"{path} is ")


@pytest.mark.parametrize("mode", ["delete", "wal"])
@pytest.mark.parametrize("create", [True, False])
def test_another_programs_database(tmp_path: Path, mode: str, create: bool) -> None:
    path = tmp_path / "wf.db"
    database = sqlite3.connect(path)
    database.execute(f"PRAGMA journal_mode={mode}")
    database.execute("PRAGMA application_id=1")
    database.execute("CREATE TABLE runs (id TEXT)")
    database.close()
    assert "another program's database" in refusal(path, create=create).message
    assert [file.name for file in tmp_path.iterdir()] == ["wf.db"]


def test_an_empty_file_is_not_taken_for_a_database_without_runs(tmp_path: Path) -> None:
    path = tmp_path / "wf.db"
    path.touch()
    assert "is empty" in refusal(path).message
    open_store(path, create=True).close()
    assert open_store(path, create=False).runs() == []


@pytest.mark.parametrize("left", ["empty", "missing"])
@pytest.mark.parametrize("create", [True, False])
def test_a_log_without_its_database_is_not_thrown_away(tmp_path: Path, left: str, create: bool) -> None:
    path = tmp_path / "wf.db"
    log = tmp_path / "wf.db-wal"
    log.write_bytes(b"precious" * 1000)
    if left == "empty":
        path.touch()
    assert "but wf.db-wal is not" in refusal(path, create=create).message
    assert log.read_bytes() == b"precious" * 1000


def test_a_database_without_its_log_knows_no_runs_and_says_so(tmp_path: Path) -> None:
    store = open_store(tmp_path / "live.db")
    store.save_definition(DEFINITION)
    begin(store)
    shutil.copy(tmp_path / "live.db", tmp_path / "copy.db")
    copy = open_store(tmp_path / "copy.db", create=False)
    with pytest.raises(RunUnknown):
        copy.run("run")
    copy.close()
    store.close()


@pytest.mark.parametrize("create", [True, False])
def test_a_folder_in_the_place_of_the_file(tmp_path: Path, create: bool) -> None:
    assert str(tmp_path) in refusal(tmp_path, create=create).message


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "wf.db"
    with pytest.raises(StoreError, match=str(path)):
        open_store(path)


# --- damage


@pytest.mark.parametrize("part", [0, 50, 99, 100, 511, 512, 4095, 4096, 5000, 20_000, -1, -4096])
def test_a_truncated_database(path: Path, part: int) -> None:
    content = path.read_bytes()[:part]
    path.write_bytes(content)
    assert str(path) in refusal(path).message


def test_a_zeroed_header(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(bytes(100) + content[100:])
    assert "first page is damaged" in refusal(path).message


@pytest.mark.parametrize("seed", range(400))
def test_a_flipped_bit_is_an_error_or_does_no_harm(path: Path, seed: int) -> None:
    random = Random(seed)  # noqa: S311 - damage need not be a secret
    content = bytearray(path.read_bytes())
    for _ in range(random.choice((1, 1, 3, 20))):
        content[random.randrange(len(content) if seed % 4 else 4096)] ^= 1 << random.randrange(8)
    content[18:20] = b"\x02\x02"  # the journal mode: were it lost, it would be set anew, which is right
    path.write_bytes(content)
    for create in (True, False):
        try:
            store = open_store(path, create=create)
        except StoreError as error:
            assert str(path) in error.message  # noqa: PT017 - either outcome is right
            continue
        try:
            commits = read_all(store)
            assert commits[1:] == expected()
        except StoreError as error:
            assert error.hint  # noqa: PT017 - either outcome is right
        finally:
            store.close()
    assert path.read_bytes() == content


# --- rows that nobody of ours wrote


@pytest.fixture
def store(path: Path) -> SqliteStore:
    opened = open_store(path)
    assert isinstance(opened, SqliteStore)
    return opened


def forge(store: SqliteStore, payload: bytes | str, last: int = LENGTH + 1, **given: int) -> None:
    """A row of one event whose checksum is right."""
    fields = {"first": last, "format": JSON} | given
    data = payload if isinstance(payload, bytes) else payload.encode("utf-8", "surrogatepass")
    checksum = crc32(data, crc32(_position(fields["first"], last, 1, fields["format"], 1.0)))
    store._session.execute(
        "INSERT INTO events (id, run, first, at, epoch, format, checksum, payload) VALUES (?, 1, ?, 1.0, 1, ?, ?, ?)",
        ((1 << 32) + last, fields["first"], fields["format"], given.get("checksum", checksum), data),
    )


STEP_ENDED = '[{"type":"step_ended","step":"a","status":"completed","output":%s}]'

HOSTILE_PAYLOADS: dict[str, bytes | str] = {
    "empty": "",
    "not JSON": "rm -rf /",
    "no list": "{}",
    "a number": "7",
    "no events": "[]",
    "two events": STEP_ENDED.replace("[", "[{}, ", 1) % "1",
    "unknown type": '[{"type":"python/object/apply:os.system","args":["true"]}]',
    "no type": '[{"step":"a"}]',
    "type of another kind": '[{"type":1}]',
    "missing field": '[{"type":"step_ended","step":"a"}]',
    "wrong field": '[{"type":"step_ended","step":1,"status":"completed"}]',
    "unknown status": '[{"type":"step_ended","step":"a","status":"maybe"}]',
    "1e400": STEP_ENDED % "1e400",
    "-1e400": STEP_ENDED % "-1e400",
    "NaN": STEP_ENDED % "NaN",
    "Infinity": STEP_ENDED % "Infinity",
    "half a surrogate pair": STEP_ENDED % '"\\ud800"',
    "a raw surrogate": STEP_ENDED % '"\ud800"',
    "a huge integer": STEP_ENDED % ("9" * 5000),
    "too deep": STEP_ENDED % ("[" * 100_000 + "]" * 100_000),
    "cut off": STEP_ENDED[:40],
    "trailing": STEP_ENDED % "1" + "x",
    "no UTF-8": b'[{"type":"run_paused","reason":"\xff\xfe"}]',
    "pickle": b"\x80\x04\x95\x1c\x00\x00\x00cposix\nsystem\n",
    "msgpack": b"\x91\x81\xa4type\xd4\x05\x00",
}


@pytest.mark.parametrize("name", HOSTILE_PAYLOADS)
def test_a_hostile_row_is_an_error(store: SqliteStore, path: Path, name: str) -> None:
    forge(store, HOSTILE_PAYLOADS[name])
    for read in (lambda: list(store.commits("run")), lambda: load_state(store, "run")):
        with pytest.raises(StoreError, match="is damaged") as error:
            read()
        assert str(path) in error.value.message
        assert f"events {LENGTH + 1}–{LENGTH + 1} of run 'run'" in error.value.message
    assert store.run("run").events == LENGTH + 1
    store.close()


@pytest.mark.parametrize("value", ['{"lc":1,"type":"constructor"}', '{"py/object":"os.system"}', '{"__class__":"x"}'])
def test_what_looks_like_a_type_is_data(store: SqliteStore, value: str) -> None:
    forge(store, STEP_ENDED % value)
    (*_, last) = store.commits("run")
    assert isinstance(last.events[0].output, dict)  # type: ignore[union-attr]
    store.close()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"format": NEWEST + 1}, "written by a newer wf"),
        ({"checksum": 1}, "is damaged"),
        ({"first": LENGTH}, "is damaged"),
        ({"last": LENGTH + 3}, f"events {LENGTH + 1}–{LENGTH + 2} of run 'run' can't be read"),
    ],
)
def test_a_row_that_does_not_fit_is_an_error(store: SqliteStore, given: dict[str, int], words: str) -> None:
    forge(store, STEP_ENDED % "1", **given)
    with pytest.raises(StoreError, match=words):
        list(store.commits("run"))
    store.close()


def test_a_run_of_a_newer_event_format_is_refused(tmp_path: Path) -> None:
    store = open_store(tmp_path / "wf.db")
    assert isinstance(store, SqliteStore)
    store.save_definition(DEFINITION)
    begin(store)
    store._session.execute("DELETE FROM events")
    started = {"type": "run_started", "workflow": "f", "version": "1", "definition": "h", "inputs": {}, "state": {}}
    forge(store, json.dumps([{**started, "format": FORMAT + 1}]), last=1)
    with pytest.raises(StoreError, match="written by a newer wf"):
        list(store.commits("run"))
    store.close()


def test_a_row_that_says_it_stands_earlier_is_an_error(store: SqliteStore) -> None:
    store._session.execute("UPDATE events SET first = 0 WHERE id = (1 << 32) + 7")
    with pytest.raises(StoreError, match="events 0–7 of run 'run' can't be read"):
        list(store.commits("run"))
    store.close()


def test_events_that_are_missing_are_noticed(store: SqliteStore) -> None:
    store._session.execute("DELETE FROM events WHERE id = (1 << 32) + 7")
    with pytest.raises(StoreError, match="events 7–7 of run 'run' can't be read"):
        list(store.commits("run"))
    store.close()


@pytest.mark.parametrize(
    ("statement", "read"),
    [
        ("UPDATE workflow_checkpoints SET state = x'00'", lambda store: store.snapshot("run")),
        ("UPDATE steps SET output = '{'", lambda store: store.projected("run", "steps")),
        ("UPDATE steps SET output = '1e400'", lambda store: store.projected("run", "steps")),
        ("UPDATE steps SET output = CAST(x'ff' AS TEXT)", lambda store: store.projected("run", "steps")),
        ("UPDATE signals SET value = 'x'", lambda store: store.inbox("run")),
        ("UPDATE blobs SET content = x'00'", lambda store: store.definition("hash")),
        ("DELETE FROM blobs", lambda store: store.definition("hash")),
        ("UPDATE workflows SET files = '['", lambda store: store.definition("hash")),
        ("UPDATE signals SET kind = 'sudo'", lambda store: store.inbox("run")),
        ("DELETE FROM events", lambda store: store.run("run")),
        ("DELETE FROM events WHERE run = 1", lambda store: list(store.commits("run"))),
        ("DROP TABLE signals", lambda store: store.inbox("run")),
    ],
)
def test_other_rows_that_are_damaged(store: SqliteStore, path: Path, statement: str, read: Any) -> None:
    store._session.execute(statement)
    with pytest.raises(StoreError) as error:
        read(store)
    assert str(path) in error.value.message
    store.close()


@pytest.mark.parametrize("row", [("run", 7, "1", 1, 1.0), ("run", "a", b"1", 1, 1.0), ("run", "a", "1", "1", 1.0)])
def test_a_value_of_another_type_than_its_column_is_an_error(store: SqliteStore, row: tuple[Any, ...]) -> None:
    """SQLite sees to types when it writes a row: one whose type a disk has changed is read without a word."""
    with pytest.raises(StoreError, match=r"wf\.db is damaged: a row"), store._session.sound("a row"):
        projected_row(PROJECTED["workflow_state"], row, lambda _: b"")
    store.close()


def test_an_index_that_does_not_know_a_run_is_an_error(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statements, "RUN", statements.RUN.replace("runs.id = ?", "runs.id = ? AND 0"))
    with pytest.raises(StoreError, match="is damaged: the list of runs can't be read"):
        store.run("run")
    store.close()


@pytest.mark.parametrize(("run", "seq"), [("run", 21), ("other", 20)])
def test_a_snapshot_in_the_place_of_another_is_an_error(store: SqliteStore, run: str, seq: int) -> None:
    begin(store, 30, "other")
    store._session.execute("UPDATE workflow_checkpoints SET run_id = ?, seq = ?", (run, seq))
    with pytest.raises(StoreError, match=f"the snapshot of run '{run}' after event {seq} can't be read"):
        store.snapshot(run)
    store.close()


def test_a_snapshot_of_an_older_wf_is_read(store: SqliteStore) -> None:
    [(state,)] = store._session.read("SELECT state FROM workflow_checkpoints")
    store._session.execute("UPDATE workflow_checkpoints SET checksum = ?", (crc32(state),))
    assert load_state(store, "run", 20).seq == 20
    store.close()


def test_a_snapshot_that_is_no_state_is_an_error(store: SqliteStore) -> None:
    store.save_snapshot(Snapshot("run", LENGTH, 1.0, {}), Rows(), 1)
    for read in (lambda: load_state(store, "run"), lambda: read_table(store, "run", "steps")):
        with pytest.raises(StoreError, match=f"the snapshot of run 'run' after event {LENGTH} is damaged"):
            read()
    store.close()


# --- the words


def test_text_that_sqlite_finds_to_be_none_is_damage() -> None:
    fault = sqlite3.OperationalError("Could not decode to UTF-8 column 'name' with text '\xff'")
    assert explain(fault, "some/wf.db").message == "some/wf.db is damaged: it holds what is no text"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (sqlite3.SQLITE_BUSY, "is in use by another process"),
        (sqlite3.SQLITE_LOCKED, "is in use by another process"),
        (sqlite3.SQLITE_FULL, "the disk is full"),
        (sqlite3.SQLITE_IOERR, "the disk reports an error"),
        (sqlite3.SQLITE_IOERR | (4 << 8), "the disk reports an error"),
        (sqlite3.SQLITE_CORRUPT, "is damaged"),
        (sqlite3.SQLITE_NOTADB, "is not a wf database"),
        (sqlite3.SQLITE_READONLY | (8 << 8), "can only be read"),
        (sqlite3.SQLITE_CANTOPEN, "can't be opened"),
        (sqlite3.SQLITE_TOOBIG, "so large a value"),
        (sqlite3.SQLITE_NOMEM, "not enough memory"),
        (99, "can't be used: words of SQLite"),
        (None, "can't be used: words of SQLite"),
    ],
)
def test_each_fault_has_its_words(code: int | None, words: str) -> None:
    fault = sqlite3.OperationalError("words of SQLite")
    if code is not None:
        fault.sqlite_errorcode = code
    told = explain(fault, "some/wf.db")
    assert told.message.startswith("some/wf.db ")
    assert words in told.message
    assert told.hint
