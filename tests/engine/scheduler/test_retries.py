"""When a step that failed is tried again."""

from __future__ import annotations

from runner.engine.scheduler import Live, due_time
from runner.engine.scheduler.happenings import AttemptEnded, TakenUp, TimeReached
from runner.ground.errors import Failure
from runner.record.events import RunPaused, RunResumed, RunStarted
from runner.record.run_state import RunState
from runner.world.calls import CallFailed
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
