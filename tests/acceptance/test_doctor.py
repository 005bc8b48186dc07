"""`wf doctor`: what is whole, what is not, which run it concerns; and no byte changes, whatever it finds."""

from __future__ import annotations

import json
import os
import shutil
import signal
from importlib import metadata
from pathlib import Path

import pytest

from runner.record.store import connection
from runner.record.store.driver import sqlite3
from tests.acceptance.command_line import ended, interrupted_twice, lines_until, started, wf, write
from tests.spoiled import SPOILED, older

FLOW = """
wf: 1
name: flow
permissions: {commands: [sh]}
state: {n: {type: integer, default: 0}, text: {type: string, default: ""}}
nodes:
  again:
    set: {n: "{{ state.n + 1 }}", text: "{{ state.n }} {{ 'x' * 5000 }}"}
    next: [{when: state.n < 30, to: again}, {to: say}]
  say: {script: "echo said"}
outputs: {n: "{{ state.n }}"}
"""

HELD = """
wf: 1
name: held
permissions: {commands: [sh]}
steps:
  - {id: first, script: "echo first"}
  - {id: hold, script: "until [ -e go ]; do sleep 0.02; done"}
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run, its fork, and one that was taken in from a file and has been gone on with."""
    folder = tmp_path_factory.mktemp("whole")
    write(folder, "flow.yaml", FLOW)
    write(folder, "ask.yaml", "wf: 1\nname: ask\nnodes: {who: {human: {prompt: Who?, choices: [me, you]}}}\n")
    wf(folder, "run", "flow.yaml", "--run-id", "a")
    wf(folder, "fork", "a@20", "--run-id", "b", environment={"WF_CODEC": "msgpack", "WF_COMPRESSION": "zlib"})
    wf(folder, "run", "ask.yaml", "--no-input", "--run-id", "c", code=3)
    wf(folder, "export", "c", "-o", "c.jsonl")
    wf(folder, "import", "c.jsonl", "--run-id", "d")
    wf(folder, "answer", "d", "who", "me", "--resume")
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return Path(shutil.copytree(whole, tmp_path / "copy"))


