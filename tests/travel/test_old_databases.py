"""Runs that an older `wf` recorded look as they did, go on, are forked, tried again and taken elsewhere: see `old/`."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

from runner.ground.json_value import Json
from tests.acceptance.command_line import wf

OLD = Path(__file__).parent / "old"
LOOKS = {path.stem: path.read_text(encoding="utf-8") for path in OLD.glob("*.txt")}
"""What was seen of each database when it was made."""

RESUMED: dict[str, tuple[str, str, Json]] = {
    "branch": ("waiting", "resume branch --answer who=Ann", {"seen": ["done", "first", "Ann likes red", 3]}),
    "items": (
        "waiting",
        "resume items --answer sequence[0]=x --answer sequence[1]=y",
        {"seen": ["a", "yes", "b", "no", "x", "y"]},
    ),
    "forked": (
        "waiting",
        "resume forked --answer ask=yes --answer sequence[0]=x --answer sequence[1]=y",
        {"seen": ["a", "yes", "b", "yes", "x", "y"]},
    ),
    "again": ("waiting", "resume again --answer ask=well", {"seen": ["well", "other"]}),
    "signals": (
        "waiting",
        "signal signals go 1; resume signals",
        {"one": {"by": "signal", "data": 1}, "several": {"by": "no", "data": None}},
    ),
    "strays": ("waiting", "signal strays go1; signal strays go2; resume strays --answer ask=yes", {"seen": ["yes"]}),
    "patient": ("waiting", "resume patient", {"said": "hello"}),
    "killed": ("killed", "resume killed", {"seen": ["1 well", "2 well", "3 well"]}),
    "talk": ("killed", "resume talk", {"said": "Three!"}),
    "nested": (
        "packed",
        "resume nested --answer slow[0]=1 --answer slow[1]=2",
        {"notes": ["70000 digits", '["quick", "x: 1", "y: 2"], and 70000 digits']},
    ),
}
"""For each run that has not ended: its database, the commands that bring it to its end, and its outputs then."""

SENT = {"items": "answer items each[1]/ask no", "signals": "signal signals refusal"}
"""What had been sent to these runs, and lies in their inboxes. It is not exported."""

FORKED: dict[str, tuple[str, str, Json]] = {
    "in parallel": (
        "waiting",
        "fork branch@11 --set state.colour=blue --answer who=Bo",
        {"seen": ["done", "first", "Bo likes blue", 3]},
    ),
    "in for_each": (
        "waiting",
        """fork items@11 --set 'each[0].state.seen=["A"]' --answer each[0]/ask=no --answer each[1]/ask=no
        --answer sequence[0]=x --answer sequence[1]=y""",
        {"seen": ["A", "no", "b", "no", "x", "y"]},
    ),
    "in a second attempt": (
        "waiting",
        "fork again@17 --set state.seen=[1] --answer ask=ok",
        {"seen": [1, "ok", "other"]},
    ),
    "in a called workflow": (
        "ended",
        "fork whole@44 --set state.total=0 --set child.state.notes=[]",
        {"seen": ["left", "right", 2], "total": 30, "best": "left", "last": 456, "notes": ["rescued from tool_failed"]},
    ),
    "in a conversation": ("killed", "fork talk@11", {"said": "Three!"}),
    "in what was killed": (
        "killed",
        "fork killed@11 --set 'each[1].state.seen=[0]'",
        {"seen": ["1 well", 0, "2 well", "3 well"]},
    ),
    "before what failed": ("ended", "retry failed", {"done": ["sure", "inner", "mended", "after"]}),
}
"""From where: a database, the command that begins another run of one in it, and what that puts out."""


def folder_with(database: str, folder: Path) -> Path:
    """A folder that has a copy of an old database."""
    (folder / ".wf").mkdir()
    shutil.copy(OLD / f"{database}.db", folder / ".wf" / "wf.db")
    return folder


def outputs(folder: Path, commands: str) -> Json:
    """What the last of some commands puts out."""
    *before, last = map(shlex.split, commands.split(";"))
    for words in before:
        wf(folder, *words)
    return wf(folder, *last, "--json", environment={"HOLD": ""}).document["outputs"]


@pytest.mark.parametrize("database", LOOKS)
def test_they_look_as_they_did(tmp_path: Path, database: str) -> None:
    folder = folder_with(database, tmp_path)
    commands = [line for line in LOOKS[database].splitlines() if line.startswith("$ wf ")]
    shown = [f"{line}\n{wf(folder, *shlex.split(line)[2:]).stdout}" for line in commands]
    assert "".join(shown) == LOOKS[database]


@pytest.mark.parametrize("run", RESUMED)
def test_they_go_on(tmp_path: Path, run: str) -> None:
    database, commands, expected = RESUMED[run]
    assert outputs(folder_with(database, tmp_path), commands) == expected


@pytest.mark.parametrize("place", FORKED)
def test_they_are_forked_and_tried_again(tmp_path: Path, place: str) -> None:
    database, command, expected = FORKED[place]
    assert outputs(folder_with(database, tmp_path), command) == expected


@pytest.mark.parametrize("database", LOOKS)
def test_they_are_taken_elsewhere_as_they_are(tmp_path: Path, database: str) -> None:
    folder = folder_with(database, tmp_path)
    for run in (row["id"] for row in wf(folder, "runs", "--json").document):
        exported = wf(folder, "export", run).stdout
        wf(folder, "import", "-", "--db", "other.db", stdin=exported)
        moved = exported.replace('"folder":"/tmp"', f'"folder":"{folder}"')
        assert wf(folder, "export", run, "--db", "other.db").stdout == moved


@pytest.mark.parametrize("run", RESUMED)
def test_they_go_on_elsewhere(tmp_path: Path, run: str) -> None:
    database, commands, expected = RESUMED[run]
    folder = folder_with(database, tmp_path)
    wf(folder, "export", run, "-o", "run.jsonl")
    shutil.rmtree(folder / ".wf")
    shutil.copy(OLD / "tools.py", folder)
    wf(folder, "import", "run.jsonl")
    assert outputs(folder, "; ".join([SENT[run], commands] if run in SENT else [commands])) == expected


@pytest.mark.parametrize("database", LOOKS)
def test_their_snapshots_are_what_their_events_make(tmp_path: Path, database: str) -> None:
    folder = folder_with(database, tmp_path)
    said = wf(folder, "doctor", code=None).stdout
    assert " runs" in said
    assert "WRONG  runs" not in said
