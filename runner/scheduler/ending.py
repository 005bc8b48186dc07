"""How steps and frames end: output, set, route; retry, on_error, and what becomes of those around."""

from __future__ import annotations

from runner.errors import ErrorType, Failure
from runner.events import (
    AttemptFailed,
    BranchPassed,
    EndStatus,
    FrameEnded,
    FrameOpened,
    RunEnded,
    StepClosed,
    StepEnded,
    StepStarted,
)
from runner.model import Json, Node
from runner.nodes.composites.workflow import BODY, FINALLY, RESCUE
from runner.nodes.contract import Answer, Branch, Done, End, Ended, Failed, Spawn, Stay, StepFailed, SubCall
from runner.scheduler.aftermath import Aftermath, Arrival, aftermath, arrival_of, first_holding, route, scope_after
from runner.scheduler.cutting import cut_children, cut_frame, cut_strays
from runner.scheduler.live import CALL, Live, join
from runner.scheduler.view import StepView, draw
from runner.state import ROOT, Frame, Step


def complete(live: Live, at: Arrival, done: Done) -> None:
    """A step has its output: set, then next; a mistake in them is the step's failure, which no retry takes."""
    step = live.state.steps.get(at.step)
    if step is not None and step.open and not done.leave:
        cut_children(live, step)
    try:
        after = aftermath(live, at, done)
    except StepFailed as error:
        fail(live, at, Failed(error.failure), final=True)
        return
    _end_step(live, at, "completed", done, after)


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
    if step is not None and not final and _retry(live, at.node, step, failed, error):
        return
    if at.node.on_error is None:
        _fail_unhandled(live, at, failed.output, error)
        return
    try:
        to = _handled(live, at, failed.output, error)
    except StepFailed as mistake:
        _fail_unhandled(live, at, failed.output, mistake.failure.as_error(at.step, max(1, attempt)))
        return
    _emit_ended(live, at, "failed", Done(failed.output), Aftermath(next=to), error)
    if to is None:
        _end_body(live, at, "failed")


def _retry(live: Live, node: Node, step: Step, failed: Failed, error: dict[str, Json]) -> bool:
    policy, failure = node.retry, failed.failure
    if failure.type not in policy.errors or step.failures + 1 >= policy.max_attempts or step.verb == "agent":
        return False
    wait = min(policy.initial_interval * policy.backoff**step.failures, policy.max_interval)
    if policy.jitter:
        wait *= 0.5 + draw(live.run, step.path, step.attempt) / 2
    if failure.retry_after is not None:
        wait = max(wait, failure.retry_after)
    live.emit(AttemptFailed(step.path, step.attempt, error, live.state.at + wait, failed.usage))
    return True


def _handled(live: Live, at: Arrival, output: Json, error: dict[str, Json]) -> str | None:
    handler = at.node.on_error
    names = scope_after(live, at, "failed", output, error)
    if handler == "continue":
        return route(at.node, names)
    assert isinstance(handler, tuple), "on_error is routes or `continue`"
    taken = first_holding(handler, names)
    if taken is None:
        raise StepFailed(Failure(error["type"], error["message"], error["details"]))
    return taken.to


def _fail_unhandled(live: Live, at: Arrival, output: Json, error: dict[str, Json]) -> None:
    _emit_ended(live, at, "failed", Done(output), Aftermath(), error)
    end_frame(live, at.frame, "failed", error)


def fail_call(live: Live, step: Step, failed: Failed) -> None:
    """A composite's call has failed: its node's retry policy applies, then the composite decides."""
    error = failed.error or failed.failure.as_error(step.path, max(1, step.attempt))
    if not _retry(live, live.node(step), step, failed, error):
        end_call(live, step, "failed", Done(failed.output, usage=failed.usage), error)


def end_call(live: Live, step: Step, status: EndStatus, done: Done, error: dict[str, Json] | None) -> None:
    """A composite's call has ended: the composite settles."""
    live.emit(
        StepEnded(step.path, status, step.node, None, step.verb, output=done.output, error=error, usage=done.usage)
    )
    live.calls.pop(step.path, None)
    settle(live, live.state.steps[step.owner], step.key)


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
        )
    )
    live.calls.pop(at.step, None)
    live.moved.add(at.frame.path)


def _end_body(live: Live, at: Arrival, status: EndStatus) -> None:
    skipped = status == "skipped" and live.body(at.frame).single
    end_frame(live, at.frame, "skipped" if skipped else "completed", None)


def end_frame(live: Live, frame: Frame, status: EndStatus, error: dict[str, Json] | None, by: str = "") -> None:
    """A body has ended: its composite settles."""
    owner = live.state.steps[frame.owner]
    live.emit(FrameEnded(frame.path, status, error, by))
    if frame.key == BODY and owner.verb == "workflow" and (status != "completed" or by):
        cut_strays(live, owner)
    settle(live, owner, frame.key)


