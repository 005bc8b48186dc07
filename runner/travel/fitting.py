"""Whether a run of its workflow could have recorded an event: the scheduler and the kinds rely on what is recorded."""

from __future__ import annotations

import msgspec

from runner.engine.scheduler import Live
from runner.engine.scheduler.live import CALL
from runner.engine.scheduler.settling import frame_opened, prefix
from runner.engine.scheduler.view import StepView
from runner.ground.errors import ErrorType
from runner.ground.json_value import Json
from runner.ground.plain import one_line
from runner.nodes.contract import Branch, StepFailed
from runner.record.events import AnyEvent, AttemptStarted, FrameEnded, FrameOpened, StepEnded, StepStarted, StepWaiting
from runner.record.run_state import RunState, Step
from runner.world.providers.contract import Reply


class _Error(msgspec.Struct):
    """An error as events have it."""

    type: ErrorType
    message: str
    step: str
    attempt: int
    retryable: bool
    details: dict[str, Json]


def why_not_next(state: RunState, event: AnyEvent) -> str:
    """What an event contradicts in the state that it would change; nothing where it may be the next."""
    match event:
        case StepStarted() if event.step in state.steps:
            return f"the step '{one_line(event.step)}' begins twice"
        case StepEnded() if not _may_end(state.steps.get(event.step), event):
            return f"the step '{one_line(event.step)}' does not end like this"
        case FrameEnded() if not _has_ended(state, event):
            return f"the frame '{one_line(event.frame)}' ends while a step of it is open"
    return ""


def _has_ended(state: RunState, event: FrameEnded) -> bool:
    """Whether nothing in a frame is open: it has no node to be at, or is yet to arrive there."""
    return state.frames[event.frame].at is None or event.frame in state.ready


def _may_end(step: Step | None, event: StepEnded) -> bool:
    """A step that was never open is a node's; one that still has open children leaves them running."""
    if event.status == "failed" and event.error is None:
        return False
    if step is None:
        return event.frame is not None
    if step.verb == CALL and not _may_call_end(step, event):
        return False
    return event.frame == step.frame and (event.leave or not step.open)


def _may_call_end(call: Step, event: StepEnded) -> bool:
    """Whether a model that was asked has replied or failed; no call is passed over."""
    if event.status == "completed":
        return not call.agent or _is_a(Reply, event.output)
    return event.status in ("failed", "cancelled")


def why_not_ours(live: Live, event: AnyEvent) -> str:
    """What an event, which the state holds by now, has that its workflow would not give it; nothing where all fits.

    Raises what `fold.IMPOSSIBLE` lists where it names what is not there.
    """
    if (error := getattr(event, "error", None)) is not None and not _is_error(error):
        return "an error in it is none of ours"
    match event:
        case StepStarted() | StepEnded() if not _stands(live, event):
            return f"the step '{one_line(event.step)}' is none of its workflow"
        case FrameOpened() if not _is_branch(live, event):
            return f"the frame '{one_line(event.frame)}' is none of its workflow"
        case StepStarted() | AttemptStarted() if not _is_kept(live, event):
            return f"the step '{one_line(event.step)}' keeps what no step of its node does"
        case StepWaiting() if not _is_awaited(live, event):
            return f"the step '{one_line(event.step)}' waits for what no step of its node does"
    return ""


def _is_error(error: dict[str, Json]) -> bool:
    """Whether this is an error; what failed a called workflow holds another one."""
    if not _is_a(_Error, error):
        return False
    failed = error["type"] == "workflow_failed" and "error" in error["details"]
    return not failed or _is_error(error["details"]["error"])


def _is_a(form: type, value: Json) -> bool:
    try:
        msgspec.convert(value, form)
    except msgspec.ValidationError:
        return False
    return True


def _stands(live: Live, event: StepStarted | StepEnded) -> bool:
    if event.frame is None:
        return isinstance(event, StepEnded) or _is_call(live, event)
    frame = live.state.frames[event.frame]
    nodes = live.body(frame).nodes
    node = nodes[event.node]
    here = event.step == live.step_path(frame, node.id, event.visit) and event.verb == node.verb
    return here and (isinstance(event, StepStarted) or event.next is None or event.next in nodes)


def _is_call(live: Live, event: StepStarted) -> bool:
    owner = live.state.steps[event.owner]
    ours = f"{prefix(owner)}/{event.key}", owner.node, CALL
    if (event.step, event.node, event.verb) != ours:
        return False
    try:
        return live.kind(owner).calls(live.node(owner), StepView.as_begun(live, owner), event)
    except StepFailed:
        return False


def _is_branch(live: Live, event: FrameOpened) -> bool:
    owner = live.state.steps[event.owner]
    body = live.kind(owner).branch(live.node(owner), owner.memory, event.key)
    if body is None:
        return False
    branch = Branch(event.key, body, event.variables, event.after, event.follows, event.shared, event.ending)
    return event == frame_opened(live, owner, branch)


def _is_kept(live: Live, event: StepStarted | AttemptStarted) -> bool:
    step = live.state.steps[event.step]
    return live.kind(step).keeps(live.node(step), event.memory) if step.frame is not None else not event.memory


def _is_awaited(live: Live, event: StepWaiting) -> bool:
    step = live.state.steps[event.step]
    return step.frame is not None and live.kind(step).awaits(live.node(step), event)
