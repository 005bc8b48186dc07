"""The audit trail: what gates have let through and refused, whoever tried; and what is found that was changed in it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command_line import wf

FLOW = """
wf: 1
name: hostile
permissions: {commands: [echo], read: [open], write: [out], python: [tools.py], env: [WF_TEST_VARIABLE]}
inputs: {key: {type: string, secret: true, default: ""}}
tools:
  start:
    command: ["{{ inputs.program }}", "{{ inputs.word }}"]
    inputs: {program: {type: string}, word: {type: string}}
  count: {python: "tools.py:count"}
  hidden: {command: [echo, hidden]}
agents: {guest: {model: openai/gpt-4o-mini, tools: [start, count]}}
nodes:
  go: {agent: guest, prompt: "{{ inputs.key }}", next: look}
  look: {read: "{{ nodes.go.output }}", on_error: continue, next: keep}
  keep: {write: "{{ nodes.go.output }}", content: x, on_error: continue, next: tell}
  tell: {command: [echo, well], env: [WF_TEST_VARIABLE]}
"""

HOSTILE = [
    *(
        "/bin/sh",
        "sh",
        "../echo",
        "./echo",
        "echo\u0000",
        "echo ",
        "\u200becho",
        "ECHO",
        "",
        "/usr/bin/env",
        "$(touch x)",
    ),
    *("touch", "/etc/passwd", "\x1b[2J", "a" * 5000, "{{ inputs.key }}", "echo;touch x"),
]
"""Programs that a model may want."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "open").mkdir()
    (tmp_path / "open" / "note.txt").write_text("note")
    (tmp_path / "tools.py").write_text("def count(text: str) -> int:\n    return len(text)\n")
    (tmp_path / "flow.yaml").write_text(FLOW)
    return tmp_path


def run(folder: Path, *replies: Any, last: str = "open/note.txt", words: tuple[str, ...] = ()) -> None:
    (folder / "mock.yaml").write_text(json.dumps({"guest": [*replies, last]}))
    words = ("--mock", "mock.yaml", "--no-input", "--run-id", "r", *words)
    wf(folder, "run", "flow.yaml", *words, environment={"WF_TEST_VARIABLE": "7"})


def calls(*wanted: tuple[str, Any]) -> dict[str, Any]:
    return {"tool_calls": [{"tool": tool, "with": given} for tool, given in wanted]}