def settle(live: Live, step: Step, key: str) -> None:
    """A child of a composite has ended: its kind says what follows."""
    kind, node, view = live.kind(step), live.node(step), StepView.of(live, step)
    ended = Ended(key, step.children[key])
    try:
        answer: Answer = (kind.detached if step.detached else kind.settle)(node, view, ended)
    except StepFailed as error:
        answer = Failed(error.failure, error.output)
    if step.detached:
        _settle_detached(live, step, answer)
    else:
        take(live, step, answer)


def take(live: Live, step: Step, answer: Answer) -> None:
    """Do what a kind answered for an open step."""
    match answer:
        case Stay():
            return
        case Spawn():
            spawn(live, step, answer)
        case Done():
            _finish(live, step, answer)
        case Failed():
            _finish(live, step, answer)


def _finish(live: Live, step: Step, answer: Done | Failed) -> None:
    if step.path == ROOT:
        _end_run(live, answer)
    elif isinstance(answer, Done):
        complete(live, arrival_of(live, step), answer)
    else:
        fail(live, arrival_of(live, step), answer)


def _end_run(live: Live, answer: Done | Failed) -> None:
    if isinstance(answer, Done):
        live.emit(RunEnded("completed", answer.output))
        return
    error = answer.error or answer.failure.as_error(ROOT, 1)
    live.emit(RunEnded("cancelled" if error["type"] == "cancelled" else "failed", {}, error))


def _settle_detached(live: Live, step: Step, answer: Answer) -> None:
    if isinstance(answer, Spawn):
        spawn(live, step, answer)
    if step.open or step.path not in live.state.steps:
        return
    home = live.state.steps[step.home]
    live.emit(StepClosed(step.path))
    if not home.open and home.invocation is not None and not home.invocation.strays:
        settle(live, home, BODY)


def spawn(live: Live, step: Step, spawned: Spawn) -> None:
    """Open a composite's children."""
    for child in spawned.children:
        if child.key in step.open or child.key in step.children:
            continue
        if isinstance(child, Branch):
            live.emit(_frame_opened(live, step, child))
        else:
            _start_call(live, step, child)
    passed = [(key, "skipped") for key in spawned.skipped] + [(key, "omitted") for key in spawned.omitted]
    for key, status in passed:
        live.emit(BranchPassed(step.path, key, "skipped" if status == "skipped" else "omitted"))
    for key, _ in passed:
        if live.state.steps.get(step.path) is step:
            settle(live, step, key)
    if spawned.done is not None:
        _finish(live, step, spawned.done)


def prefix(step: Step) -> str:
    """Where a composite's children have their addresses: a retried one's apart from those of the attempt before."""
    return step.path if step.attempt <= 1 else f"{step.path}~{step.attempt}"


def _frame_opened(live: Live, step: Step, child: Branch) -> FrameOpened:
    if step.verb == "for_each":
        path = f"{prefix(step)}[{child.key}]"
    elif step.verb == "workflow" and child.key == BODY:
        path = f"{prefix(step)}/" if step.path else ROOT
    else:
        path = join(prefix(step), child.key)
    return FrameOpened(
        path,
        step.path,
        child.key,
        _body_of(live, step, child),
        dict(child.variables),
        child.after,
        child.follows,
        child.shared,
    )


def _body_of(live: Live, step: Step, child: Branch) -> str:
    if step.verb != "workflow":
        return live.node(step).bodies[child.body].key
    callee = live.callee(step)
    body = {BODY: callee.body, RESCUE: callee.rescue, FINALLY: callee.finally_}[child.body]
    assert body is not None, "a workflow opens only bodies that it has"
    return body.key


def _start_call(live: Live, step: Step, child: SubCall) -> None:
    path = join(prefix(step), child.key)
    agent = getattr(child.call, "agent", "")
    live.emit(StepStarted(path, step.node, CALL, None, step.path, child.key, agent=agent, request=dict(child.request)))
    live.calls[path] = child.call


def end_workflow(live: Live, at: Arrival, end: End) -> None:
    """An `end` node: the frames on its own path merge, up to its workflow's body; the others are cut off."""
    _emit_ended(live, at, "completed", Done(), Aftermath(), None)
    frame = at.frame
    while frame.owner != frame.home:
        owner = live.state.steps[frame.owner]
        live.emit(FrameEnded(frame.path, "completed", None, at.step))
        if owner.detached:
            _settle_detached(live, owner, Stay())
            return
        cut_children(live, owner)
        above = arrival_of(live, owner)
        _emit_ended(live, above, "completed", Done(merge=(frame.key,)), Aftermath(), None)
        frame = above.frame
    error = None
    if end.status != "completed" and frame.key != FINALLY:
        type_: ErrorType = "cancelled" if end.status == "cancelled" else "workflow_failed"
        words = end.message or (
            "the workflow was cancelled" if end.status == "cancelled" else "the workflow ended as failed"
        )
        error = Failure(type_, words).as_error(at.step, 1)
    end_frame(live, frame, end.status, error, at.step)


def end_body(live: Live, home: Step, error: dict[str, Json], by: str) -> None:
    """End what a workflow is executing from outside: a limit was reached (`by` empty), or it was cancelled."""
    for key, path in tuple(home.open.items()):
        cut_frame(live, live.state.frames[path], error, by)
        cut_strays(live, home)
        settle(live, home, key)
