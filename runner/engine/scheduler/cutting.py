"""Cutting off: a step, a frame, and all below them; their composites do not settle."""

from __future__ import annotations

from runner.engine.scheduler.live import Live
from runner.ground.json_value import Json
from runner.nodes.composites.workflow import BODY, FINALLY
from runner.record.events import FrameEnded, StepClosed, StepEnded
from runner.record.run_state import Frame, Step


def cut_children(live: Live, step: Step) -> None:
    """Cut off all that a composite still has open; but a `finally` that has begun is gone through with."""
    for key, path in tuple(step.open.items()):
        if step.invocation is not None and key == FINALLY:
            continue
        if path in live.state.frames and live.state.frames[path].owner == step.path:
            cut_frame(live, live.state.frames[path])
        else:
            _cut_step(live, live.state.steps[path], None)


def cut_frame(live: Live, frame: Frame, error: dict[str, Json] | None = None, by: str = "") -> None:
    """Cut off a frame and all below it; its composite does not settle."""
    if frame.at is not None and frame.path not in live.state.ready:
        step = live.state.steps.get(live.step_path(frame, frame.at, frame.visits[frame.at]))
        if step is not None and step.frame == frame.path:
            _cut_step(live, step, frame)
    live.emit(FrameEnded(frame.path, "failed" if error and error["type"] != "cancelled" else "cancelled", error, by))


def _cut_step(live: Live, step: Step, frame: Frame | None) -> None:
    cut_children(live, step)
    if step.invocation is not None:
        cut_strays(live, step)
    if step.path in live.state.running:
        live.stopped.append(step.path)
    place = None if frame is None else frame.path
    leave = _has_to_finish(live, step)
    live.emit(StepEnded(step.path, "cancelled", step.node, place, step.verb, step.visit, leave=leave))
    live.forget(step.path)
    if leave and BODY in step.children:
        live.ended(step, BODY)


def _has_to_finish(live: Live, step: Step) -> bool:
    """Whether a workflow that is cut off still has its `finally` to run, or something below it has."""
    if step.invocation is None:
        return False
    pending = live.callee(step).finally_ is not None and FINALLY not in step.children
    return pending or not live.is_over(step)


def cut_strays(live: Live, home: Step) -> None:
    """Cut off what the steps of a workflow have left running; but what was cut off already, and finishes, is let be."""
    assert home.invocation is not None, "strays belong to a workflow"
    for path in tuple(home.invocation.strays):
        step = live.state.steps[path]
        if step.invocation is None:
            cut_children(live, step)
            live.emit(StepClosed(path))
