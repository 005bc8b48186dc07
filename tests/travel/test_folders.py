"""Where a run works: in its own root file's folder, whoever else has recorded the same files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.command_line import wf, write

FLOW = """
wf: 1
name: noting
permissions: {read: [.], write: [.], commands: [pwd]}
nodes:
  ask: {human: {prompt: Go on?}, next: where}
  where: {command: [pwd], next: note}
  note: {read: note.txt, next: copy}
  copy: {write: copy.txt, content: "{{ nodes.note.output.text }}"}
outputs: {note: "{{ nodes.note.output.text }}", folder: "{{ nodes.where.output.text }}"}
"""


@pytest.fixture
def places(tmp_path: Path) -> list[Path]:
    """Two folders with the same workflow, each with a note of its own, whose runs share a database."""
    made = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        write(folder, "flow.yaml", FLOW)
        write(folder, "note.txt", f"I am {name}")
        wf(folder, "run", "flow.yaml", "--run-id", name, "--no-input", "--db", "../wf.db", code=3)
        made.append(folder)
    return made


@pytest.mark.parametrize("name", ["one", "two"])
def test_a_resumed_run_works_in_its_own_folder(places: list[Path], name: str) -> None:
    words = ("answer", name, "ask", "yes", "--resume", "--json", "--db", "../wf.db")
    outputs = wf(places[0], *words).document["outputs"]
    folder = places[0].parent / name
    assert outputs == {"note": f"I am {name}", "folder": str(folder)}
    assert (folder / "copy.txt").read_text(encoding="utf-8") == f"I am {name}"


@pytest.mark.parametrize("command", ["resume", "fork"])
def test_under_a_file_from_elsewhere_a_run_works_there(places: list[Path], command: str) -> None:
    elsewhere = places[0].parent / "three"
    elsewhere.mkdir()
    write(elsewhere, "changed.yaml", FLOW.replace("I am", "I was"))
    write(elsewhere, "note.txt", "I am three")
    run = "one" if command == "resume" else "one@4"
    changed = ("--workflow", "../three/changed.yaml", "--db", "../wf.db", "--json")
    paused = wf(places[0], command, run, *changed, "--no-input", code=3).document
    answered = wf(places[0], "answer", paused["run"], "ask", "yes", "--resume", "--json", "--db", "../wf.db")
    assert answered.document["outputs"] == {"note": "I am three", "folder": str(elsewhere)}