def content(folder: Path) -> dict[str, bytes]:
    """All files of a folder but the index of a log, which is no more than a cache."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".db-shm")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def doctor(folder: Path, *words: str, code: int) -> list[str]:
    """What it says of the database, nothing of which may change by it."""
    before = content(folder)
    lines = wf(folder, "doctor", *words, code=code).stdout.splitlines()
    assert content(folder) == before
    start = next(number for number, line in enumerate(lines) if "terminal:" in line)
    return lines[start + 1 :]


def damage(folder: Path, *statements: str) -> None:
    database = sqlite3.connect(folder / ".wf/wf.db", isolation_level=None)
    for statement in statements:
        database.execute(statement)
    database.close()


def test_a_sound_database_is_called_so(folder: Path) -> None:
    assert doctor(folder, code=0) == [
        "ok     database: .wf/wf.db is whole",
        "ok     values: files and large values are whole",
        "ok     versions: 2, whole",
        "ok     runs: 4, whole",
    ]
    assert {path.name for path in (folder / ".wf").iterdir()} == {"wf.db", "wf.db-turn"}


def test_a_run_that_was_cut_off_while_time_went_by_is_whole(folder: Path) -> None:
    write(folder, "held.yaml", HELD)
    with started(folder, "run", "held.yaml", "--run-id", "held", "--events") as run:
        lines_until(run, '"step":"hold"')
        assert interrupted_twice(run).code == 130
    assert doctor(folder, code=0)[-1] == "ok     runs: 5, whole"


def test_what_was_found_as_json(folder: Path) -> None:
    damage(folder, "DELETE FROM events WHERE id = (SELECT max(id) - 3 FROM events WHERE run = 1)")
    found = json.loads("\n".join(wf(folder, "doctor", "--json", code=5).stdout.splitlines()))
    assert found[0]["name"] == "python"
    assert [one["name"] for one in found if not one["ok"]] == ["run a", "runs"]
    assert all(one["help"] for one in found if not one["ok"])


DAMAGES: dict[str, tuple[str, list[str]]] = {
    "an event is missing": (
        "DELETE FROM events WHERE id = (SELECT min(id) + 3 FROM events WHERE run = 1)",
        ["run a: .wf/wf.db is damaged: events", "run b: .wf/wf.db is damaged: events", "runs: 2 of 4 are whole"],
    ),
    "an event has another value": (
        "UPDATE events SET payload = replace(payload, 'again', 'agaim') WHERE id = (1 << 32) + 5",
        ["run a: .wf/wf.db is damaged: events", "run b: .wf/wf.db is damaged: events", "runs: 2 of 4 are whole"],
    ),
    "a large value has another text": (
        "UPDATE blobs SET content = CAST(replace(content, 'xxxx', 'xxxy') AS BLOB) WHERE octet_length(content) > 5000 "
        "AND content LIKE '\"27 %'",
        [
            "values: .wf/wf.db is damaged: the large value",
            "run a: .wf/wf.db is damaged: events",
            "run b: .wf/wf.db is damaged: events",
            "runs: 2 of 4 are whole",
        ],
    ),
    "a file of a workflow is missing": (
        "DELETE FROM blobs WHERE content LIKE '%name: ask%'",
        ["version ", "versions: 1 of 2 are whole"],
    ),
    "a file of a workflow has another name": (
        "UPDATE workflows SET files = replace(files, 'ask.yaml', 'bsk.yaml') WHERE name = 'ask'",
        ["version ", "versions: 1 of 2 are whole"],
    ),
    "a snapshot has another value": (
        "UPDATE workflow_checkpoints SET state = CAST(replace(state, 'again', 'agaim') AS BLOB) WHERE rowid = 1",
        ["run a: its snapshot after event", "runs: 3 of 4 are whole"],
    ),
    "a snapshot where no commit ends": (
        "INSERT INTO workflow_checkpoints SELECT run_id, 1, at, checksum, state, format FROM workflow_checkpoints "
        "WHERE rowid = 1",
        ["run a: it has a snapshot after event 1, which ends no commit", "runs: 3 of 4 are whole"],
    ),
    "a step has another output": (
        """UPDATE steps SET output = '{"text":"sad"}' WHERE run_id = 'a' AND node = 'say'""",
        ["run a: the table steps does not hold what its events say", "runs: 3 of 4 are whole"],
    ),
    "a step is missing": (
        "DELETE FROM steps WHERE run_id = 'b' AND node = 'say'",
        ["run b: the table steps does not hold what its events say", "runs: 3 of 4 are whole"],
    ),
    "a step has no JSON": (
        "UPDATE steps SET output = '{' WHERE run_id = 'b' AND node = 'say'",
        ["run b: .wf/wf.db is damaged: the table steps of run 'b'", "runs: 3 of 4 are whole"],
    ),
    "a state key has another value": (
        "UPDATE workflow_state SET value = '31' WHERE run_id = 'a' AND key = 'n'",
        ["run a: the table workflow_state does not hold", "runs: 3 of 4 are whole"],
    ),
    "a run has another status": (
        "UPDATE runs SET status = 'running' WHERE id = 'b'",
        ["run b: the list of runs says status 'running', its events say 'completed'", "runs: 3 of 4 are whole"],
    ),
    "a run has another status and time": (
        "UPDATE runs SET workflow = 'glow', created_at = 1.0 WHERE id = 'd'",
        [
            "run d: the list of runs says workflow 'glow', its events say 'ask'",
            "run d: the list of runs says that it began at another time",
            "runs: 3 of 4 are whole",
        ],
    ),
    "the end of a run is missing": (
        "DELETE FROM events WHERE id = (SELECT max(id) FROM events WHERE run = 1)",
        [
            "run a: events 34–36 are missing, of which it has a snapshot",
            "runs: 3 of 4 are whole",
        ],
    ),
    "a run is a fork of its fork": (
        "UPDATE runs SET parent = 2, fork = 3 WHERE id = 'a'",
        [
            "run a: .wf/wf.db is damaged: what run 'a' is a fork of can't be read",
            "run b: .wf/wf.db is damaged: what run 'b' is a fork of can't be read",
            "runs: 2 of 4 are whole",
        ],
    ),
    "a message that is none": (
        "INSERT INTO signals (run_id, kind, target, value, at) VALUES ('c', 'sudo', '', 'null', 1.0)",
        ["run c: .wf/wf.db is damaged: a message to run 'c'", "runs: 3 of 4 are whole"],
    ),
    "a row of a run that is not there": (
        "INSERT INTO signals (run_id, kind, target, value, at) VALUES ('z', 'pause', '', 'null', 1.0)",
        ["database: .wf/wf.db is damaged: signals refers to runs not there"],
    ),
    "a table is missing": (
        "DROP TABLE model_calls",
        ["database: .wf/wf.db is not as wf made it: it lacks the table model_calls"],
    ),
    "the runs are missing": ("DROP TABLE runs", ["database: .wf/wf.db is not as wf made it: it lacks the table runs"]),
    "a trigger of foreign make": (
        "CREATE TRIGGER t AFTER INSERT ON events BEGIN DELETE FROM runs; END",
        ["database: .wf/wf.db is not as wf made it: it has a foreign trigger t"],
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_each_damage_is_told_with_the_run_that_it_concerns(folder: Path, name: str) -> None:
    statement, expected = DAMAGES[name]
    damage(folder, statement)
    lines = doctor(folder, code=5)
    found = [line.removeprefix("WRONG  ") for line in lines if line.startswith("WRONG")]
    assert [line[: len(words)] for line, words in zip(found, expected, strict=True)] == expected
    helps = [line for line in lines if line.startswith("         help: ")]
    assert len(helps) == len(found)


def test_a_database_whose_pages_are_damaged_is_told_run_by_run(folder: Path) -> None:
    path = folder / ".wf/wf.db"
    database = sqlite3.connect(path)
    [(page,)] = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'steps'").fetchall()
    database.close()
    damaged = bytearray(path.read_bytes())
    damaged[(page - 1) * 4096 : page * 4096] = bytes(4096)
    path.write_bytes(damaged)
    lines = doctor(folder, code=5)
    assert lines[0].startswith("WRONG  database: .wf/wf.db is damaged")
    assert "ok     versions: 2, whole" in lines
    assert any(line.startswith("WRONG  run a: .wf/wf.db is damaged") for line in lines)


def test_a_list_that_is_out_of_order_is_read_no_further(folder: Path) -> None:
    path = folder / ".wf/wf.db"
    database = sqlite3.connect(path)
    [(page,)] = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_runs_1'").fetchall()
    database.close()
    damaged = bytearray(path.read_bytes())
    ids = slice((page - 1) * 4096, page * 4096)
    damaged[ids] = damaged[ids].replace(b"\x0f\x01d", b"\x0f\x01A")
    path.write_bytes(damaged)
    lines = doctor(folder, code=5)
    assert "WRONG  runs: .wf/wf.db is damaged: a list in it is out of order; after 3 of them" in lines


def test_an_epoch_before_that_of_the_events_is_told(folder: Path) -> None:
    damage(folder, "UPDATE runs SET epoch = 0 WHERE id = 'a'")
    assert "WRONG  run a: the list of runs says epoch 0, its events say 1" in doctor(folder, code=5)


# --- files that are no database of this version


@pytest.mark.parametrize("name", SPOILED)
def test_what_is_no_database_of_this_version_is_told_and_left_as_it_is(folder: Path, name: str) -> None:
    spoil, words = SPOILED[name]
    spoil(folder / ".wf/wf.db")
    assert [line for line in doctor(folder, code=5) if line.startswith(f"WRONG  database: .wf/wf.db {words}")]
    assert not (folder / ".wf/wf.db-wal").exists()


def test_an_older_database_is_not_brought_up_to_date(folder: Path) -> None:
    older(folder / ".wf/wf.db")
    (folder / ".wf/wf.db").chmod(0o600)
    assert doctor(folder, code=0) == [
        "ok     database: .wf/wf.db is whole",
        "ok     version: made by an older wf, as version 1: the next command that uses it brings it up to date, "
        "then runs are checked",
    ]


def test_where_nothing_was_run_that_is_said(tmp_path: Path) -> None:
    assert doctor(tmp_path, code=0) == ["ok     database: .wf/wf.db is not there yet; the first run makes it"]


def test_a_log_without_its_database_is_told(folder: Path) -> None:
    (folder / ".wf/wf.db").rename(folder / ".wf/wf.db-wal")
    assert any("but wf.db-wal is not" in line for line in doctor(folder, code=5))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_database_that_may_not_be_read_is_told(folder: Path) -> None:
    (folder / ".wf/wf.db").chmod(0)
    [line] = [line for line in wf(folder, "doctor", code=5).stdout.splitlines() if line.startswith("WRONG")]
    assert line.startswith("WRONG  database: .wf/wf.db ")


def test_a_journal_of_a_write_that_was_cut_off_is_left_to_who_may_write(folder: Path) -> None:
    """What the journal holds is undone by the next command; until then the database can't be read without writing."""
    path = folder / ".wf/wf.db"
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode=DELETE")
    database.execute("PRAGMA cache_spill=1")
    database.execute("PRAGMA cache_size=1")
    database.execute("BEGIN IMMEDIATE")
    database.execute("UPDATE steps SET output = '1'")
    kept = folder / "kept"
    kept.mkdir()
    for name in ("wf.db", "wf.db-journal"):
        shutil.copy(folder / ".wf" / name, kept / name)
    database.rollback()
    database.close()
    for name in ("wf.db", "wf.db-journal"):
        shutil.move(kept / name, folder / ".wf" / name)
    [line, help_] = [line for line in doctor(folder, code=5) if "modes" not in line and "chmod" not in line]
    assert line == "WRONG  database: .wf/wf.db holds half of a write that was cut off"
    assert "takes it back" in help_
    wf(folder, "runs")
    assert "ok     runs: 4, whole" in doctor(folder, code=0)


