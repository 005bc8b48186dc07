"""Every command on a database that it can't use: one word, exit code 5, and the file stays as it is."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.acceptance.command_line import Done, ended, process, started, wf, write
from tests.spoiled import SPOILED, a_log_alone, an_event_less, otherwise_listed

FLOW = """
wf: 1
name: flow
permissions: {commands: [sh]}
nodes: {one: {script: "true", next: who}, who: {human: {prompt: Who?}}}
"""

READING = ("show", "logs", "state", "checkpoints", "graph", "export")
"""Commands whose one argument is a run."""

CHANGING = ("resume a", "fork a@3", "retry a", "cancel a", "pause a", "answer a who me", "signal a go")
ALL = ("runs", "workflows", "diff a@3 a@6", "gc --keep 0 --dry-run", "gc --keep 0")
BEGINNING = ("run flow.yaml", "import a.jsonl")

ON_A_RUN = (*(f"{command} a" for command in READING), *CHANGING)
EVERY = (*ON_A_RUN, *ALL, *BEGINNING)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with run `a`, which waits for a person."""
    folder = tmp_path_factory.mktemp("whole")
    write(folder, "flow.yaml", FLOW)
    wf(folder, "run", "flow.yaml", "--no-input", "--run-id", "a", code=3)
    wf(folder, "export", "a", "-o", "a.jsonl")
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return Path(shutil.copytree(whole, tmp_path / "copy"))


def content(folder: Path) -> dict[str, bytes | None]:
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def unchanged(folder: Path, command: str, code: int) -> Done:
    before = content(folder)
    done = wf(folder, *command.split(), code=code)
    assert content(folder) == before, command
    return done


def word_of(done: Done) -> str:
    """The one error that was told; there is a hint, and no output."""
    first, help_ = done.stderr.splitlines()
    assert first.startswith("error: ")
    assert help_.startswith("  help: ")
    assert done.stdout == ""
    return first.removeprefix("error: ")


@pytest.mark.parametrize("name", SPOILED)
def test_no_command_uses_or_changes_what_is_no_database_of_this_version(folder: Path, name: str) -> None:
    spoil, words = SPOILED[name]
    spoil(folder / ".wf/wf.db")
    for command in EVERY if name != "emptied" else (*ON_A_RUN, *ALL):
        assert word_of(unchanged(folder, command, code=5)).startswith(f".wf/wf.db {words}"), command


def test_a_log_without_its_database_is_not_taken_for_no_database(folder: Path) -> None:
    a_log_alone(folder / ".wf/wf.db")
    for command in EVERY:
        assert "is empty or missing, but wf.db-wal is not" in word_of(unchanged(folder, command, code=5)), command


def test_where_there_is_no_database_no_run_is_found_and_it_is_said_where(folder: Path) -> None:
    (folder / ".wf/wf.db").unlink()
    for command in ON_A_RUN:
        assert "there are no runs: .wf/wf.db does not exist" in word_of(unchanged(folder, command, code=2)), command
    assert "there are no runs: .wf/wf.db does not exist" in word_of(unchanged(folder, "show last", code=2))


def test_where_a_database_has_no_runs_that_is_said(folder: Path) -> None:
    (folder / ".wf/wf.db").unlink()
    write(folder, "wrong.yaml", "wf: 1\nname: wrong\nnodes: {a: {end: failed}}\n")
    wf(folder, "run", "wrong.yaml", "--run-id", "b", code=1)
    wf(folder, "gc", "--keep", "0")
    for command in ON_A_RUN:
        assert word_of(unchanged(folder, command, code=2)) == "no run 'a': there are no runs in .wf/wf.db", command


def test_damaged_events_are_an_error_to_every_command_that_needs_them(folder: Path) -> None:
    an_event_less(folder / ".wf/wf.db")
    for command in ("logs a", "checkpoints a", "export a", "diff a@3 a@6", "fork a@6"):
        said = unchanged(folder, command, code=5).stderr
        assert said.startswith("error: .wf/wf.db is damaged: events 4–6 of run 'a' can't be read\n"), command
        assert "`wf doctor`" in said


def test_a_run_that_is_listed_as_what_its_events_do_not_say_is_an_error(folder: Path) -> None:
    otherwise_listed(folder / ".wf/wf.db")
    for command in ("show a", "state a", "graph a"):
        said = word_of(unchanged(folder, command, code=5))
        assert said == "run 'a' is listed as completed, but its events say paused", command


TAKES = """
wf: 1
name: takes
permissions: {commands: [sh]}
nodes: {first: {script: "true", next: take}, take: {script: COMMAND}}
"""


@pytest.mark.parametrize(
    ("command", "file", "hint"),
    [
        ("rm .wf/wf.db", "wf.db", "put it back"),
        ("cp .wf/wf.db copy && mv copy .wf/wf.db", "wf.db", "put it back"),
        ("rm .wf/wf.db*", "wf.db", "put it back"),
        ("mv .wf moved", "wf.db", "put it back"),
        ("rm .wf/wf.db-wal", "wf.db-wal", "wf doctor"),
        ("rm .wf/wf.db-shm", "wf.db-shm", "wf doctor"),
    ],
)
def test_a_run_whose_database_is_gone_when_it_ends_has_not_completed(
    tmp_path: Path, command: str, file: str, hint: str
) -> None:
    write(tmp_path, "flow.yaml", TAKES.replace("COMMAND", f"'{command}'"))
    done = wf(tmp_path, "run", "flow.yaml", "--json", code=5)
    assert done.document["status"] == "error"
    assert "completed" not in done.stderr
    assert f"error: .wf/{file} was removed or replaced while it was in use\n" in done.stderr
    assert hint in done.stderr


def test_a_run_whose_database_is_moved_goes_on_where_it_was_once_that_is_back(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", TAKES.replace("COMMAND", "'[ -e moved ] || mv .wf moved; cat gate'"))
    os.mkfifo(tmp_path / "gate")
    with started(tmp_path, "run", "flow.yaml", "--run-id", "r") as run:
        done = ended(run)
    assert done.code == 5, done
    (tmp_path / "moved").rename(tmp_path / ".wf")
    (tmp_path / "moved").mkdir()
    (tmp_path / "gate").unlink()
    (tmp_path / "gate").touch()
    assert process(tmp_path, "resume", "r").code == 0
    assert [step["status"] for step in wf(tmp_path, "show", "r", "--json").document["steps"]] == ["completed"] * 2
