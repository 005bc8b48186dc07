"""A time that comes while it is decided what follows from something else is not passed over."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from runner.engine.loading import load_workflow
from runner.engine.run_options import RunOptions
from runner.engine.runs import prepare, start
from runner.engine.surroundings import Surroundings
from runner.ground.clock import SystemClock
from runner.record.store.sqlite import memory_store
from runner.world.providers.scripted import script_of

FLOW = """
wf: 1
name: again
agents: {helper: {model: openai/gpt-4o-mini}}
nodes:
  both:
    parallel:
      a: {agent: helper, prompt: Hi, retry: {max_attempts: 2, initial_interval: INTERVAL, jitter: false}}
      b: {steps: [{agent: helper, prompt: Hi}, {agent: helper, prompt: Hi}, {agent: helper, prompt: Hi}]}
"""
SCRIPT = script_of({"both/a": [{"error": "network"}, "done"], "helper": [{"repeat": "done"}]})


class Ticking(SystemClock):
    """A clock on which a second passes whenever it is asked."""

    def __init__(self) -> None:
        self._at = 1_000_000.0

    def now(self) -> float:
        self._at += 1.0
        return self._at


@pytest.mark.parametrize("interval", [0.9 * step for step in range(2, 26)])
def test_a_retry_that_comes_due_as_another_call_ends_is_made(tmp_path: Path, interval: float) -> None:
    """Whenever it is due: also between the look at what has ended and the look at the times."""
    (tmp_path / "flow.yaml").write_text(FLOW.replace("INTERVAL", f"{interval:.1f}s"))
    loaded, clock = load_workflow(str(tmp_path / "flow.yaml")), Ticking()
    prepared = prepare(loaded, {}, RunOptions(script=SCRIPT), {}, clock)

    around = Surroundings(memory_store(), clock=clock, environment={}, wait_limit=1000.0)

    assert asyncio.run(start(prepared, around)).status == "completed"
