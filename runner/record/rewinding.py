"""What a fork makes of the state that it starts from: edited values, moved times, steps that begin anew. Pure."""

from __future__ import annotations

from msgspec.structs import replace

from runner.ground.json_value import Json
from runner.record.address import ROOT
from runner.record.approvals import ask_anew
from runner.record.edits import adapt, edit
from runner.record.events import RunForked
from runner.record.rewriting import hide
from runner.record.run_state import PENDING, RunState, Step
from runner.record.subtrees import discard


def rewind(run: RunState, event: RunForked) -> None:
    """Make these changes, in place."""
    for step in run.steps.values():
        _delay(step, event.shift)
    for path in event.anew:
        _begin_anew(run, run.steps[path])
    ask_anew(run)
    for home, adapted in event.adapted.items():
        adapt(run, home, adapted)
    hide(run, event.hidden)
    _edit(run, event)


def _edit(run: RunState, event: RunForked) -> None:
    """Change the workflow's own inputs, its state, and those of open branches and called workflows."""
    root = run.steps[ROOT].invocation
    assert root is not None, "the run itself is a workflow"
    root.inputs = {**root.inputs, **event.inputs}
    for address, values in {ROOT: event.state, **event.frames}.items():
        edit(run, address, values, event.contributed.get(address, ()))


def _begin_anew(run: RunState, step: Step) -> None:
    """Put the frame of a step back to where it had not arrived at it; a composite's call only forgets its failures."""
    step.failures, step.reserved = 0, None
    if step.frame is None:
        return
    frame = run.frames[step.frame]
    discard(run, step)
    frame.visits[step.node] -= 1
    frame.nodes[step.node] = _before(frame.nodes[step.node], frame.visits[step.node])
    run.ready[frame.path] = None
    run.count_steps(frame, -1)


def _before(arrived: dict[str, Json], visits: int) -> dict[str, Json]:
    """A node's record as it was before the visit that has not ended: what the visit before gave is still in it."""
    status = "failed" if arrived["error"] is not None else "completed"
    return {**arrived, "status": status, "visits": visits} if visits else PENDING


def _delay(step: Step, seconds: float) -> None:
    step.due = None if step.due is None else step.due + seconds
    step.retry_at = None if step.retry_at is None else step.retry_at + seconds
    if step.waiting is not None and step.waiting.until is not None:
        times = {key: time + seconds for key, time in step.waiting.times.items()}
        step.waiting = replace(step.waiting, until=step.waiting.until + seconds, times=times)
