"""An export cut off amid its agents' calls, and changed: it is refused, or goes on without a mistake of ours."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.engine.loading import load
from runner.engine.runs import Choices, Surroundings, prepare, start
from runner.ground.clock import SystemClock
from runner.ground.json_value import Json
from runner.record.store.sqlite import memory_store
from runner.travel.exports import exported
from runner.world.providers.mock_file import read_script
from tests.acceptance.command_line import wf, write
from tests.travel.test_paused_imports import VALUES, ended_or_refused, written

Lines = list[dict[str, Json]]
Place = tuple[str | int, ...]

FLOW = """
wf: 1
name: agents
permissions: {commands: ["true"]}
models: {fast: {model: a/b}, other: {model: c/d}}
tools: {t: {command: ["true"], inputs: {x: {type: string}}}}
agents:
  one:
    model: fast
    fallback: [other]
    instructions: be good
    tools: [t]
    output_schema: {type: object, properties: {n: {type: integer}}, required: [n]}
nodes:
  both: {parallel: {a: {agent: one, prompt: hello}, b: {agent: one, prompt: ho}}}
"""
SCRIPT = """
a: [{tool_calls: [{tool: t, with: {x: "1"}}, {tool: t, with: {x: "2"}}]}, "no json", {reply: {n: 1}}]
b: [{error: credit_exhausted}, {tool_calls: [{tool: nope, with: {}}]}, {reply: {n: 2}}]
"""
MISSING = "missing"
CHANGES: tuple[Json, ...] = (MISSING, *VALUES, {"text": "x", "tool_calls": [{}]}, {"text": "x", "tool_calls": []})


@pytest.fixture(scope="module")
def cuts(tmp_path_factory: pytest.TempPathFactory) -> list[Lines]:
    """The run cut off after each of its commits, but for the last."""
    folder, store = tmp_path_factory.mktemp("agents"), memory_store()
    script = read_script(write(folder, "script.yaml", SCRIPT), "script.yaml")
    loaded = load(str(write(folder, "flow.yaml", FLOW)))
    prepared = prepare(loaded, {}, Choices(run="run", script=script), {}, SystemClock())
    assert asyncio.run(start(prepared, Surroundings(store))).status == "completed"
    lines = [json.loads(line) for line in b"".join(exported(store, "run")).splitlines()]
    commits = [number for number, line in enumerate(lines, 1) if line["line"] == "commit"]
    return [[*lines[:number], end_after(lines[number - 1])] for number in commits[:-1]]


def end_after(commit: dict[str, Json]) -> dict[str, Json]:
    return {"line": "end", "last": commit["first"] + len(commit["events"]) - 1}


def places(value: Json, place: Place = ()) -> Iterator[Place]:
    """Where all that is inside a value stands."""
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield (*place, key)
        yield from places(value[key], (*place, key))


def changed(lines: Lines, place: Place, value: Json) -> Lines:
    """The lines with another value at a place, or nothing there."""
    lines = deepcopy(lines)
    *way, last = place
    inner: Json = lines
    for key in way:
        inner = inner[key]
    if value is MISSING:
        del inner[last]
    else:
        inner[last] = value
    return lines


def of_events(lines: Lines) -> list[Place]:
    """The places inside of events, the run's own start apart."""
    inside = [place for place in places(lines) if len(place) > 3 and place[1] == "events"]
    return [place for place in inside if event_at(lines, place)["type"] != "run_started"]


def event_at(lines: Lines, place: Place) -> dict[str, Json]:
    events: Json = lines[int(place[0])]["events"]
    return dict(events[place[2]])


def relied_on(lines: Lines) -> list[Place]:
    """The places of how a step ended, in the last commit: a conversation goes by it."""
    ends = [place for place in of_events(lines) if event_at(lines, place)["type"] == "step_ended"]
    return [place for place in ends if place[0] == len(lines) - 2 and place[3] in ("output", "error", "status")]


def test_agents_cut_off_anywhere_go_on_to_their_end(cuts: list[Lines]) -> None:
    assert len(cuts) > 3
    assert {ended_or_refused(lines) for lines in cuts} == {"completed"}


def test_another_value_in_what_a_call_gave_is_refused_or_the_run_goes_on_to_its_end(cuts: list[Lines]) -> None:
    found = {
        ended_or_refused(changed(lines, place, value))
        for lines in cuts
        for place in relied_on(lines)
        for value in CHANGES
    }
    assert found == {"refused", "completed"}


@given(st.data())
def test_another_value_anywhere_is_refused_or_the_run_goes_on(cuts: list[Lines], data: st.DataObject) -> None:
    lines = data.draw(st.sampled_from(cuts[1:]))
    place = data.draw(st.sampled_from(of_events(lines)))
    assert ended_or_refused(changed(lines, place, data.draw(st.sampled_from(CHANGES)))) in {
        *("refused", "completed", "failed", "cancelled", "paused")
    }


ENDS = "the step 'both/{}' does not end like this"
NOT_ITS = "the step 'both/{}' is none of its workflow"
MISFITS: dict[str, tuple[str, str, dict[str, Json], str]] = {
    "no reply": ("step_ended", "both/a/call#1", {"output": {"text": "x"}}, ENDS.format("a/call#1")),
    "no error": ("step_ended", "both/b/call#1", {"error": None}, ENDS.format("b/call#1")),
    "passed over": ("step_ended", "both/b/call#1", {"status": "omitted", "error": None}, ENDS.format("b/call#1")),
    "no more asked": (
        *("step_ended", "both/a/call#1", {"output": {"text": '{"n": 1}', "tool_calls": [], "finish": "stop"}}),
        NOT_ITS.format("a/call#2"),
    ),
    "no messages": ("step_started", "both/a/call#1", {"request": {"model": "fast"}}, NOT_ITS.format("a/call#1")),
    "no role": (
        *("step_started", "both/a/call#1", {"request": {"model": "fast", "messages": [{"role": []}]}}),
        NOT_ITS.format("a/call#1"),
    ),
    "not the agent": ("step_started", "both/a/call#1", {"agent": ""}, NOT_ITS.format("a/call#1")),
    "another frame": (
        "frame_ended",
        "both/b",
        {"frame": "both/a"},
        "the frame 'both/a' ends while a step of it is open",
    ),
}


@pytest.mark.parametrize("name", MISFITS)
def test_what_no_agent_records_is_refused_by_its_line(tmp_path: Path, cuts: list[Lines], name: str) -> None:
    type_, at, change, words = MISFITS[name]
    lines = deepcopy(cuts[-1])
    events = (event for line in lines for event in line.get("events", ()))
    next(one for one in events if one["type"] == type_ and at in one.values()).update(change)
    write(tmp_path, "run.jsonl", written(lines).decode())
    said = wf(tmp_path, "import", "run.jsonl", code=2).stderr
    assert re.match(rf"error: run\.jsonl:\d+: {re.escape(words)}\n", said), said
