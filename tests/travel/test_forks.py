"""Forks: each checkpoint of a run is a place to go on from, and each fork ends as its inputs and edits foretell."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.engine.loading import load_workflow
from runner.engine.run_options import RunOptions
from runner.engine.runs import RunResult, prepare, start
from runner.engine.surroundings import Surroundings
from runner.ground.clock import SystemClock
from runner.ground.errors import UsageError
from runner.ground.json_value import Json
from runner.record.address import ROOT
from runner.record.history import checkpoints, read_table, states
from runner.record.store.contract import Store
from runner.record.store.sqlite import memory_store
from runner.travel.forks import Changes, fork
from tests.acceptance.command_line import wf, write

NESTED = """
wf: 1
name: nested
inputs: {factor: {type: integer, default: 1}}
state:
  log: {type: array, default: [], reducer: append}
  sum: {type: integer, default: 0, reducer: add}
  bonus: {type: integer, default: 0}
permissions: {commands: [echo]}
nodes:
  first: {command: [echo, first], set: {log: "{{ output.text }}"}, next: fan}
  fan:
    parallel:
      left:
        steps:
          - {command: [echo, "1"], set: {sum: 1}}
          - for_each: "[1, 2, 3]"
            do: {command: [echo, "{{ item }}"], set: {sum: "{{ item }}", log: "item {{ item }}"}}
      right:
        needs: [left]
        workflow: child.yaml
        with: {n: "{{ state.sum }}"}
        set: {log: "{{ output.text }}"}
    next: again
  again:
    command: [echo, again]
    set: {sum: 10}
    next: [{when: visits < 3, to: again}, {to: last}]
  last: {command: [echo, last], set: {sum: "{{ state.bonus * inputs.factor }}"}}
outputs: {log: "{{ state.log }}", sum: "{{ state.sum }}"}
"""

CHILD = """
wf: 1
name: child
inputs: {n: {type: integer}}
permissions: {commands: [echo]}
steps:
  - for_each: "[1, 2]"
    sequential: true
    do: {steps: [{command: [echo, a]}, {command: [echo, "{{ item }}"]}]}
  - {command: [echo, end]}
outputs: {text: "child of {{ inputs.n }}"}
"""

LOG = ["first", "item 1", "item 2", "item 3", "child of 7"]
SUM = 1 + 6 + 30


def workflow(folder: Path, text: str = NESTED, name: str = "flow.yaml") -> Path:
    (folder / "child.yaml").write_text(CHILD, encoding="utf-8")
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def around(store: Store) -> Surroundings:
    return Surroundings(store)


def run(store: Store, path: Path, inputs: Mapping[str, Json] | None = None, **choices: Any) -> RunResult:
    prepared = prepare(load_workflow(str(path)), inputs or {}, RunOptions(run="run", **choices), {}, SystemClock())
    return asyncio.run(start(prepared, around(store)))


def forked(store: Store, at: int, **changes: Any) -> RunResult:
    return asyncio.run(fork("run", at, Changes(**changes), around(store)))


@pytest.fixture(scope="module")
def nested(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, list[int]]:
    """A run of nested branches, loops and a child workflow, and its checkpoints but the last."""
    store = memory_store()
    result = run(store, workflow(tmp_path_factory.mktemp("nested")))
    assert (result.status, result.outputs) == ("completed", {"log": LOG, "sum": SUM})
    points = [checkpoint.seq for checkpoint in checkpoints(store, "run")]
    return store, points[:-1]


@settings(max_examples=60)
@given(st.data())
def test_every_fork_of_a_nested_run_ends_as_its_edits_foretell(nested: tuple[Store, list[int]], data: Any) -> None:
    store, points = nested
    at = data.draw(st.sampled_from(points))
    bonus, factor = data.draw(st.integers(-5, 5)), data.draw(st.integers(-5, 5))
    before = [*store.commits("run")]
    result = forked(store, at, states={"": {"bonus": bonus}}, inputs={"factor": factor})
    assert (result.status, result.outputs) == ("completed", {"log": LOG, "sum": SUM + bonus * factor})
    assert [*store.commits("run")] == before
    assert states(store, result.run)[ROOT] == {"bonus": bonus, "log": LOG, "sum": SUM + bonus * factor}


def test_forks_of_forks_share_the_whole_past(nested: tuple[Store, list[int]]) -> None:
    store, points = nested
    first = forked(store, points[len(points) // 2], states={"": {"bonus": 1}})
    inner = [checkpoint.seq for checkpoint in checkpoints(store, first.run)]
    assert inner[: len(points) // 2 + 1] == points[: len(points) // 2 + 1]
    for at in inner[:-1:4]:
        again = asyncio.run(fork(first.run, at, Changes(), around(store)))
        bonus = 1 if at > points[len(points) // 2] else 0
        assert again.outputs == {"log": LOG, "sum": SUM + bonus}


def test_a_fork_has_the_rows_of_its_whole_past(nested: tuple[Store, list[int]]) -> None:
    store, points = nested
    result = forked(store, points[-3])
    names = {row["step"] for row in read_table(store, "run", "steps")}
    assert {row["step"] for row in read_table(store, result.run, "steps")} == names


def test_no_fork_goes_on_from_the_end_nor_from_between(nested: tuple[Store, list[int]]) -> None:
    store, points = nested
    end = store.run("run").events
    with pytest.raises(UsageError, match="had ended"):
        forked(store, end)
    with pytest.raises(UsageError, match="no checkpoint"):
        forked(store, points[0] - 1)
    with pytest.raises(UsageError, match="no checkpoint 0"):
        forked(store, 0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"states": {"": {"bnus": 1}}}, "'bnus' is not declared; did you mean 'bonus'"),
        ({"states": {"": {"bonus": "x"}}}, "state.bonus does not fit"),
        ({"inputs": {"factor": "x"}}, "input 'factor' does not fit"),
        ({"inputs": {"fctor": 1}}, "unknown input 'fctor'; did you mean 'factor'"),
        ({"inputs": {"x": 1}}, "the inputs are: factor"),
    ],
)
def test_edits_are_checked_before_a_fork_is_made(
    nested: tuple[Store, list[int]], changes: dict[str, Json], words: str
) -> None:
    store, points = nested
    count = len(store.runs(limit=-1))
    with pytest.raises(UsageError) as refused:
        forked(store, points[3], **changes)
    assert words in str(refused.value)
    assert len(store.runs(limit=-1)) == count


TIMED = """
wf: 1
name: timed
permissions: {commands: [sh]}
nodes:
  first: {script: "true", next: slow}
  slow: {script: "echo slow"}
"""


def test_a_fork_tells_no_time_that_is_not_its_own(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", TIMED)
    wf(tmp_path, "run", "flow.yaml", "--run-id", "r")
    points = wf(tmp_path, "checkpoints", "r", "--json").document
    begun = next(point["seq"] for point in points if ["first", "completed"] in point["ended"])
    wf(tmp_path, "fork", f"r@{begun}", "--run-id", "f")
    told = wf(tmp_path, "show", "f").stdout
    assert re.search(r"slow \[script\] completed attempt 2 \d\.\d\d s\n    attempt 1 interrupted\n", told), told
