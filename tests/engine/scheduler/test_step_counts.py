"""The steps that a list needs are counted before it: never more than a run has done with."""

from __future__ import annotations

import json
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from runner.ground.json_value import Json
from runner.record.address import ROOT
from runner.record.events import TIMED_OUT, BranchPassed, FrameEnded, StepEnded
from runner.record.fold import apply
from runner.record.run_state import RunState
from runner.workflow.model import Loaded
from runner.workflow.step_counts import StepCounts
from tests.engine.scheduler.weaving import Weaver, drive
from tests.simulation import Simulation, compiled


class Lister(Weaver):
    """Makes workflows with many lists; half of these stand in the file."""

    def for_each(self, depth: int) -> dict[str, Json]:
        made = super().for_each(depth)
        return made | {"for_each": json.loads(made["for_each"])} if self.chance(0.5) else made

    def nothing(self, depth: int) -> dict[str, Json]:
        return self.for_each(depth - 1) if depth > 0 and self.left > 0 else {}


def listed(seed: int) -> Loaded:
    """The workflow of a seed, with room for many steps; without bodies that have steps of their own."""
    flow = Lister(Random(seed)).flow()  # noqa: S311 - nothing here is a secret
    flow["limits"] = {**flow["limits"], "max_steps": 10_000, "max_depth": 10}
    return compiled("".join(f"{key}: {json.dumps(flow[key])}\n" for key in flow if key not in ("rescue", "finally")))


def with_room_for(loaded: Loaded, most: int) -> Loaded:
    workflow = replace(loaded.workflow, limits=replace(loaded.workflow.limits, max_steps=most), library={})
    return replace(loaded, workflow=replace(workflow, library={workflow.file: replace(workflow, library={})}))


def steps_taken(run: Simulation) -> int | None:
    """How many steps a run took; None if it failed or was stopped, or if a list in it was."""
    state, most = RunState(), 0
    ended = next(event for event in run.log if isinstance(event, FrameEnded) and event.frame == "")
    stopped = any(isinstance(event, BranchPassed) and event.owner == ROOT for event in run.log)
    lists = [event for event in run.log if isinstance(event, StepEnded) and event.verb == "for_each"]
    if stopped or (ended.status != "completed" and ended.by in ("", "cancel", TIMED_OUT)):
        return None
    if any(event.status in ("failed", "cancelled") for event in lists):
        return None
    for event in run.log[:-1]:
        apply(state, event)
        root = state.steps[ROOT].invocation
        most = max(most, root.steps if root is not None else 0)
    return most


@given(st.integers(0, 2**32))
def test_a_run_that_ends_within_a_limit_is_not_refused_by_it(seed: int) -> None:
    loaded = listed(seed)
    run = drive(loaded, seed)
    taken = steps_taken(run)
    if taken is not None:
        assert StepCounts(loaded.workflow).of_body(loaded.workflow.body) <= taken
        assert drive(with_room_for(loaded, taken), seed).ended == run.ended