def trail(folder: Path, *words: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = wf(folder, "audit", *words, "--json").document
    return rows


def facts(folder: Path) -> list[tuple[str, bool, str]]:
    return [(row["kind"], row["detail"]["allowed"], row["detail"]["what"]) for row in trail(folder)]


def test_what_a_run_used_is_told(folder: Path) -> None:
    run(folder, calls(("count", {"text": "four"})), calls(("start", {"program": "echo", "word": "hi"})))

    echo = shutil.which("echo")
    assert facts(folder) == [
        ("python", True, f"{folder}/tools.py:count"),
        ("command", True, echo),
        ("read", True, f"{folder}/open/note.txt"),
        ("write", False, "open/note.txt"),
        ("command", True, echo),
    ]
    rows = trail(folder, "r")
    assert rows[-1]["detail"]["variables"] == ["WF_TEST_VARIABLE"]
    assert [row["detail"]["step"] for row in rows] == ["go/call#2", "go/call#4", "look", "keep", "tell"]
    assert len(rows[0]["detail"]["hash"]) == 64
    assert "permissions of flow.yaml" in rows[3]["detail"]["why"]


def test_whatever_a_hostile_model_tries_is_refused_and_told(folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    programs = [("start", {"program": program, "word": "touch x"}) for program in HOSTILE]
    others = [("hidden", {}), ("sh", {"x": 1}), ("\x1b]0;x\x07", {}), ("count", {"texts": 1})]

    run(folder, calls(*programs), calls(*others), last="../../etc/passwd")

    refused = [row for row in trail(folder) if not row["detail"]["allowed"]]
    tried = [row["detail"]["step"] for row in refused if row["kind"] in {"command", "write", "read"}]
    assert tried == [*(f"go/call#{number}" for number in range(2, 2 + len(HOSTILE))), "look", "keep"]
    names = [row["detail"]["what"] for row in refused if row["kind"] == "tool"]
    assert names == [name for name, _ in others]
    made = {path for path in folder.rglob("*") if ".wf" not in path.parts} - {*before, folder / "mock.yaml"}
    assert made == set()
    shown = wf(folder, "audit").stdout
    assert "\x1b" not in shown
    assert "\u200b" not in shown


def test_a_secret_is_told_by_name_alone(folder: Path) -> None:
    (folder / "key").write_text("hunter2hunter2")
    leak = calls(("start", {"program": "hunter2hunter2", "word": "hunter2hunter2"}))

    run(folder, leak, words=("-i", "key=@key"))

    assert "hunter2" not in json.dumps(trail(folder))
    assert [row["detail"]["what"] for row in trail(folder) if row["kind"] == "secret"][:1] == ["key"]


def test_approvals_and_denials_are_told(folder: Path) -> None:
    text = FLOW.replace('"tools.py:count"}', '"tools.py:count", approval: always}')
    (folder / "flow.yaml").write_text(text)
    (folder / "mock.yaml").write_text(json.dumps({"guest": [calls(("count", {"text": "a"})), "open/note.txt"]}))
    words = ("run", "flow.yaml", "--mock", "mock.yaml", "--no-input", "--run-id", "r")
    wf(folder, *words, code=3)

    wf(folder, "answer", "r", "go/ask#2", '{"deny": "not now"}', "--resume")

    first = trail(folder)[0]
    told = first["detail"]
    assert (first["kind"], told["allowed"], told["what"], told["why"]) == ("approval", False, "count", "not now")


CHANGES = {
    "changed": ("UPDATE audit SET detail = replace(detail, 'true', 'false') WHERE id = 3", "row 3 is not as it was"),
    "removed": ("DELETE FROM audit WHERE id = 2", "row 2 is missing"),
    "removed at the end": ("DELETE FROM audit WHERE id = 5", "row 5 is missing"),
    "put in": (
        "INSERT INTO audit SELECT 6, run_id, at, kind, detail, hash, hash FROM audit WHERE id = 5",
        "row 6 is not as it was",
    ),
    "time": ("UPDATE audit SET at = at + 1 WHERE id = 1", "row 1 is not as it was"),
    "run": ("UPDATE audit SET run_id = 'x' WHERE id = 1", "row 1 is not as it was"),
    "hash": ("UPDATE audit SET previous = 'x' WHERE id = 4", "row 4 is not as it was"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_done_to_the_trail_is_found(folder: Path, change: str) -> None:
    run(folder, calls(("count", {"text": "four"})), calls(("start", {"program": "echo", "word": "hi"})))
    whole = wf(folder, "audit", "verify").stdout
    assert "the audit trail is whole: 5 rows" in whole
    statement, words = CHANGES[change]
    with closing(sqlite3.connect(folder / ".wf" / "wf.db")) as db, db:
        db.execute(statement)

    done = wf(folder, "audit", "verify", code=5)

    assert words in done.stderr


def test_a_trail_that_was_written_anew_does_not_have_the_head_that_was_noted(folder: Path) -> None:
    run(folder)
    head = wf(folder, "audit", "verify", "--json").document["head"]
    assert "whole" in wf(folder, "audit", "verify", "--head", head).stdout

    number, _, digest = head.partition(":")
    other = f"{number}:{'0' * len(digest)}"
    assert "is not the one that was noted" in wf(folder, "audit", "verify", "--head", other, code=5).stderr
    assert "is not of the form NUMBER:HASH" in wf(folder, "audit", "verify", "--head", "x", code=2).stderr
    assert "goes with" in wf(folder, "audit", "--head", head, code=2).stderr


def test_the_trail_outlives_its_runs_and_an_import_is_told(folder: Path) -> None:
    run(folder)
    rows = trail(folder)
    wf(folder, "export", "r", "-o", "r.jsonl")
    wf(folder, "gc", "--older-than", "0s")
    assert wf(folder, "runs").stderr.startswith("no runs")

    assert trail(folder, "r") == rows
    wf(folder, "import", "r.jsonl")
    assert facts(folder)[len(rows) :] == [("import", True, "r")]
    assert "whole" in wf(folder, "audit", "verify").stdout


def test_steps_that_touch_nothing_leave_no_row(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(
        "wf: 1\nname: quiet\nstate: {n: {type: integer, default: 0}}\n"
        "nodes:\n  a: {set: {n: 1}, next: b}\n  b: {set: {n: 2}}\n"
    )
    wf(tmp_path, "run", "flow.yaml")

    assert trail(tmp_path) == []
    assert "the audit trail is whole: 0 rows" in wf(tmp_path, "audit", "verify").stdout
