"""What is no run of ours is refused, whoever made the file: with exit 2, and nothing is written."""

from __future__ import annotations

import gzip
import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.ground.errors import UsageError
from runner.ground.json_value import Json
from runner.record.history import load_state
from runner.record.snapshot import encode_state
from runner.record.store.contract import RunUnknown, Store
from runner.record.store.driver import sqlite3
from runner.record.store.sqlite import memory_store
from runner.travel.imports import DEEPEST, Export, check_export, take_in
from tests.acceptance.command_line import wf, write
from tests.travel.travelled import taken_in, text_of, travelled_store


@pytest.fixture(scope="module")
def travelled(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return travelled_store(tmp_path_factory.mktemp("nested"))


# --- what is no run


Lines = list[dict[str, Json]]


@pytest.fixture(scope="module")
def whole(travelled: Store) -> bytes:
    return text_of(travelled, "fork")


def lines_of(content: bytes) -> Lines:
    return [json.loads(line) for line in content.splitlines()]


def written(lines: Lines) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def commits_in(lines: Lines) -> Lines:
    return [line for line in lines if line["line"] == "commit"]


def event_of(lines: Lines, type_: str) -> dict[str, Json]:
    events = (event for line in commits_in(lines) for event in line["events"])
    found: dict[str, Json] = next(event for event in events if event["type"] == type_)
    return found


def nested(depth: int) -> Json:
    value: Json = 1
    for _ in range(depth):
        value = [value]
    return value


def put(type_: str, **fields: Json) -> Callable[[Lines], object]:
    return lambda lines: event_of(lines, type_).update(fields)


def options(**given: Json) -> Callable[[Lines], object]:
    return lambda lines: event_of(lines, "run_started")["options"].update(given)


def renamed(place: str) -> Callable[[Lines], object]:
    def rename(lines: Lines) -> None:
        files = lines[1]["files"]
        files[place] = files.pop("child.yaml")

    return rename


def rehash(lines: Lines, hash_: str) -> None:
    lines[1]["hash"] = hash_
    for type_ in ("run_started", "run_forked"):
        event_of(lines, type_)["definition"] = hash_


def wrong_write(lines: Lines) -> None:
    events = (event for line in commits_in(lines) for event in line["events"] if event.get("writes"))
    next(events)["writes"] = [["sum", "add", "no number"]]


HOSTILE: dict[str, tuple[Callable[[Lines], object], str]] = {
    "no lines": (lambda lines: lines.clear(), "its end is missing"),
    "no header": (lambda lines: lines.pop(0), "one header, in its first line"),
    "two headers": (lambda lines: lines.insert(1, lines[0]), "one header, in its first line"),
    "a newer format": (lambda lines: lines[0].update(format=2), "written by a newer wf: update wf"),
    "format 0": (lambda lines: lines[0].update(format=0), "format 0 of exported runs"),
    "an id with a path": (lambda lines: lines[0].update(run="../../etc"), "can't be a run's id"),
    "the id last": (lambda lines: lines[0].update(run="last"), "can't be a run's id"),
    "cut off": (lambda lines: lines.pop(), "the file was cut off"),
    "a line more": (lambda lines: lines.append(lines[2]), "more after its end"),
    "a line less": (lambda lines: lines.pop(6), "can't follow"),
    "a line twice": (lambda lines: lines.insert(4, lines[4]), "can't follow"),
    "lines changed round": (lambda lines: lines.insert(5, lines.pop(4)), "can't follow"),
    "the last lines cut off": (lambda lines: lines.pop(-2), "lines are missing"),
    "an unknown line": (lambda lines: lines[3].update(line="sql"), "no line of an exported run: Invalid value 'sql'"),
    "an unknown event": (put("step_ended", type="python/object"), "Invalid value 'python/object'"),
    "a field of another type": (put("step_ended", step=7), "Expected `str`, got `int`"),
    "an unknown status": (put("step_ended", status="maybe"), "Invalid enum value 'maybe'"),
    "no events": (lambda lines: lines[4].update(events=[]), "at least one event"),
    "a huge number": (lambda lines: lines[3].update(epoch=10**30), "no line of an exported run"),
    "a huge visit": (put("step_started", visit=2**70), "does not fit 64 bits"),
    "a huge attempt": (put("attempt_started", attempt=2**70), "does not fit 64 bits"),
    "events from number -1": (lambda lines: lines[2].update(first=-1), "no line of an exported run"),
    "a time before all times": (lambda lines: lines[3].update(at=-1.0), "no line of an exported run"),
    "a time after all times": (lambda lines: lines[3].update(at=1e18), "no line of an exported run"),
    "deep nesting": (put("step_ended", output=nested(DEEPEST)), "nested deeper"),
    "very deep nesting": (put("step_ended", output=nested(900)), "nested deeper"),
    "no version": (lambda lines: lines.pop(1), "which no line before has given"),
    "a version twice": (lambda lines: lines.insert(2, lines[1]), "this version came before"),
    "a wrong hash": (lambda lines: rehash(lines, "0" * 64), "is not the one of hash"),
    "a changed file": (lambda lines: lines[1]["files"].update({"child.yaml": "wf: 1\n"}), "its workflow is invalid"),
    "another file": (lambda lines: lines[1]["files"].update({"more.yaml": "x: 1\n"}), "is not the one of hash"),
    "no root file": (lambda lines: lines[1].update(file="nope.yaml"), "is not among its files"),
    "a huge file": (lambda lines: lines[1]["files"].update({"a.md": "x" * 2_000_000}), "is too large"),
    "an absolute path": (renamed("/etc/cron.d/x"), "does not lie inside"),
    "a path upwards": (renamed("../child.yaml"), "does not lie inside"),
    "a path down and up": (renamed("a/../../child.yaml"), "does not lie inside"),
    "a path that is not plain": (renamed("./child.yaml"), "does not lie inside"),
    "a path for another system": (renamed("..\\child.yaml"), "does not lie inside"),
    "a path with NUL": (renamed("child.yaml\x00"), "does not lie inside"),
    "an empty path": (renamed(""), "does not lie inside"),
    "a long path": (renamed("x" * 2000), "does not lie inside"),
    "a pattern that is a path": (renamed("pattern:../../x"), "does not lie inside"),
    "another workflow's name": (put("run_started", workflow="other"), "not the one that its file names"),
    "another version's number": (put("run_forked", version="9"), "is not that of its workflow"),
    "other inputs": (put("run_started", inputs={}), "inputs or state are not those"),
    "other state": (put("run_started", state={"x": 1}), "inputs or state are not those"),
    "models that are none": (options(models=["x"]), "its options are none of a run"),
    "permissions that are none": (options(allow={"commands": "sh"}), "its options are none of a run"),
    "replies that are none": (options(mock="x"), "its options are none of a run"),
    "a frame of nobody": (put("frame_opened", owner="nope"), "do not follow"),
    "a step of no frame": (put("step_started", frame="nope"), "do not follow"),
    "an error without a type": (put("step_ended", error={"message": "x"}), "an error in it is none of ours"),
    "a start at its end": (lambda lines: lines[-2]["events"].insert(0, lines[2]["events"][0]), "do not follow"),
    "a write that can't join": (wrong_write, "do not follow"),
    "a fork before its start": (lambda lines: lines[2]["events"].pop(0), "can't begin"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_no_run_of_ours_is_is_refused(whole: bytes, name: str) -> None:
    change, words = HOSTILE[name]
    lines = lines_of(whole)
    change(lines)
    with pytest.raises(UsageError) as error:
        check_export(Export(io.BytesIO(written(lines)), "run.jsonl", "", "/elsewhere"))
    assert words in error.value.message


@given(st.data())
def test_an_export_with_a_few_bytes_changed_is_refused_or_a_run(whole: bytes, data: st.DataObject) -> None:
    content = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 2))] = data.draw(
            st.sampled_from([b"", b"0", b'"', b"}", b"x"])
        )
    refused_or_taken_in(bytes(content))


