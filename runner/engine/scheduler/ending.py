"""How steps and frames end: output, set, route; retry, `on_error`, `end`."""

from __future__ import annotations

import msgspec

from runner.engine.scheduler.aftermath import (
    Aftermath,
    Arrival,
    aftermath,
    arrival_of,
    first_holding,
    route,
    scope_after,
)
from runner.engine.scheduler.cutting import cut_children, cut_frame, cut_strays
from runner.engine.scheduler.live import Live
from runner.engine.scheduler.retrying import will_try_again
from runner.ground.errors import Failure
from runner.ground.json_value import Json
from runner.nodes.composites.workflow import BODY, FINALLY
from runner.nodes.contract import Done, End, Failed, StepFailed
from runner.record.approvals import approval_gates
from runner.record.events import BranchPassed, EndStatus, FrameEnded, StepEnded
from runner.record.run_state import Frame, Step
from runner.workflow.model import Route


def complete(live: Live, at: Arrival, done: Done) -> None:
    """A step has its output: set, then next; a mistake in them is the step's failure, which no retry takes."""
    step = live.state.steps.get(at.step)
    if step is not None and step.open and not done.leave:
        cut_children(live, step)
    try:
        after = aftermath(live, at, done)
    except StepFailed as error:
        came = {"output": done.output} if step is not None and not step.composite else None
        fail(live, at, Failed(error.failure, done.output if _prints(live, at) else None, came=came), final=True)
        return
    _end_step(live, at, "completed", done, after)


def _prints(live: Live, at: Arrival) -> bool:
    """Whether a step runs a program: what that printed is there, however the step ends."""
    called = at.node.traits.called
    if called is not None and called.tool:
        tool = live.workflow_of(at.frame).tools.get(called.tool)
        return tool is not None and tool.started is not None and bool(tool.started.argv)
    return bool(at.node.traits.programs)


def skip(live: Live, at: Arrival) -> None:
    """The node's `if` is false: output null, no set, routes still followed."""
    try:
        to = route(at.node, scope_after(live, at, "skipped", None))
    except StepFailed as error:
        fail(live, at, Failed(error.failure), final=True)
        return
    _end_step(live, at, "skipped", Done(), Aftermath(next=to))


def fail(live: Live, at: Arrival, failed: Failed, *, final: bool = False) -> None:
    """A step has failed: retry, else `on_error`, else its frame fails. `final`: no retry (the work itself was done)."""
    step = live.state.steps.get(at.step)
    attempt = step.attempt if step is not None else 1
    error = failed.error or failed.failure.as_error(at.step, max(1, attempt))
    if step is not None:
        cut_children(live, step)
    try:
        if step is not None and not final and will_try_again(live, at.node, step, failed, error):
            return
        taken = _handler(live, at, failed.output, error)
    except StepFailed as mistake:
        taken, handled = None, error
        error = mistake.failure.as_error(at.step, max(1, attempt))
        error["details"]["error"] = handled
        if step is not None and not step.composite and failed.came is None:
            failed = msgspec.structs.replace(failed, came={"error": handled, "output": failed.output})
    done = Done(failed.output, came=failed.came)
    _emit_ended(live, at, "failed", done, Aftermath(next=taken.to if taken else None), error)
    if taken is None:
        end_frame(live, at.frame, "failed", error)
    elif taken.to is None:
        _end_handled(live, at, error)


def _handler(live: Live, at: Arrival, output: Json, error: dict[str, Json]) -> Route | None:
    """The route that `on_error` takes; None when it takes none. Raises StepFailed."""
    if at.node.on_error is None:
        return None
    names = scope_after(live, at, "failed", output, error)
    if at.node.on_error == "continue":
        return Route(route(at.node, names))
    return first_holding(at.node.on_error, names)


def fail_call(live: Live, step: Step, failed: Failed) -> None:
    """A composite's call has failed: its node's retry policy applies, then the composite decides."""
    error = failed.error or failed.failure.as_error(step.path, max(1, step.attempt))
    try:
        if will_try_again(live, live.node(step), step, failed, error):
            return
    except StepFailed as mistake:
        error = mistake.failure.as_error(step.path, max(1, step.attempt))
    end_call(live, step, "failed", Done(failed.output, usage=failed.usage), error)


