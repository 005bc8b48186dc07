"""What holds of every run, whatever the workflow, the order of things, the failures, the clock and the crashes."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from runner.record.address import ROOT
from runner.record.events import AttemptStarted, FrameEnded, FrameOpened, RunEnded, StepClosed, StepEnded, StepStarted
from runner.record.fold import apply
from runner.record.run_state import RunState
from tests.engine.scheduler.weaving import drive, woven
from tests.record.store.pictures import picture
from tests.simulation import Simulation

SEEDS = st.integers(0, 2**32)


def before_the_end(run: Simulation) -> RunState:
    state = RunState()
    for event in run.log[:-1]:
        apply(state, event)
    return state


@given(SEEDS)
def test_a_run_ends_and_leaves_nothing_open(seed: int) -> None:
    run = drive(woven(seed), seed)
    assert [event for event in run.log if isinstance(event, RunEnded)] == [run.log[-1]]
    state = before_the_end(run)
    assert (list(state.steps), state.frames, state.ready, state.queued) == ([ROOT], {}, {}, {})
    assert (state.running, state.retrying, state.waiting, list(state.homes)) == ({}, {}, {}, [ROOT])
    root = state.steps[ROOT].invocation
    assert root is not None
    assert (root.running, root.strays) == (0, {})


@given(SEEDS)
def test_what_begins_ends_once(seed: int) -> None:
    run = drive(woven(seed), seed)
    ended = Counter(event.step for event in run.log if isinstance(event, StepEnded))
    started = Counter(event.step for event in run.log if isinstance(event, StepStarted))
    assert not [step for step, times in ended.items() if times > 1]
    assert started.keys() <= ended.keys()
    opened = Counter(event.frame for event in run.log if isinstance(event, FrameOpened))
    assert opened == Counter(event.frame for event in run.log if isinstance(event, FrameEnded))
    left = [event.step for event in run.log if isinstance(event, StepEnded) and event.leave]
    assert sorted(left) == sorted(event.step for event in run.log if isinstance(event, StepClosed))


@given(SEEDS)
def test_every_workflow_that_began_runs_its_finally_once(seed: int) -> None:
    run = drive(woven(seed, **{"finally": {"command": ["x"]}}), seed)
    begun = [event for event in run.log if isinstance(event, StepStarted | AttemptStarted) and event.scope is not None]
    finished = [event for event in run.log if isinstance(event, FrameOpened) and event.key == "finally"]
    assert len(finished) == len(begun) + 1
    assert finished[-1].owner == ROOT


@given(SEEDS)
def test_a_run_that_is_taken_up_again_after_every_commit_goes_the_same_way(seed: int) -> None:
    loaded = woven(seed)
    whole, interrupted = drive(loaded, seed), drive(loaded, seed, crash=True)
    assert interrupted.log == whole.log
    assert picture(interrupted.twin) == picture(whole.twin)


@given(SEEDS)
def test_no_more_attempts_run_at_once_than_the_limit_allows(seed: int) -> None:
    loaded = woven(seed)
    run = drive(loaded, seed)
    state, most = RunState(), 0
    for event in run.log:
        apply(state, event)
        most = max(most, len(state.running))
    assert most <= loaded.workflow.limits.max_concurrency
