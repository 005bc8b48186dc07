"""What an ended child leads to: its composite settles, one after the other until nothing is left to settle."""

from __future__ import annotations

from contextlib import suppress
from typing import assert_never

from runner.engine.scheduler.aftermath import arrival_of
from runner.engine.scheduler.crashes import take_finding
from runner.engine.scheduler.cutting import cut_children
from runner.engine.scheduler.ending import complete, end_body, end_call, fail
from runner.engine.scheduler.live import Live
from runner.engine.scheduler.steps_due import out_of_steps
from runner.engine.scheduler.view import StepView
from runner.nodes.composites.workflow import BODY, FINALLY, RESCUE
from runner.nodes.contract import (
    Ask,
    Branch,
    Done,
    Ended,
    Failed,
    Left,
    Memory,
    Opened,
    Settled,
    Spawn,
    Stay,
    StepFailed,
    SubAsk,
    SubCall,
    SubStep,
)
from runner.record.address import ROOT, below, children_of, item_of, own_frame
from runner.record.events import (
    ASK,
    CALL,
    BranchPassed,
    FrameOpened,
    RunEnded,
    StepClosed,
    StepRemembered,
    StepStarted,
    StepWaiting,
)
from runner.record.run_state import Step


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
    if step.interrupted:
        take_finding(live, step)
        return
    kind, node, view = live.kind(step), live.node(step), StepView.of(live, step)
    ended = Ended(key, step.children[key])
    if step.detached:
        left: Left = Stay()
        with suppress(StepFailed):  # the step has its end already: a failure of it has nowhere to go
            left = kind.detached(node, view, ended)
        _settle_detached(live, step, left)
        return
    try:
        answer = kind.settle(node, view, ended)
    except StepFailed as error:
        answer = Failed(error.failure, error.output)
    if view.ends_row and live.events:
        live.row_ends.append(len(live.events))
    take(live, step, answer)


def settle_again(live: Live) -> None:
    """Let workflows settle whose body has ended, and of which nothing that follows is recorded yet."""
    for step in tuple(live.state.steps.values()):
        if step.invocation is not None and BODY in step.children and not step.open and not step.detached:
            live.ended(step, BODY)


def take(live: Live, step: Step, answer: Settled) -> None:
    """Do what a kind answered for an open step."""
    match answer:
        case Stay():
            _remember(live, step, answer.memory)
        case Spawn():
            _remember(live, step, answer.memory)
            spawn(live, step, answer)
        case Done() | Failed():
            _finish(live, step, answer)
        case _:
            assert_never(answer)


def _remember(live: Live, step: Step, memory: Memory | None) -> None:
    if memory is not None:
        added = {key: more for key, more in memory.added.items() if more}
        live.emit(StepRemembered(step.path, dict(memory.values), added))


def _finish(live: Live, step: Step, answer: Done | Failed) -> None:
    if step.path == ROOT:
        _end_run(live, answer)
    elif step.frame is None:
        _end_sub_step(live, step, answer)
    elif isinstance(answer, Done):
        complete(live, arrival_of(live, step), answer)
    else:
        fail(live, arrival_of(live, step), answer)


def _end_sub_step(live: Live, step: Step, answer: Done | Failed) -> None:
    """A composite's own step has ended: its composite settles. What its calls are tried again for, it is not."""
    cut_children(live, step)
    if isinstance(answer, Done):
        end_call(live, step, "completed", answer, None)
    else:
        error = answer.error or answer.failure.as_error(step.path, max(1, step.attempt))
        end_call(live, step, "failed", Done(answer.output), error)


def _end_run(live: Live, answer: Done | Failed) -> None:
    if isinstance(answer, Done):
        live.emit(RunEnded("completed", answer.output))
        return
    error = answer.error or answer.failure.as_error(ROOT, 1)
    live.emit(RunEnded("cancelled" if error["type"] == "cancelled" else "failed", answer.output or {}, error))


def _settle_detached(live: Live, step: Step, answer: Left) -> None:
    _remember(live, step, answer.memory)
    if isinstance(answer, Spawn):
        spawn(live, step, answer)
    if not live.is_over(step) or (isinstance(answer, Spawn) and answer.passed):
        return
    home = live.state.steps[step.home]
    live.emit(StepClosed(step.path))
    live.forget(step.path)
    if live.is_over(home):
        live.ended(home, BODY)


