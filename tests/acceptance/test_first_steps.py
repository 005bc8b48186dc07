"""What a newcomer does: a first workflow, a pattern, the schema for an editor, an expression."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.command_line import wf, write
from tests.project import ROOT

PATTERNS = sorted(path.stem for path in (ROOT / "patterns").glob("*.yaml"))


def test_a_first_workflow_is_written_and_runs_as_it_is_told(tmp_path: Path) -> None:
    done = wf(tmp_path, "init")
    command = done.stderr.splitlines()[-1].removeprefix("next: wf ")
    assert wf(tmp_path, *command.split()).stdout.startswith("text: ")
    assert "flow.yaml exists" in wf(tmp_path, "init", code=2).stderr
    wf(tmp_path, "init", "--force")


def test_one_of_two_files_that_is_there_keeps_both_from_being_written(tmp_path: Path) -> None:
    write(tmp_path, "flow.mock.yaml", "mine")
    assert "flow.mock.yaml exists" in wf(tmp_path, "init", code=2).stderr
    assert [path.name for path in tmp_path.iterdir()] == ["flow.mock.yaml"]


INPUTS = {
    "cheap-first": ["question=How much?", 'texts=["a total of 40 euros", "57 euros"]'],
    "consensus-building": ["proposal=tea"],
    "parallel-analysis": ["subject=tea"],
    "review-refine": ["task=tea"],
    "safe-outputs": ["text=tea", "owner=o", "repository=r", "issue=1"],
    "sequential-planning": ["goal=tea"],
}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_is_copied_and_valid_and_runs_offline(tmp_path: Path, pattern: str) -> None:
    command = wf(tmp_path, "init", "--pattern", pattern).stderr.splitlines()[-1].removeprefix("next: wf ")
    wf(tmp_path, *command.split(), "--strict")
    given = (word for text in INPUTS[pattern] for word in ("-i", text))
    wf(tmp_path, "run", f"{pattern}.yaml", "--mock", f"{pattern}.mock.yaml", "--no-input", *given)
    assert wf(tmp_path, "validate", f"{pattern}.yaml", "--strict").stdout == f"{pattern}.yaml: valid\n"
    wf(tmp_path, "init", "--pattern", pattern, "deep/down.yaml")
    assert (tmp_path / "deep" / "down.yaml").read_text() == (tmp_path / f"{pattern}.yaml").read_text()


def test_patterns_are_listed_with_a_sketch_and_shown_with_inputs_and_a_picture(tmp_path: Path) -> None:
    listed = wf(tmp_path, "patterns").stdout
    assert [pattern for pattern in PATTERNS if f"{pattern}: " not in listed] == []
    assert "    generate → review\n    review → exit | refine\n    refine → review\n" in listed
    shown = wf(tmp_path, "patterns", "review-refine").stdout
    assert "  -i threshold=…  The score from which a draft is accepted (number, default 0.8)\n" in shown
    assert "\nflowchart TD\n" in shown
    assert "the bundled patterns are: " in wf(tmp_path, "patterns", "nope", code=2).stderr
    assert "the bundled patterns are: " in wf(tmp_path, "init", "--pattern", "../x", code=2).stderr


def test_the_schema_is_one_document_that_refers_to_nothing_outside(tmp_path: Path) -> None:
    schema = wf(tmp_path, "schema").document
    assert schema["title"] == "Workflow"
    assert '"$ref": "#/' in wf(tmp_path, "schema").stdout
    assert ".json#" not in wf(tmp_path, "schema").stdout


@pytest.mark.parametrize(
    ("expression", "value"),
    [("1 + 2", 3), ('"a" + "b"', "ab"), ("x.filter(n, n > 1)", [2]), ("has(y.z)", False), ("{'a': x}", {"a": [1, 2]})],
)
def test_an_expression_is_tried(tmp_path: Path, expression: str, value: object) -> None:
    done = wf(tmp_path, "eval", "--context", "-", "--", expression, stdin='{"x": [1, 2], "y": {}}')
    assert done.document == value


def test_a_mistake_in_an_expression_is_shown_at_its_place(tmp_path: Path) -> None:
    done = wf(tmp_path, "eval", "1 + + 2", code=2)
    assert done.stderr.splitlines()[1:3] == ["  1 + + 2", "      ^"]
    assert "expression:1:5" in done.stderr


@pytest.mark.parametrize("flow", ["folder", "missing.yaml", "missing", "pattern:missing", "flow.txt"])
def test_what_is_no_workflow_is_said_to_be_none(tmp_path: Path, flow: str) -> None:
    (tmp_path / "folder").mkdir()
    write(tmp_path, "flow.txt", "hello")
    for command in ("run", "validate"):
        assert "error: " in wf(tmp_path, command, flow, code=2).stderr