@given(st.data())
def test_an_export_with_a_value_changed_is_refused_or_a_run(whole: bytes, data: st.DataObject) -> None:
    lines = lines_of(whole)
    place: Any = data.draw(st.sampled_from(lines))
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(st.sampled_from([None, True, 0, -1, 2**63, 1.5, "", "x", "/", [], {}, ["x"], {"x": 1}]))
    refused_or_taken_in(written(lines))


def refused_or_taken_in(content: bytes) -> None:
    store = memory_store()
    try:
        run = taken_in(store, content)
    except UsageError:
        assert store.runs() == []
        return
    assert encode_state(load_state(store, run, store.run(run).events))
    assert text_of(store, run)


def test_a_file_that_changes_between_two_readings_is_not_taken_in(whole: bytes) -> None:
    file = io.BytesIO(whole)
    checked = check_export(Export(file, "run.jsonl", "", "/elsewhere"))
    changed = whole.replace(b'"at":', b'"at": ', 1)
    file.seek(0)
    file.write(changed)
    store = memory_store()
    with pytest.raises(UsageError, match="changed while it was read"):
        take_in(store, checked)
    with pytest.raises(RunUnknown):
        store.run("fork")


def test_a_taken_id_is_refused_and_its_run_stays(travelled: Store, whole: bytes) -> None:
    before = list(travelled.commits("run"))
    with pytest.raises(UsageError, match="run 'run' exists already"):
        taken_in(travelled, whole, "run")
    assert list(travelled.commits("run")) == before