def end_call(live: Live, step: Step, status: EndStatus, done: Done, error: dict[str, Json] | None) -> None:
    """A composite's call or question has ended: the composite settles."""
    live.emit(
        StepEnded(
            step.path,
            status,
            step.node,
            None,
            step.verb,
            output=done.output,
            error=error,
            usage=done.usage,
            left=done.left,
            gates=approval_gates(step, done.output),
        )
    )
    live.forget(step.path)
    live.ended(live.state.steps[step.owner], step.key)


def _end_step(live: Live, at: Arrival, status: EndStatus, done: Done, after: Aftermath) -> None:
    _emit_ended(live, at, status, done, after, None)
    if after.next is None:
        _end_body(live, at, status)


def _emit_ended(
    live: Live, at: Arrival, status: EndStatus, done: Done, after: Aftermath, error: dict[str, Json] | None
) -> None:
    live.emit(
        StepEnded(
            at.step,
            status,
            at.node.id,
            at.frame.path,
            at.node.verb,
            at.visit,
            done.output,
            error,
            done.merge,
            after.reset,
            after.writes,
            after.next,
            done.usage,
            done.leave,
            done.left,
            unanswered=done.unanswered,
            came=done.came,
        )
    )
    live.forget(at.step)
    live.moved.add(at.frame.path)


def _end_body(live: Live, at: Arrival, status: EndStatus) -> None:
    skipped = status == "skipped" and live.body(at.frame).single
    end_frame(live, at.frame, "skipped" if skipped else "completed", None)


def _end_handled(live: Live, at: Arrival, error: dict[str, Json]) -> None:
    """The last step of a body has failed, and that was handled: of a branch it is told."""
    if live.state.steps[at.frame.owner].invocation is not None:
        end_frame(live, at.frame, "completed", None)
    else:
        end_frame(live, at.frame, "failed", error, handled=True)


def end_frame(
    live: Live, frame: Frame, status: EndStatus, error: dict[str, Json] | None, by: str = "", *, handled: bool = False
) -> None:
    """A body has ended: its composite settles."""
    owner = live.state.steps[frame.owner]
    live.emit(FrameEnded(frame.path, status, error, by, handled))
    if owner.invocation is not None and frame.key != FINALLY and (status != "completed" or by or frame.key != BODY):
        cut_strays(live, owner)
    live.ended(owner, frame.key)


def end_workflow(live: Live, at: Arrival, end: End) -> None:
    """An `end` node: the frames on its own path merge, up to its workflow's body, or to the stray that it ends."""
    done = Done(end.message or None)
    try:
        after = aftermath(live, at, done, routed=False)
    except StepFailed as error:
        fail(live, at, Failed(error.failure), final=True)
        return
    _emit_ended(live, at, "completed", done, after, None)
    frame = at.frame
    while frame.owner != frame.home and not live.state.steps[frame.owner].detached:
        owner = live.state.steps[frame.owner]
        live.emit(FrameEnded(frame.path, "completed", None, at.step))
        cut_children(live, owner)
        above = arrival_of(live, owner)
        _emit_ended(live, above, "completed", Done(merge=(frame.key,)), Aftermath(), None)
        frame = above.frame
    end_frame(live, frame, end.status, _error_of(end, at.step), at.step)


def _error_of(end: End, step: str) -> dict[str, Json] | None:
    match end.status:
        case "completed":
            return None
        case "failed":
            return Failure("workflow_failed", end.message or "the workflow ended as failed").as_error(step, 1)
        case "cancelled":
            return Failure("cancelled", end.message or "the workflow was cancelled").as_error(step, 1)


def end_body(live: Live, home: Step, error: dict[str, Json], by: str) -> None:
    """End what a workflow is executing from outside: a limit was reached (`by` empty), or see `FrameEnded.by`."""
    executed = tuple(home.open.values())
    for path in executed:
        cut_frame(live, live.state.frames[path], error, by)
    cut_strays(live, home)
    if not executed and home.invocation is not None and home.invocation.ending is None and not home.detached:
        live.emit(BranchPassed(home.path, BODY, "cancelled" if error["type"] == "cancelled" else "failed", error, by))
    live.ended(home, BODY)
