"""The call of a step whose attempt is to run: as it was opened, also by another process."""

from __future__ import annotations

from runner.engine.scheduler.live import Live
from runner.engine.scheduler.view import StepView
from runner.nodes.contract import Perform, Spawn, SubCall
from runner.record.run_state import Step
from runner.world.calls import AnyCall


def call_of(live: Live, step: Step) -> AnyCall:
    """The call of a step whose attempt is to run: as it was opened. After a resumption its kind opens it again."""
    if step.path not in live.calls:
        live.calls[step.path] = opened_again(live, step).call
    return live.calls[step.path]


def opened_again(live: Live, step: Step) -> Perform | SubCall:
    """What a step, or the composite whose call it is, was opened with: its kind opens it again."""
    holder = step if step.frame is not None else live.state.steps[step.owner]
    opened = live.kind(holder).open(live.node(holder), StepView.as_begun(live, holder))
    if isinstance(opened, Perform):
        return opened
    assert isinstance(opened, Spawn), "what has a call opens with it"
    return next(child for child in opened.children if isinstance(child, SubCall) and child.key == step.key)
