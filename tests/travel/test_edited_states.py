"""The states of open branches and called workflows: shown, edited in a fork, and what a branch does not see is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.ground.json_value import Json, same_json
from runner.record.reducers import State, contribute, needed_contributions
from tests.acceptance.command_line import wf, write

FLOW = """
wf: 1
name: flow
state:
  x: {type: integer, default: 0}
  sum: {type: integer, default: 0, reducer: add}
  log: {type: array, default: [], reducer: append}
  best: {type: integer, default: 3, reducer: max}
  who: {type: [string, "null"], default: null, reducer: first}
nodes:
  par:
    parallel:
      a:
        steps:
          - {id: w, set: {sum: 3, log: a, x: 5}}
          - {id: ask, human: {prompt: "A?", choices: ["yes"]}}
          - {id: more, set: {log: "a sees {{ state.sum }} {{ state.x }}"}}
      b: {human: {prompt: "B?", choices: ["yes"]}, set: {log: "b sees {{ state.sum }} {{ state.x }}", who: b}}
      c: {workflow: child.yaml, set: {log: "c gives {{ output.n }}"}}
    next: last
  last: {set: {log: "end {{ state.x }} {{ state.sum }} {{ state.who }}"}}
outputs: {log: "{{ state.log }}"}
"""

CHILD = """
wf: 1
name: child
state: {n: {type: integer, default: 1}}
steps:
  - {id: inner, human: {prompt: "C?", choices: ["yes"]}, set: {n: "{{ state.n + 1 }}"}}
