"""An export cut off amid its agents' calls, and changed: refused, told, or gone on with without our mistake."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.engine.loading import load_workflow
from runner.engine.run_options import RunOptions
from runner.engine.runs import prepare, start
from runner.engine.surroundings import Surroundings
from runner.ground.clock import SystemClock
from runner.ground.json_value import Json
from runner.record.store.sqlite import memory_store
from runner.travel.exports import exported
from runner.world.providers.scripted import read_script
from tests.acceptance.command_line import write
from tests.travel.test_paused_imports import VALUES, ended_or_refused

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
    loaded = load_workflow(str(write(folder, "flow.yaml", FLOW)))
    prepared = prepare(loaded, {}, RunOptions(run="run", script=script), {}, SystemClock())
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


def test_agents_cut_off_anywhere_go_on_to_their_end(cuts: list[Lines]) -> None:
    assert len(cuts) > 3
    assert {ended_or_refused(lines) for lines in cuts} == {"completed"}


@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # of all the lines, should it fail
@given(st.integers(min_value=0), st.integers(min_value=0), st.sampled_from(CHANGES))
def test_another_value_anywhere_is_refused_or_the_run_goes_on(
    cuts: list[Lines], cut: int, at: int, value: Json
) -> None:
    lines = cuts[1 + cut % (len(cuts) - 1)]
    there = of_events(lines)
    assert ended_or_refused(changed(lines, there[at % len(there)], value)) in {
        *("refused", "told", "completed", "failed", "cancelled", "paused")
    }
