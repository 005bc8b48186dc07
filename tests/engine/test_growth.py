"""What a run costs grows with its work: lines of ours that are executed, counted, since no test is timed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import runner
from benchmarks import flows
from benchmarks.growth import RUNS
from runner.engine.loading import load_workflow
from runner.engine.run_options import RunOptions
from runner.engine.runs import prepare, start
from runner.engine.surroundings import Audience, Surroundings
from runner.record.events import Commit
from runner.record.run_state import RunState
from runner.record.store.sqlite import memory_store
from tests.acceptance.test_agents import asking, said

OURS = str(Path(runner.__file__).parent)
FEW, MANY = 100, 500

TRIES = 3
"""A busy machine has the loop wait, and look up, more often: that adds lines, and never takes any away."""


def _fan_in(branches: int) -> str:
    """Branches that one other needs, a few of them at a time."""
    names = [f"b{number}" for number in range(branches)]
    all_of_them = "".join(f"      {name}: {{}}\n" for name in names)
    head = f"wf: 1\nname: fan\nlimits: {{max_steps: {branches + 10}}}\nnodes:\n  all:\n    max_concurrency: 8\n"
    return f"{head}    parallel:\n{all_of_them}      end: {{needs: [{', '.join(names)}]}}\n"


def _failing(items: int) -> str:
    """Items in turn, of which all fail but the first."""
    return f"""
wf: 1
name: failing
permissions: {{read: [.]}}
limits: {{max_steps: {items + 10}}}
nodes:
  each:
    for_each: {list(range(items))}
    sequential: true
    tolerate: 100%
    do: {{read: nowhere.txt, if: 'index > 0'}}
"""


FLOWS: Mapping[str, Callable[[int], str]] = {**RUNS, "fan-in": _fan_in, "failing items": _failing}


def _lines(flow: str) -> int:
    """How many lines of ours a run executes, from the reading of its file on."""
    return _executed(partial(flows.cpu_seconds, flow))


def _executed(work: Callable[[], object]) -> int:
    """How many lines of ours are executed."""
    count = 0

    def trace(frame: FrameType, event: str, _arg: Any) -> Any:
        nonlocal count
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("what", FLOWS)
def test_five_times_the_work_costs_five_times_as_much(what: str) -> None:
    flow = FLOWS[what]
    _lines(flow(FEW))  # what is made once in a process is made now
    few = min(_lines(flow(FEW)) for _ in range(2))
    many = [_lines(flow(MANY))]
    while min(many) >= few * MANY / FEW * 1.12 and len(many) < TRIES:
        many.append(_lines(flow(MANY)))
    assert min(many) < few * MANY / FEW * 1.12, f"{min(many) / few:.1f} times as many lines"


TALK = """
tools: {add: {command: [x]}}
agents: {worker: {model: openai/gpt-4o-mini, tools: [add], max_turns: 1000}}
nodes: {ask: {agent: worker, prompt: Hello}}
"""


def test_a_turn_of_a_long_conversation_costs_what_one_of_a_short_one_does() -> None:
    def talk(turns: int) -> None:
        run, asked = asking(TALK, *[said("", ("add", {}))] * (turns - 1), said("done"))
        assert (run.outcome, len(asked)) == ({}, turns)

    talk(2)  # what is made once in a process is made now
    few, many = (_executed(partial(talk, turns)) for turns in (FEW, MANY))
    assert many < few * MANY / FEW * 1.12, f"{many / few:.1f} times as many lines"


def test_of_sequential_items_only_the_last_keeps_its_state(tmp_path: Path) -> None:
    kept: list[int] = []

    class Watch:
        def heard(self, _commit: Commit, state: RunState) -> None:
            children = [child for step in state.steps.values() for child in step.children.values()]
            kept.append(sum(child.final is not None for child in children))

        def close(self) -> None:
            """Nothing is held open."""

    flow = flows.items(20, "sequential: true").replace("do:", "do:\n      read: flow.yaml")
    (tmp_path / "flow.yaml").write_text(f"{flow}permissions: {{read: [.]}}\n", encoding="utf-8")
    store = memory_store()
    around = Surroundings(store, Audience(listeners=[Watch()]))
    prepared = prepare(load_workflow(str(tmp_path / "flow.yaml")), {}, RunOptions(), around.environment, around.clock)
    asyncio.run(start(prepared, around))
    store.close()
    assert len(kept) > 20
    assert max(kept) == 1


def test_large_outputs_are_held_once() -> None:
    given = 1000 * 10_000
    flows.seconds(flows.items(5), "normal")
    assert flows.most_memory(flows.large_items(1000, 10_000)) < 2 * given
