"""How long a failed attempt waits, and what becomes of one that a crash cut off."""

from __future__ import annotations

import pytest

from runner.engine.scheduler.happenings import TakenUp
from runner.engine.scheduler.live import Live
from runner.ground.errors import Failure
from runner.record.events import AttemptFailed, RunResumed, RunStarted
from runner.record.run_state import RunState, Step
from runner.world.calls import AnyCall, CallFailed, Outcome
from tests.simulation import Simulation, compiled, simulate, started, succeed

POLICY = "max_attempts: 4, initial_interval: 8s, backoff: 1, errors: [network]"


def waits(jitter: str, *asked: float | None) -> list[float]:
    """The wait after a first failure that asks for a delay, or for none."""
    left = list(asked)

    def reply(call: AnyCall, step: Step) -> Outcome:
        if not left:
            return succeed(call, step)
        return CallFailed(Failure("network", "gone", {}, left.pop(0)))

    flow = f"nodes: {{a: {{command: [x], retry: {{{POLICY}, jitter: {jitter}}}}}}}"
    run = simulate(flow, reply=reply)
    assert run.state.status == "completed"
    failed = [event for event in run.log if isinstance(event, AttemptFailed)]
    return [failed[0].retry_at - 1000.0]


@pytest.mark.fault("L2")
@pytest.mark.parametrize(("asked", "wait"), [(None, 8.0), (3.0, 8.0), (8.5, 8.5), (600.0, 600.0), (0.0, 8.0)])
def test_what_was_asked_for_is_waited_for_if_it_is_longer(asked: float | None, wait: float) -> None:
    assert waits("false", asked) == [wait]


@pytest.mark.fault("L2")
def test_jitter_takes_at_most_half_of_a_wait_and_nothing_where_it_is_off() -> None:
    [drawn] = waits("true", None)
    assert 4.0 <= drawn < 8.0
    assert waits("false", None) == [8.0]


def taken_up(node: str) -> Simulation:
    """A run of one node that was stopped while the first attempt ran, and is taken up."""
    loaded = compiled(f"permissions: {{commands: [sh]}}\nnodes: {{a: {{{node}}}}}")
    run = Simulation(Live("run", loaded.workflow, RunState()))
    run.take([RunStarted(loaded.workflow.name, "", loaded.hash, {}, {})])
    while run.state.ready:
        run.take([])
    assert started(run) == ["a"]
    run.take([RunResumed(2), TakenUp()])
    return run


@pytest.mark.parametrize("verb", ["command: [x]", "script: x"])
def test_what_a_crash_cut_off_begins_again(verb: str) -> None:
    for node in (verb, f"{verb}, on_crash: retry"):
        assert started(taken_up(node)) == ["a", "a"]


@pytest.mark.parametrize("verb", ["command: [x]", "script: x", f"command: [x], retry: {{{POLICY}}}"])
def test_what_a_crash_cut_off_fails_if_it_is_to(verb: str) -> None:
    run = taken_up(f"{verb}, on_crash: fail")
    assert started(run) == ["a"]
    assert run.state.error is not None
    assert run.state.error["type"] == "interrupted"