outputs: {n: "{{ state.n }}"}
"""

ANSWERS = ("--no-input", "--answer", "ask=yes", "--answer", "b=yes", "--answer", "inner=yes")


@pytest.fixture
def paused(tmp_path: Path) -> Path:
    """A folder with run `r`, in which three branches wait, the first after writes of its own."""
    write(tmp_path, "flow.yaml", FLOW)
    write(tmp_path, "child.yaml", CHILD)
    wf(tmp_path, "run", "flow.yaml", "--run-id", "r", "--no-input", code=3)
    return tmp_path


def at(folder: Path, run: str = "r") -> str:
    """The newest checkpoint of a run, as `RUN@N`."""
    return f"{run}@{wf(folder, 'checkpoints', run, '--json').document[-1]['seq']}"


def edits(*edits: str) -> list[str]:
    return [word for edit in edits for word in ("--set", edit)]


def log(folder: Path, *changes: str) -> list[str]:
    return list(wf(folder, "fork", at(folder), *edits(*changes), *ANSWERS, "--json").document["outputs"]["log"])


START = {"best": 3, "log": [], "sum": 0, "who": None, "x": 0}


def test_the_states_of_open_branches_and_called_workflows_are_shown(paused: Path) -> None:
    assert wf(paused, "state", "r", "--json").document == {
        **START,
        "par/a.state": {**START, "log": ["a"], "sum": 3, "x": 5},
        "par/b.state": START,
        "par/c.state": START,
        "par/c/.state": {"n": 1},
    }
    lines = wf(paused, "state", at(paused)).stdout.splitlines()
    assert lines[:2] == ["best: 3", "log: []"]
    assert "par/a.state.sum: 3" in lines
    assert lines[-1] == "par/c/.state.n: 1"
    wf(paused, "resume", "r", *ANSWERS)
    assert wf(paused, "state", "r", "--json").document.keys() == START.keys()


def test_states_that_two_checkpoints_have_open_are_compared(paused: Path) -> None:
    wf(paused, "fork", at(paused), "--set", "par/b.state.sum=4", "--no-input", "--run-id", "f", code=3)
    assert wf(paused, "diff", at(paused), "f").stdout == "~ par/b.state.sum: 0 → 4\n"


def test_without_an_edit_a_fork_ends_as_the_run_would(paused: Path) -> None:
    assert log(paused) == ["a", "a sees 3 5", "b sees 0 0", "c gives 2", "end 5 3 b"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("par/c/.state.n=40", ["a", "a sees 3 5", "b sees 0 0", "c gives 41", "end 5 3 b"]),
        ("par/a.state.sum=50", ["a", "a sees 50 5", "b sees 0 0", "c gives 2", "end 5 50 b"]),
        ("par/a.state.x=9", ["a", "a sees 3 9", "b sees 0 0", "c gives 2", "end 9 3 b"]),
        ("par/b.state.sum=7", ["a", "a sees 3 5", "b sees 7 0", "c gives 2", "end 5 10 b"]),
        ('par/a.state.log=["z"]', ["z", "a sees 3 5", "b sees 0 0", "c gives 2", "end 5 3 b"]),
        ("par/a.state.log=[]", ["a sees 3 5", "b sees 0 0", "c gives 2", "end 5 3 b"]),
        ("par/a.state.who=a", ["a", "a sees 3 5", "b sees 0 0", "c gives 2", "end 5 3 a"]),
        ("state.who=me", ["a", "a sees 3 5", "b sees 0 0", "c gives 2", "end 5 3 me"]),
        ("state.sum=100", ["a", "a sees 3 5", "b sees 100 0", "c gives 2", "end 5 103 b"]),
        ("state.x=8", ["a", "a sees 3 5", "b sees 0 8", "c gives 2", "end 5 3 b"]),
    ],
)
def test_an_edited_state_is_seen_where_it_stands_and_survives_the_join(
    paused: Path, change: str, expected: list[str]
) -> None:
    assert log(paused, change) == expected


def test_edits_of_a_state_and_of_copies_of_it_go_together(paused: Path) -> None:
    given = ("par/a.state.sum=130", "state.sum=100", 'par/a.state.log=["z"]', 'state.log=["y"]')
    refused = wf(paused, "fork", at(paused), *edits(*given), code=2).stderr
    assert 'par/a.state.log can\'t become ["z"]: the branch started from ["y"], to which \'append\' adds' in refused
    assert log(paused, *given[:2], 'par/a.state.log=["y", "z"]', 'state.log=["y"]') == [
        *("y", "z", "a sees 130 5", "b sees 100 0", "c gives 2", "end 5 130 b")
    ]


def test_what_a_branch_does_not_see_of_an_edit_is_told(paused: Path) -> None:
    words = ("fork", at(paused), *edits("state.x=8", "state.sum=100", "state.best=4"), "--no-input")
    own = "par/a.state.{}: the branch works on its own copy{}; to change that too: --set 'par/a.state.{}=…'"
    warnings = [
        own.format("x stays 5", ", which replaces the edit at the join", "x"),
        own.format("sum stays 3", "", "sum"),
    ]
    told = wf(paused, *words, code=3).stderr.splitlines()
    assert told[:2] == [f"warning: {warning}" for warning in warnings]
    done = wf(paused, *words, "--json", code=3)
    assert done.document["takeover"]["warnings"] == warnings
    assert done.stderr == ""
    quiet = wf(paused, *words, *edits("par/a.state.x=8", "par/a.state.sum=103"), code=3)
    assert "warning" not in quiet.stderr


def test_what_an_ended_branch_has_left_for_the_join_is_told(paused: Path) -> None:
    wf(paused, "answer", "r", "par/a/ask", "yes", "--resume", "--no-input", code=3)
    told = wf(paused, "fork", at(paused), *edits("state.x=8"), "--no-input", code=3).stderr
    assert "warning: branch 'par/a' has ended and left 5 for state.x: that replaces the edit at the join\n" in told


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ("par/d.state.x=1", "no open branch or called workflow has the address 'par/d' here; did you mean 'par/"),
        ("par/d.state.x=1", "these have a state of their own here: par/a, par/b, par/c, par/c/"),
        ("par/a/ask.state.x=1", "'par/a/ask' works on the state of par/a: --set par/a.state.KEY=…"),
        ("par/c/inner.state.n=1", "'par/c/inner' works on the state of par/c/: --set par/c/.state.KEY=…"),
        ("par.state.x=1", "'par' works on the state of the run: --set state.KEY=…"),
        ("par/a.state.y=1", "state key 'y' is not declared where 'par/a' is"),
        ("par/c/.state.m=1", "its keys are: n"),
        ("par/a.state.x=text", "par/a.state.x does not fit its schema: "),
        ("par/a.state.best=1", "par/a.state.best can't become 1: the branch started from 3, to which 'max' adds"),
        ("par/a.inputs.x=1", "--set par/a.inputs.x: a fork changes state.KEY, PATH.state.KEY or inputs.NAME"),
        ("state.x.y=1", "a key's whole value; wf state RUN@N lists the states there"),
        ("par/a..state.x=1", "a fork changes state.KEY, PATH.state.KEY or inputs.NAME"),
    ],
)
def test_an_edit_of_what_is_not_there_or_can_not_be_is_refused(paused: Path, edit: str, words: str) -> None:
    assert words in wf(paused, "fork", at(paused), "--set", edit, code=2).stderr
    assert len(wf(paused, "runs", "--json").document) == 1


def test_where_nothing_is_open_the_runs_own_state_alone_is_edited(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", CHILD)
    wf(tmp_path, "run", "flow.yaml", "--run-id", "r", "--no-input", code=3)
    words = ("fork", at(tmp_path), "--set", "a.state.x=1")
    assert "the run's own state alone can be edited" in wf(tmp_path, *words, code=2).stderr


NESTED = """
wf: 1
name: nested
state: {x: {type: integer, default: 0}, log: {type: array, default: [], reducer: append}}
permissions: {commands: [sh]}
nodes:
  each:
    for_each: [1, 2, 3]
    sequential: true
    tolerate: 1
    do:
      steps:
        - {id: note, set: {log: "{{ item }} sees {{ state.x }}"}}
        - {id: same, if: item == 2, set: {x: 0}}
        - {id: ask, if: item == 2, human: {prompt: "Go on?", choices: ["yes"]}}
        - {id: fails, if: item == 2, script: exit 1}
  par:
    parallel:
      outer:
        steps:
          - {id: write, set: {x: 1}}
          - id: inside
            parallel:
              deep: {human: {prompt: "Deep?", choices: ["yes"]}, set: {log: "deep sees {{ state.x }}"}}
