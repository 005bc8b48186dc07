"""What an ended child leads to: its composite settles, one after the other until nothing is left to settle."""

from __future__ import annotations

from runner.engine.scheduler.aftermath import arrival_of
from runner.engine.scheduler.ending import complete, fail
from runner.engine.scheduler.live import CALL, Live, join
from runner.engine.scheduler.view import StepView
from runner.nodes.composites.workflow import BODY, FINALLY, RESCUE
from runner.nodes.contract import Answer, Branch, Done, Ended, Failed, Spawn, Stay, StepFailed, SubCall
from runner.record.events import BranchPassed, FrameOpened, RunEnded, StepClosed, StepStarted
from runner.record.run_state import ROOT, Step


def settle_all(live: Live) -> None:
    """Let the composites of ended children settle; what that ends settles in turn.

    A queue, no recursion: a chain of composites may be longer than Python's stack. A composite that has ended by
    itself meanwhile, or was cut off, has nothing to settle any more.
    """
    while live.unsettled:
        step, key = live.unsettled.popleft()
        if live.state.steps.get(step.path) is step and key in step.children:
            _settle(live, step, key)


def _settle(live: Live, step: Step, key: str) -> None:
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
    if not live.is_over(step) or (isinstance(answer, Spawn) and answer.passed):
        return
    home = live.state.steps[step.home]
    live.emit(StepClosed(step.path))
    if live.is_over(home):
        live.ended(home, BODY)


def spawn(live: Live, step: Step, spawned: Spawn) -> None:
    """Open a composite's children."""
    for child in spawned.children:
        if child.key in step.open or child.key in step.children:
            continue
        if isinstance(child, Branch):
            live.emit(frame_opened(live, step, child))
        else:
            _start_call(live, step, child)
    for passed in spawned.passed:
        place = join(prefix(step), passed.key)
        error = None if passed.failure is None else passed.failure.as_error(place, 1)
        live.emit(BranchPassed(step.path, passed.key, passed.status, error))
        live.ended(step, passed.key)
    if spawned.done is not None:
        _finish(live, step, spawned.done)


def prefix(step: Step) -> str:
    """Where a composite's children have their addresses: a retried one's apart from those of the attempt before."""
    return step.path if step.attempt <= 1 else f"{step.path}~{step.attempt}"


def frame_opened(live: Live, step: Step, child: Branch) -> FrameOpened:
    """What is recorded as a composite opens a branch."""
    if step.verb == "for_each":
        path = f"{prefix(step)}[{child.key}]"
    elif step.verb == "workflow":
        path = _frame_of_workflow(live, step, child.key)
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
        child.ending,
    )


def _frame_of_workflow(live: Live, step: Step, key: str) -> str:
    """The address of a workflow's own frame; a node of its body may be called `rescue` or `finally` too."""
    if key == BODY:
        return f"{prefix(step)}/" if step.path else ROOT
    return join(prefix(step), f"{key}:" if key in live.callee(step).body.nodes else key)


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
