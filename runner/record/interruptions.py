"""What a crash cut off: the fold of what was asked about it, and of what was found out."""

from __future__ import annotations

import msgspec

from runner.record.events import StepChecked, StepInterrupted
from runner.record.run_state import RunState, Step

_MOST_CHECKED = 1000
"""Steps of which it is remembered what was found out."""


def interrupted(run: RunState, event: StepInterrupted) -> None:
    """Nothing of the attempt is in flight any more; what is asked now stands below the step."""
    step = run.steps[event.step]
    run.halt(step)
    step.interrupted = True
    step.children = {}


def checked(run: RunState, event: StepChecked) -> None:
    """It is known what is to become of it; to be made again it waits for room."""
    step = run.steps[event.step]
    _note(run, event)
    if event.verdict != "again":
        return
    step.children = {}
    if step.waiting is not None:
        wait_no_more(run, step)
    run.start(step, at_once=False)
    step.queued_at = run.at


def _note(run: RunState, event: StepChecked) -> None:
    told = msgspec.to_builtins({"attempt": event.attempt, "verdict": event.verdict, "by": event.by})
    run.checked[event.step] = [*run.checked.pop(event.step, ()), told]
    if len(run.checked) > _MOST_CHECKED:
        del run.checked[next(iter(run.checked))]


def wait_no_more(run: RunState, step: Step) -> None:
    """A step that waited has what it waited for."""
    step.waiting = None
    run.waiting.pop(step.path, None)
    if step.frame is not None:
        run.frames[step.frame].nodes[step.node]["status"] = "running"
