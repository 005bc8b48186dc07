"""When a step that failed is tried again."""

from __future__ import annotations

import pytest

from runner.engine.scheduler import Live, due_time
from runner.engine.scheduler.happenings import AttemptEnded, Happening, TakenUp, TimeReached
from runner.ground.errors import Failure
from runner.record.events import RunForked, RunPaused, RunResumed, RunStarted
from runner.record.run_state import RunState
from runner.world.calls import CallFailed, NoReply
from tests.simulation import Simulation, compiled

RETRIED = (
    "nodes: {a: {command: [x], retry: {max_attempts: 3, initial_interval: 10s, jitter: false, errors: [network]}}}"
)


def failed_at(moment: float) -> Simulation:
    """A run whose step failed then, and will be tried again ten seconds later; it is paused."""
    loaded = compiled(RETRIED)
    run = Simulation(Live("run", loaded.workflow, RunState()), now=moment)
    run.take([RunStarted("simulated", "", loaded.hash, {}, {})])
    run.take([AttemptEnded("a", 1, CallFailed(Failure("network", "gone")))])
    run.take([RunPaused("interrupted")])
    return run


def test_a_retry_keeps_its_time_over_a_pause() -> None:
    run = failed_at(1000.0)
    run.now = 1004.0
    run.take([RunResumed(2), TakenUp()])
    assert due_time(run.state.steps["a"]) == 1010.0


def test_a_retry_waits_no_longer_than_it_was_to_though_the_clock_was_set_back() -> None:
    run = failed_at(1_000_000.0)
    run.now = 1000.0
    run.take([RunResumed(2), TakenUp()])
    assert (due_time(run.state.steps["a"]), list(run.state.running)) == (1010.0, [])
    run.now = 1010.0
    run.take([TimeReached(("a",))])
    assert list(run.state.running) == ["a"]


@pytest.mark.parametrize(
    "taken_up", [(RunResumed(3), TakenUp()), (RunForked("other", 9, "simulated", "", "", shift=5.0),)]
)
def test_the_time_of_a_composite_does_not_pass_while_its_run_is_nobodys(taken_up: tuple[Happening, ...]) -> None:
    """As long as the process of a killed run had stood still, as far as is known; a missing reply holds it too."""
    loaded = compiled("nodes: {all: {parallel: {a: {command: [x]}}, timeout: 10s}}")
    run = Simulation(Live("run", loaded.workflow, RunState()), now=1000.0)
    run.take([RunStarted("simulated", "", loaded.hash, {}, {})])
    run.now = 9000.0
    run.take([RunResumed(2), TakenUp()])
    assert due_time(run.state.steps["all"]) == 9010.0
    run.now = 9004.0
    run.take([AttemptEnded("all/a", 2, NoReply("none"))])
    run.now = 9100.0
    run.take([TimeReached(("all",))])
    assert (due_time(run.state.steps["all"]), run.state.steps["all"].time_left) == (None, 6.0)
    run.take([RunPaused("waiting")])
    run.now = 9500.0
    run.take(list(taken_up))
    assert due_time(run.state.steps["all"]) == 9506.0
    a = run.state.steps["all/a"]
    assert (a.attempt, a.waiting, [*run.state.waiting], [*run.state.running]) == (2, None, [], ["all/a"])
    assert run.state.frames["all/a"].nodes["a"]["status"] == "running"