outputs: {log: "{{ state.log }}"}
"""
LISTED = NESTED.replace("  each:\n", "  each:\n    next: par\n")


def test_copies_of_copies_follow_as_far_as_nothing_was_written_to_them(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", LISTED)
    wf(tmp_path, "run", "flow.yaml", "--run-id", "r", "--no-input", code=3)
    assert wf(tmp_path, "state", "r", "--json").document["each[1].state"] == {"log": ["1 sees 0", "2 sees 0"], "x": 0}
    told = wf(tmp_path, "fork", at(tmp_path), *edits("state.x=7"), "--answer", "ask=yes", "--no-input", code=3)
    assert "warning: each[1].state.x stays 0" in told.stderr
    fork = wf(tmp_path, "runs", "--json").document[0]["id"]
    document = wf(tmp_path, "state", fork, "--json").document
    assert document["log"] == ["1 sees 0", "3 sees 7"]
    assert [document[path]["x"] for path in ("par/outer.state", "par/outer/inside/deep.state")] == [1, 1]
    told = wf(tmp_path, "fork", at(tmp_path, fork), *edits("state.x=9"), "--answer", "deep=yes", "--no-input")
    assert told.stderr.count("warning: ") == 1
    assert "deep sees 1" in told.stdout
    told = wf(tmp_path, "fork", at(tmp_path, fork), *edits("par/outer.state.x=9"), "--answer", "deep=yes", "--no-input")
    assert "deep sees 9" in told.stdout
    assert "warning" not in told.stderr


NUMBERS = st.integers(-5, 5)
LISTS = st.lists(NUMBERS, max_size=3)
OBJECTS = st.dictionaries(st.sampled_from("abc"), NUMBERS)
HOLDABLE = {
    "set": NUMBERS | LISTS,
    "append": LISTS,
    "extend": LISTS,
    "union": LISTS,
    "add": NUMBERS | st.floats(-10, 10),
    "merge": OBJECTS,
    "min": NUMBERS,
    "max": NUMBERS,
    "first": NUMBERS,
    "last": NUMBERS,
    "max_by:a": OBJECTS,
}


@given(st.data(), st.sampled_from(sorted(HOLDABLE)), st.booleans())
def test_what_a_key_needs_to_hold_a_value_makes_it_hold_that(data: st.DataObject, how: str, written: bool) -> None:
    old, value = data.draw(HOLDABLE[how]), data.draw(HOLDABLE[how])
    state = State({"key": old})
    state.written = frozenset({"key"} if written else ())
    parts = needed_contributions(state, "key", how, value)
    assert parts is not None or not same_json(old, value)
    if parts:
        contribute(state, "key", how, parts)
    if parts is not None:
        assert state["key"] == pytest.approx(value)
    elif how in ("set", "last"):
        raise AssertionError("any value can be written")


def test_a_sum_of_fractions_is_reached_nearly_and_what_leaves_the_numbers_never() -> None:
    assert needed_contributions(State({"key": 0.1}), "key", "add", 0.3) == [pytest.approx(0.2)]
    assert needed_contributions(State({"key": -(2**62)}), "key", "add", 2**62) is None
    assert needed_contributions(State({"key": None}), "key", "append", ["a"]) is None


WRITTEN = """
wf: 1
name: written
state:
  x: {type: integer, default: 0, reducer: last}
  sum: {type: integer, default: 0, reducer: add}
  best: {type: integer, default: 3, reducer: max}
  who: {type: [string, "null"], default: null, reducer: first}
  all: {type: object, default: {}, reducer: merge}
