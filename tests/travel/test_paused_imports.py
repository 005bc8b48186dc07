"""A run that waits in every composite, changed in its export.

It is refused, or told at resume to be none of ours, or goes on without a mistake of ours.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.engine.loading import load_workflow
from runner.engine.run_options import RunOptions
from runner.engine.runs import prepare, start
from runner.engine.surroundings import Surroundings
from runner.ground.clock import SystemClock
from runner.ground.errors import StoreError, UsageError
from runner.ground.json_value import Json
from runner.record.history import load_state
from runner.record.store.contract import Message, Store
from runner.record.store.sqlite import memory_store
from runner.travel.resuming import resume
from tests.acceptance.command_line import wf, write
from tests.travel.travelled import taken_in, text_of

FLOW = """
wf: 1
name: everything
state:
  list: {type: array, default: [1, 2]}
  seen: {type: array, default: [], reducer: append}
nodes:
  tried:
    for_each: state.list
    retry: {max_attempts: 2, initial_interval: 1ms, errors: [no_route]}
    do: {steps: [{next: [{when: "item > 1", to: exit}]}]}
    on_error: all
  all:
    parallel:
      both:
        parallel:
          q: {human: {prompt: q}, set: {seen: q}}
          r: {needs: [q], set: {seen: "{{ nodes.q.output }}"}}
          s: {steps: [{set: {seen: s}}, {human: {prompt: s}}]}
      quorum: {parallel: {a: {human: {prompt: a}}, b: {human: {prompt: b}}}, complete_when: "size(results) > 0"}
      each: {for_each: state.list, do: {human: {prompt: "{{ item }}"}, set: {seen: "{{ item }}"}}}
      few: {for_each: "[1, 2, 3]", max_concurrency: 2, join: 2, do: {human: {prompt: "{{ item }}"}}}
      written: {for_each: [1, 2], tolerate: "50%", do: {human: {prompt: "{{ item }}"}}}
      sequence: {for_each: state.list, sequential: true, do: {human: {prompt: "{{ item }}"}}}
      strays: {for_each: state.list, join: none, max_concurrency: 1, do: {human: {prompt: "{{ item }}"}}}
      loose: {parallel: {x: {human: {prompt: x}}, y: {needs: [x], human: {prompt: y}}}, join: none}
      child: {workflow: child.yaml}
      awaited: {wait: {any: {ack: {signal: ack}, late: {for: 15m}}}}
