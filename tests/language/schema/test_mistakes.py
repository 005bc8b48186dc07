"""Workflow files of the wrong shape: every mistake in words, at its place, with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.language.schema import check_workflow
from runner.language.source import parse
from tests.mistakes import cases


@pytest.mark.parametrize(("text", "said"), cases(Path(__file__).parent / "mistakes.txt"))
def test_a_mistake_is_told_at_its_place(text: str, said: str) -> None:
    assert "\n".join(str(problem) for problem in check_workflow(parse(text, "f.yaml")).problems) == said


def test_mistakes_without_end_are_told_up_to_a_bound() -> None:
    nodes = "".join(f"  n{number}: {{colour: red}}\n" for number in range(500))
    assert len(check_workflow(parse(f"wf: 1\nname: x\nnodes:\n{nodes}", "f.yaml")).problems) == 100


def test_an_unknown_key_is_cut_when_it_is_long() -> None:
    [problem] = check_workflow(parse(f"wf: 1\nname: x\nsteps: [{{}}]\n{'k' * 500}: 1\n", "f.yaml")).problems
    assert problem.message == f"unknown key '{'k' * 60}' in the workflow"