def spawn(live: Live, step: Step, spawned: Spawn) -> None:
    """Open a composite's children."""
    for child in spawned.children:
        if live.state.steps.get(step.path) is not step:
            return  # a child could not be opened any more, and that has ended the workflow
        if child.key in step.open or child.key in step.children:
            continue
        match child:
            case Branch():
                live.emit(frame_opened(live, step, child))
            case SubCall():
                _start_call(live, step, child)
            case SubStep():
                _start_sub_step(live, step, child)
            case SubAsk():
                _start_question(live, step, child)
            case _:
                assert_never(child)
    for passed in spawned.passed:
        place = branch_of(step, passed.key)
        error = None if passed.failure is None else passed.failure.as_error(place, 1)
        live.emit(BranchPassed(step.path, passed.key, passed.status, error))
        live.ended(step, passed.key)
    if spawned.done is not None:
        _finish(live, step, spawned.done)


def branch_of(step: Step, key: str) -> str:
    """The address of a composite's branch."""
    place = children_of(step.path, step.attempt)
    return item_of(place, key) if isinstance(step.branches, int) else below(place, key)


def frame_opened(live: Live, step: Step, child: Branch) -> FrameOpened:
    """What is recorded as a composite opens a branch, or a workflow one of its own bodies."""
    is_workflow = step.invocation is not None
    return FrameOpened(
        frame=_own_frame(live, step, child.key) if is_workflow else branch_of(step, child.key),
        owner=step.path,
        key=child.key,
        body=_own_body(live, step, child) if is_workflow else live.node(step).bodies[child.body].key,
        variables=dict(child.variables),
        after=child.after,
        follows=child.follows,
        shared=child.shared,
        ending=child.ending,
    )


def _own_frame(live: Live, step: Step, key: str) -> str:
    """The address of a workflow's own frame; a node of its body may be called `rescue` or `finally` too."""
    place = children_of(step.path, step.attempt)
    if key == BODY:
        return own_frame(place)
    return below(place, f"{key}:" if key in live.callee(step).body.nodes else key)


def _own_body(live: Live, step: Step, child: Branch) -> str:
    callee = live.callee(step)
    body = {BODY: callee.body, RESCUE: callee.rescue, FINALLY: callee.finally_}[child.body]
    assert body is not None, "a workflow opens only bodies that it has"
    return body.key


def _start_call(live: Live, step: Step, child: SubCall) -> None:
    path = below(children_of(step.path, step.attempt), child.key)
    agent = getattr(child.call, "agent", "")
    live.emit(
        StepStarted(
            step=path,
            node=step.node,
            verb=CALL,
            owner=step.path,
            key=child.key,
            agent=agent,
            request=dict(child.request),
            approved=child.approved,
        )
    )
    live.calls[path] = child.call


def _start_sub_step(live: Live, step: Step, child: SubStep) -> None:
    """Open a step of the composite's own; it counts as a step of the workflow."""
    path = below(children_of(step.path, step.attempt), child.key)
    if (out := out_of_steps(live, step)) is not None:
        home, failure = out
        end_body(live, home, failure.as_error(path, 1), "")
        return
    live.emit(
        StepStarted(
            step=path,
            node=child.name,
            verb=live.node(step).verb,
            owner=step.path,
            key=child.key,
            visit=step.visit,
            attempt=1,
            agent=child.name,
            request=dict(child.request),
            memory=dict(child.memory),
            composite=True,
        )
    )
    _open_sub_step(live, live.state.steps[path])


def _open_sub_step(live: Live, step: Step) -> None:
    answer: Opened
    try:
        answer = live.kind(step).open(live.node(step), StepView.of(live, step))
    except StepFailed as error:
        answer = Failed(error.failure, error.output)
    assert isinstance(answer, Spawn | Done | Failed), "what opens children of its own kind is made of calls"
    take(live, step, answer)


def _start_question(live: Live, step: Step, child: SubAsk) -> None:
    path = below(children_of(step.path, step.attempt), child.key)
    live.emit(
        StepStarted(step=path, node=step.node, verb=ASK, owner=step.path, key=child.key, attempt=1, composite=True)
    )
    live.emit(waiting_for(path, child.ask))


def waiting_for(step: str, ask: Ask) -> StepWaiting:
    """What is recorded as a step begins to wait."""
    return StepWaiting(
        step=step,
        kind=ask.kind,
        until=ask.until,
        prompt=ask.prompt,
        choices=ask.choices,
        schema=None if ask.schema is None else dict(ask.schema),
        times=dict(ask.times),
        signals=dict(ask.signals),
        approval=ask.approval,
    )