outputs: {seen: "{{ state.seen }}", all: "{{ nodes.all.output }}", results: "{{ nodes.all.results }}"}
"""
CHILD = "{wf: 1, name: child, steps: [{human: {prompt: Who?}}]}"

VALUES: tuple[Json, ...] = (None, True, 7, 1.5, "q", [], ["q", "r"], [[], "q", "r"], {}, {"q": 1})
FURTHEST = 4
"""How often the run is taken up: what waits for its turn asks only then."""


@pytest.fixture(scope="module")
def paused(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Json]]:
    """The lines of a run that waits in every composite."""
    folder, store = tmp_path_factory.mktemp("everything"), memory_store()
    write(folder, "child.yaml", CHILD)
    loaded = load_workflow(str(write(folder, "flow.yaml", FLOW)))
    asyncio.run(start(prepare(loaded, {}, RunOptions(run="run"), {}, SystemClock()), Surroundings(store)))
    assert store.run("run").status == "paused"
    return [json.loads(line) for line in text_of(store, "run").splitlines()]


def memories(lines: list[dict[str, Json]]) -> Iterator[dict[str, Json]]:
    """The events of an export that bring a memory."""
    events = (event for line in lines for event in line.get("events", ()))
    yield from (event for event in events if "memory" in event)


def with_value(value: Json) -> Iterator[Callable[[dict[str, Json]], object]]:
    """Ways to put a value into a memory."""
    yield lambda event: event.update(memory=value)
    yield lambda event: event["memory"].update(dict.fromkeys(event["memory"], value))
    yield lambda event: event["memory"].update(more=value)


def lacking(event: dict[str, Json]) -> None:
    """The last branch, or item, is missing."""
    next(iter(event["memory"].values())).pop()


def written(lines: list[dict[str, Json]]) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def ended_or_refused(lines: list[dict[str, Json]]) -> str:
    store = memory_store()
    try:
        run = taken_in(store, written(lines))
    except UsageError as error:
        return "refused" if error.message.startswith("run.jsonl:") else error.message
    for _ in range(FURTHEST):
        answer_all(store, run)
        if load_state(store, run).ended:
            break
        try:
            asyncio.run(resume(run, {}, Surroundings(store, wait_limit=0.0)))
        except StoreError as error:
            return "told" if "is none that its workflow leads to" in error.message else error.message
    return store.run(run).status


def answer_all(store: Store, run: str) -> None:
    for path in load_state(store, run).waiting:
        store.post(Message(run, "answer", 1.0, path, "yes"))
    store.post(Message(run, "signal", 1.0, "ack"))


def test_what_a_run_keeps_in_every_composite_is_taken_in_and_gone_on_with(paused: list[dict[str, Json]]) -> None:
    assert {(event["type"], *event["memory"]) for event in memories(paused)} == {
        ("step_started", "items"),
        ("attempt_started", "items"),
    }
    assert ended_or_refused(paused) == "completed"


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_another_value_is_refused_or_told_or_the_run_goes_on_to_its_end(
    paused: list[dict[str, Json]], value: Json
) -> None:
    for position, event in enumerate(memories(paused)):
        for change in with_value(value):
            lines = deepcopy(paused)
            change([*memories(lines)][position])
            assert ended_or_refused(lines) in {"refused", "told", "completed", "failed"}, event["step"]


def test_what_lacks_an_item_is_refused_or_told_or_the_run_goes_on_to_its_end(paused: list[dict[str, Json]]) -> None:
    for position, event in enumerate(memories(paused)):
        lines = deepcopy(paused)
        lacking([*memories(lines)][position])
        assert ended_or_refused(lines) in {"refused", "told", "completed"}, event["step"]


@given(st.data())
def test_another_value_anywhere_is_refused_or_the_run_goes_on(
    paused: list[dict[str, Json]], data: st.DataObject
) -> None:
    lines = deepcopy(paused)
    place: Any = data.draw(st.sampled_from([event for line in lines for event in line.get("events", ())]))
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    if data.draw(st.booleans()):
        place[key] = data.draw(st.sampled_from(VALUES))
    else:
        del place[key]
    assert ended_or_refused(lines) in {"refused", "told", "completed", "failed", "cancelled", "paused"}


FOREIGN: dict[str, tuple[str, str, dict[str, Json], str]] = {
    "no branch": ("frame_opened", "all/both/q", {"body": "nope"}, "KeyError: 'nope'"),
    "another verb": ("step_started", "all/both/q", {"verb": "agent"}, "the step 'all/both/q' is none of it"),
    "another node": ("step_started", "all/both/q", {"node": "x"}, "the frame 'all/both/q' is none of it"),
    "another visit": ("step_started", "all/child/s1", {"visit": 3}, "the step 'all/child/s1' is none of it"),
    "no such signal": ("step_waiting", "all/awaited", {"signals": {"x": "ack"}}, "KeyError: 'x'"),
    "left by nobody": ("step_ended", "all/strays", {"leave": False}, "KeyError: 'all/strays'"),
}
"""What no run of this workflow records, and what is told of it when the run is taken up."""


@pytest.mark.parametrize("name", FOREIGN)
def test_what_no_run_of_its_workflow_records_is_told_when_it_is_taken_up(
    tmp_path: Path, paused: list[dict[str, Json]], name: str
) -> None:
    type_, at, change, words = FOREIGN[name]
    lines = deepcopy(paused)
    events = (event for line in lines for event in line.get("events", ()))
    next(one for one in events if one["type"] == type_ and at in one.values()).update(change)
    write(tmp_path, "run.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    wf(tmp_path, "import", "run.jsonl")
    wf(tmp_path, "signal", "run", "ack")
    said = f"error: run run can't go on: its record is none that its workflow leads to ({words})\n"
    assert said in wf(tmp_path, "resume", "run", "--no-input", code=5).stderr
    assert "run run" in wf(tmp_path, "show", "run").stdout
    if "KeyError" not in words:  # those are seen only when a person has answered
        assert said in wf(tmp_path, "fork", f"run@{lines[-1]['last']}", "--no-input", code=5).stderr
