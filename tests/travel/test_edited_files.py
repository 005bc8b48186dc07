"""What is told where a run's file has changed: keys by their names, another name, a file that was edited in place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.command_line import wf, write

FLOW = """\
wf: 1
name: kiln
permissions: {commands: [sh, echo], read: [.]}
nodes:
  base: {workflow: base.yaml, next: load}
  load: {script: "echo load", env: {A: "1"}, next: weigh}
  weigh: {command: [echo, "1"], next: each}
  each: {for_each: [1, 2], do: {}, next: look}
  look: {read: flow.yaml, next: fire}
  fire: {human: {prompt: "Fire?"}, next: END}
  last: {script: exit 1}
"""


@pytest.fixture
def kiln(tmp_path: Path) -> Path:
    """A folder with a run `r` that waits at `fire`, and fails after it."""
    write(tmp_path, "base.yaml", "wf: 1\nname: base\nnodes: {a: {}}\n")
    write(tmp_path, "flow.yaml", FLOW.replace("END", "last"))
    wf(tmp_path, "run", "flow.yaml", "--run-id", "r", "--no-input", code=3)
    return tmp_path


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('"echo load"', '"echo more"', "load (script)"),
        ('{A: "1"}', '{A: "2"}', "load (env)"),
        ('{A: "1"}', "[HOME]", "load (env)"),
        ('[echo, "1"]', '[echo, "2"]', "weigh (command)"),
        ('[echo, "1"],', '[echo, "1"], parse: json,', "weigh (parse)"),
        ("[1, 2]", "[1, 2, 3]", "each (for_each)"),
        ("do: {}", "do: {}, as: pot", "each (as)"),
        ("do: {}", "do: {}, join: 1", "each (join)"),
        ("read: flow.yaml", 'read: "*.yaml"', "look (read)"),
    ],
)
def test_the_key_that_changed_is_named_as_it_stands_in_the_file(kiln: Path, before: str, after: str, told: str) -> None:
    assert before in FLOW
    write(
        kiln,
        "new.yaml",
        FLOW.replace("END", "last").replace(before, after).replace("{commands", "{env: [HOME], commands"),
    )
    assert f"  {'changed':<10} {told}\n" in wf(kiln, "resume", "r", "--workflow", "new.yaml", code=2).stderr


def test_a_file_whose_workflow_has_another_name_is_told(kiln: Path) -> None:
    assert "called" not in str(
        wf(kiln, "fork", "r", "--workflow", "flow.yaml", "--no-input", "--json", code=3).document
    )
    write(
        kiln,
        "new.yaml",
        FLOW.replace("END", "exit").replace("name: kiln", "name: oven").replace("  last: {script: exit 1}\n", ""),
    )
    done = wf(kiln, "resume", "r", "--workflow", "new.yaml", "--answer", "fire=yes", "--json")
    words = "the workflow is called 'oven' in that file, and 'kiln' in the one of the run"
    assert done.document["takeover"]["warnings"] == [words]


CHANGED = "has changed since; the run goes on with what it began with; `--workflow flow.yaml` takes over what it is now"


@pytest.mark.parametrize("file", ["flow.yaml", "base.yaml"])
def test_a_file_that_was_edited_in_place_is_told(kiln: Path, file: str) -> None:
    with (kiln / file).open("a") as opened:
        opened.write("\n# more\n")
    assert wf(kiln, "resume", "r", "--no-input", code=3).stderr.count(f"warning: {file} {CHANGED}\n") == 1
    wf(kiln, "answer", "r", "fire", "yes", "--resume", code=1)
    assert f"warning: {file} {CHANGED}\n" in wf(kiln, "retry", "r", code=1).stderr


def test_nothing_is_told_of_files_that_say_the_same_or_are_gone_or_are_taken_over(kiln: Path) -> None:
    assert "changed" not in wf(kiln, "resume", "r", "--no-input", code=3).stderr
    text = (kiln / "flow.yaml").read_text()
    (kiln / "flow.yaml").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert "changed" not in wf(kiln, "resume", "r", "--no-input", code=3).stderr
    write(kiln, "flow.yaml", text.replace("exit 1", "exit 2"))
    assert "has changed" not in wf(kiln, "resume", "r", "--workflow", "flow.yaml", "--no-input", code=3).stderr
    (kiln / "flow.yaml").unlink()
    assert "changed" not in wf(kiln, "resume", "r", "--no-input", code=3).stderr