# --- files that are no export


def sqlite_file(folder: Path) -> Path:
    database = sqlite3.connect(folder / "x")
    database.execute("CREATE TABLE runs (id TEXT)")
    database.execute("CREATE TRIGGER t AFTER INSERT ON runs BEGIN DELETE FROM runs; END")
    database.close()
    return folder / "x"


def zip_file(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "x", "w") as archive:
        archive.writestr("../../evil.yaml", "wf: 1\n")
    return folder / "x"


def linked(folder: Path) -> Path:
    write(folder, "target", "{}\n")
    (folder / "x").symlink_to(folder / "target")
    return folder / "x"


def bytes_file(content: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / "x").write_bytes(content)
        return folder / "x"

    return make


def queue(folder: Path) -> Path:
    os.mkfifo(folder / "x")
    return folder / "x"


def endless(folder: Path) -> Path:
    with (folder / "x").open("wb") as file:
        file.truncate(2 << 30)
    return folder / "x"


FILES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "SQLite": (sqlite_file, "x:1: this is no line of an exported run: it is not JSON"),
    "zip": (zip_file, "it is not JSON"),
    "gzip": (bytes_file(gzip.compress(b"0" * 1_000_000)), "x is compressed\n  help: gunzip -c FILE | wf import -"),
    "pickle": (bytes_file(b"\x80\x04\x95cposix\nsystem\n."), "it is not JSON"),
    "YAML": (bytes_file(b"wf: 1\nname: x\n"), "it is not JSON"),
    "JSON": (bytes_file(b'{"a": 1}\n'), "no line of an exported run"),
    "a number": (bytes_file(b"1e400\n"), "no line of an exported run"),
    "a surrogate": (bytes_file(b'{"line":"wf export","format":1,"run":"\\ud800"}\n'), "no line of an exported run"),
    "brackets": (bytes_file(b"[" * 1_000_000), "nested deeper"),
    "empty": (bytes_file(b""), "its end is missing"),
    "a symbolic link": (linked, "it is a symbolic link"),
    "a folder": (lambda folder: folder, "it is no file"),
    "a queue": (queue, "it is no file"),
    "missing": (lambda folder: folder / "nope", "No such file"),
    "too large": (endless, "it is too large"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_export_is_refused_and_no_database_is_made(tmp_path: Path, name: str) -> None:
    make, words = FILES[name]
    folder = tmp_path / "work"
    folder.mkdir()
    made = make(tmp_path)
    assert words in wf(folder, "import", str(made), code=2).stderr
    assert list(folder.iterdir()) == []


def test_what_comes_by_a_pipe_is_taken_in_too(tmp_path: Path, whole: bytes) -> None:
    assert wf(tmp_path, "import", "-", stdin=whole.decode()).stdout == "fork\n"
    assert "it is not JSON" in wf(tmp_path, "import", "-", stdin="x", code=2).stderr