# --- other processes


def test_a_run_that_was_killed_is_told_with_what_goes_on_with_it_and_its_log_stays(folder: Path) -> None:
    write(folder, "held.yaml", HELD)
    with started(folder, "run", "held.yaml", "--run-id", "k", "--events", start_new_session=True) as running:
        lines_until(running, '"step":"hold"')
        os.killpg(running.pid, signal.SIGKILL)
    before = content(folder / ".wf")
    assert before["wf.db-wal"]
    lines = doctor(folder, code=0)
    assert "ok     log: .wf/wf.db-wal is part of the database; it goes when the last process lets go of it" in lines
    assert lines[-2:] == [
        "ok     run k: whole, but nobody drives it: wf resume k goes on with it, wf cancel k ends it",
        "ok     runs: 5, whole",
    ]
    (folder / "go").touch()
    wf(folder, "resume", "k")
    assert doctor(folder, code=0)[-1] == "ok     runs: 5, whole"


def test_a_run_that_is_going_on_is_whole_and_is_not_disturbed(folder: Path) -> None:
    write(folder, "held.yaml", HELD)
    with started(folder, "run", "held.yaml", "--run-id", "k", "--events") as running:
        lines_until(running, '"step":"hold"')
        assert doctor(folder, code=0)[-1] == "ok     runs: 5, whole"
        (folder / "go").touch()
        assert ended(running).code == 0
    assert doctor(folder, code=0)[-1] == "ok     runs: 5, whole"


# --- the surroundings


def test_files_that_others_may_read_are_told(folder: Path) -> None:
    (folder / ".wf/wf.db").chmod(0o644)
    (folder / ".wf").chmod(0o777)
    assert [line for line in doctor(folder, code=5) if not line.startswith("ok")] == [
        "WRONG  modes: .wf/wf.db is open to others (mode 0644)",
        "         help: chmod 600 '.wf/wf.db'",
        "WRONG  modes: .wf may be written by anyone (mode 0777): they can replace the database",
        "         help: chmod 700 '.wf'",
    ]


@pytest.mark.parametrize("release", ["1.82.7", "1.82.8"])
def test_a_release_that_carried_malware_is_told(tmp_path: Path, release: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", lambda _: release)
    assert f"WRONG  litellm: litellm {release} is a compromised release" in wf(tmp_path, "doctor", code=5).stdout


def test_a_sqlite_that_may_damage_databases_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Old:
        sqlite_version = "3.51.2"
        sqlite_version_info = (3, 51, 2)

    monkeypatch.setattr(connection, "sqlite3", Old)
    assert "WRONG  sqlite: SQLite 3.51.2 may damage a database" in wf(tmp_path, "doctor", code=5).stdout