nodes:
  par:
    parallel:
      a:
        steps:
          - {id: w, set: {x: 1, best: 5, who: a, all: {a: 1}}}
          - {id: ask, human: {prompt: "A?", choices: ["yes"]}}
      b:
        steps:
          - {id: v, set: {x: 2, best: 9, who: b, all: {a: 2}}}
          - {id: also, human: {prompt: "B?", choices: ["yes"]}}
outputs: {x: "{{ state.x }}", best: "{{ state.best }}", who: "{{ state.who }}", all: "{{ state.all }}"}
"""


@pytest.mark.parametrize(
    ("edit", "name", "joined"),
    [
        ('par/b.state.who="B"', "who", "a"),
        ("par/a.state.x=7", "x", 2),
        ("par/a.state.best=7", "best", 9),
        ('par/a.state.all={"a": 7}', "all", {"a": 2}),
    ],
)
def test_an_edit_that_the_join_makes_nothing_of_is_told(tmp_path: Path, edit: str, name: str, joined: Json) -> None:
    write(tmp_path, "flow.yaml", WRITTEN)
    wf(tmp_path, "run", "flow.yaml", "--run-id", "r", "--no-input", code=3)
    last = wf(tmp_path, "checkpoints", "r", "--json").document[-1]["seq"]
    answers = ("--no-input", "--answer", "ask=yes", "--answer", "also=yes", "--json")
    forked = wf(tmp_path, "fork", f"r@{last}", "--set", edit, *answers).document
    assert forked["outputs"][name] == joined
    place = edit.partition("=")[0]
    shown = json.dumps(joined)
    assert forked["takeover"]["warnings"] == [
        f"{place} changes nothing at the join of 'par' as its branches stand: "
        f"with what they have contributed state.{name} is {shown} there"
    ]
    plain = wf(tmp_path, "fork", f"r@{last}", "--set", "par/a.state.sum=4", *answers).document
    assert "takeover" not in plain or plain["takeover"]["warnings"] == []


NEEDING = """
wf: 1
name: needing
state: {k: {type: integer, default: 0}}
nodes:
  par:
    parallel:
      late: {needs: [early], steps: [{set: {k: 2}}, {id: ask, human: {prompt: "Late?", choices: ["yes"]}}]}
      early: {set: {k: 1}}
outputs: {k: "{{ state.k }}"}
"""


def test_an_edit_of_a_branch_that_comes_after_one_later_in_the_file_counts_and_is_not_warned_of(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", NEEDING)
    wf(tmp_path, "run", "flow.yaml", "--run-id", "r", "--no-input", code=3)
    edited = ("--set", "par/late.state.k=5", "--no-input", "--answer", "ask=yes", "--json")
    forked = wf(tmp_path, "fork", at(tmp_path), *edited).document
    assert (forked["outputs"], forked["takeover"]["warnings"]) == ({"k": 5}, [])
