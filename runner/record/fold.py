"""The fold: from a run's events to its state. Pure; it evaluates nothing, and updates the state in place."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import msgspec

from runner.ground.json_value import Json
from runner.record.accounts import reopen, reserve, settle
from runner.record.address import ROOT
from runner.record.approvals import answered, go_by
from runner.record.cues import next_cue
from runner.record.edits import adapt
from runner.record.event_parts import Write, branches_of
from runner.record.events import (
    TIMED_OUT,
    UNANSWERED,
    AttemptFailed,
    AttemptStarted,
    BranchPassed,
    Commit,
    Event,
    FrameEnded,
    FrameOpened,
    RunEnded,
    RunForked,
    RunPaused,
    RunResumed,
    RunStarted,
    Scope,
    StepChecked,
    StepClosed,
    StepEnded,
    StepInterrupted,
    StepRemembered,
    StepStarted,
    StepWaiting,
)
from runner.record.frames import branch_frame, place_below, shared_frame
from runner.record.interruptions import checked, interrupted, wait_no_more
from runner.record.merging import contributions
from runner.record.node_records import arrived, ended
from runner.record.reducers import ReducerError, State, contribute
from runner.record.rewinding import rewind
from runner.record.rewriting import hide
from runner.record.run_state import Child, Frame, Invocation, Nodes, RunState, Step, cue_keys_of
from runner.record.turns import begin_call, join_line, settle_pace

IMPOSSIBLE = (LookupError, AssertionError, TypeError, AttributeError, ValueError, ReducerError, RecursionError)
"""What folding raises on events that do not follow from those before."""

HANDLED = "handled"
"""What a branch whose failure was handled counts as: it has ended, and has neither completed nor failed."""


def apply(run: RunState, event: Event) -> None:
    """Fold one event in."""
    run.seq += 1
    FOLD[type(event)](run, event)


def fold(run: RunState, commit: Commit) -> None:
    """Fold a recorded commit in."""
    run.tick(commit.at)
    for event in commit.events:
        apply(run, event)


def _run_started(run: RunState, event: RunStarted) -> None:
    run.started = event
    run.definition = event.definition
    run.status = "running"
    run.homes[ROOT] = None
    invocation = Invocation(event.inputs, State(event.state), event.workflow)
    run.steps[ROOT] = Step(ROOT, ROOT, "", None, attempt=1, invocation=invocation, composite=True)


def _run_paused(run: RunState, event: RunPaused) -> None:
    run.status = "paused"
    run.reason = event.reason
    run.stand_still()
    _end_left(run)


def _run_resumed(run: RunState, event: RunResumed) -> None:
    run.status = "running"
    run.reason = ""
    run.epoch = event.epoch
    if event.definition not in ("", run.definition) or "max_cost_usd" in event.options:
        reopen(run)
    go_by(run, event.definition)
    run.overrides = {**run.overrides, **event.options}
    for home, adapted in event.adapted.items():
        adapt(run, home, adapted)
    hide(run, event.hidden)
    run.run_on(run.last_interval)
    _forget_the_pause(run)
    for path in run.retrying:
        _bound_retry(run.steps[path], run.at)


def _bound_retry(step: Step, at: float) -> None:
    """A retry never waits longer than it was to, though the clock may have been set back since."""
    if step.retry_at is not None:
        step.retry_at = min(step.retry_at, at + step.retry_wait)


def _forget_the_pause(run: RunState) -> None:
    run.active -= run.last_interval
    run.last_interval = 0.0


def _run_forked(run: RunState, event: RunForked) -> None:
    run.status = "running"
    run.reason = ""
    run.epoch = 1
    if event.definition != run.definition or "max_cost_usd" in event.options:
        reopen(run)
    run.definition = event.definition
    run.overrides = {**run.overrides, **event.options}
    run.left = {}  # what the past has left running is its own
    run.keys = event.keys
    _forget_the_pause(run)
    rewind(run, event)
    run.run_on()


def _end_left(run: RunState) -> None:
    """What steps left running is ended with the run, or its pause; a resumption does not start it again."""
    run.left = {step: [{**process, "ended": True} for process in left] for step, left in run.left.items()}


def _run_ended(run: RunState, event: RunEnded) -> None:
    run.status = event.status
    _end_left(run)
    run.outputs = event.outputs
    run.error = event.error
    root = run.steps.get(ROOT)
    run.final = None if root is None or root.invocation is None else root.invocation.state
    run.steps.clear()
    run.frames.clear()
    for places in (run.ready, run.queued, run.lines, run.running, run.retrying, run.waiting, run.homes, run.timed):
        places.clear()


def _frame_opened(run: RunState, event: FrameOpened) -> None:
    owner = run.steps[event.owner]
    frame = shared_frame(run, owner, event) if event.shared else branch_frame(run, owner, event)
    run.frames[event.frame] = frame
    run.ready[event.frame] = None
    owner.open[event.key] = event.frame


def _frame_ended(run: RunState, event: FrameEnded) -> None:
    frame = run.frames.pop(event.frame)
    run.ready.pop(event.frame, None)
    owner = run.steps[frame.owner]
    if frame.key == "rescue" and owner.invocation is not None:
        owner.invocation.nodes = frame.nodes
    del owner.open[frame.key]
    writes = {} if owner.interrupted else frame.writes or {}  # what a check writes ends with it
    child = Child(event.status, None, event.error, writes, None, event.by, event.handled)
    if child.counts:
        child.output = frame.output
        child.final = frame.state if frame.writes is not None and not owner.interrupted else None
    if child.final is not None and frame.follows:
        owner.children[frame.follows].final = None
    _settle_child(run, owner, frame.key, child)


def _branch_passed(run: RunState, event: BranchPassed) -> None:
    _settle_child(run, run.steps[event.owner], event.key, Child(event.status, error=event.error, by=event.by))


def _settle_child(run: RunState, owner: Step, key: str, child: Child) -> None:
    owner.children[key] = child
    if child.by == TIMED_OUT:
        run.hold(owner)
    counted_as = HANDLED if child.handled else child.status
    owner.tally[counted_as] = owner.tally.get(counted_as, 0) + 1


def _step_started(run: RunState, event: StepStarted) -> None:
    step = Step(
        event.step,
        event.node,
        event.verb,
        event.frame,
        event.owner,
        event.key,
        event.visit,
        attempt=event.attempt,
        agent=event.agent,
        memory=_own(event.memory),
        counted=run.counted,
        composite=event.is_composite,
        branches=branches_of(event.branches, event.memory),
        approved=event.approved,
    )
    run.steps[event.step] = step
    _enter(run, step, event.scope)
    if event.frame is not None:
        frame = run.frames[event.frame]
        step.home = frame.home
        step.body = frame.body
        _arrive(run, frame, event.node, event.visit)
        frame.nodes[event.node] = arrived(frame.nodes, event.node, "running", event.visit)
    else:
        place_below(run, run.steps[event.owner], step)
    run.time(step, event.due)
    if not step.composite:
        _begin(run, step, event.attempt, again=False)


def _own(memory: dict[str, Json]) -> dict[str, Json]:
    """A composite's memory as its state holds it: lists in it may grow, those of the event do not."""
    return {key: [*value] if isinstance(value, list) else value for key, value in memory.items()}


def _step_remembered(run: RunState, event: StepRemembered) -> None:
    memory = run.steps[event.step].memory
    memory.update(_own(event.memory))
    for key, more in event.added.items():
        memory.setdefault(key, []).extend(more)


def _enter(run: RunState, step: Step, scope: Scope | None) -> None:
    if scope is not None:
        run.homes[step.path] = None
        step.invocation = Invocation(scope.inputs, State(scope.state), scope.workflow, active_since=run.active)


def _arrive(run: RunState, frame: Frame, node: str, visit: int) -> None:
    run.ready.pop(frame.path, None)
    frame.at = node
    frame.visits[node] = visit
    run.count_steps(frame, 1)


def _begin(run: RunState, step: Step, attempt: int, *, again: bool) -> None:
    step.attempt = attempt
    step.retry_at = None
    step.interrupted = False
    run.start(step, at_once=attempt > 0)
    if step.waiting is not None:
        wait_no_more(run, step)
    if not attempt:
        step.queued_at = run.at
        return
    mock = run.options.get("mock")
    if mock is not None and not again:
        step.cue = next_cue(cue_keys_of(step), mock["replies"], run.replies)
        if step.cue is not None:
            run.replies[step.cue.key] = step.cue.number + 1


def _step_waiting(run: RunState, event: StepWaiting) -> None:
    step = run.steps[event.step]
    if event.kind in UNANSWERED or event.kind == "budget":
        if event.kind in UNANSWERED:
            settle(run, step, None, failed=True)
        if event.kind in UNANSWERED and step.cue is not None:  # what was not there was not given
            run.replies[step.cue.key] -= 1
        run.halt(step)
        step.retry_at = None
    if event.kind == "turn":
        join_line(run, step, event.line)
    step.waiting = event
    run.waiting[event.step] = None
    if step.frame is not None:
        run.frames[step.frame].nodes[step.node]["status"] = "waiting"


def _attempt_started(run: RunState, event: AttemptStarted) -> None:
    step = run.steps[event.step]
    if step.composite:
        run.begin_anew(step)
        step.attempt, step.retry_at = event.attempt, None
        step.memory = _own(event.memory)
        run.time(step, event.due)
        step.branches = branches_of(event.branches, event.memory)
        _enter(run, step, event.scope)
        return
    _begin(run, step, event.attempt, again=event.again)
    run.begin_anew(step)
    if event.paced or step.paced:  # what a crash cut off is asked again at once, and counts once more
        begin_call(run, step, event.paced or step.paced, event.tokens)
    reserve(run, step, event.reserves)


def _attempt_failed(run: RunState, event: AttemptFailed) -> None:
    step = run.steps[event.step]
    settle_pace(run, step, event.usage, is_known=True)
    settle(run, step, event.usage, failed=True)
    if event.usage is not None:
        step.used = event.usage.after(step.used)
    run.halt(step)
    run.homes.pop(event.step, None)
    run.time(step, None)
    run.postpone(step)
    step.attempt = event.attempt
    step.failures += 1
    step.retry_at = event.retry_at
    step.retry_wait = event.retry_at - run.at
    step.waiting = step.invocation = None
    step.children = {}
    step.memory = {}
    step.tally = {}


def _step_ended(run: RunState, event: StepEnded) -> None:
    step = run.steps.get(event.step)
    settle(run, step, event.usage, failed=event.status == "failed")
    if step is not None:
        settle_pace(run, step, event.usage, is_known=event.status == "failed")
        run.halt(step)
        if not event.leave:
            run.hold(step)
            run.steps.pop(event.step, None)
            run.homes.pop(event.step, None)
    run.note_answer(event.step, by_nobody=event.unanswered)
    if event.left:
        run.note_left(event.step, msgspec.to_builtins(event.left))
    if event.frame is None:
        if step is not None and step.owner in run.steps and step.path != ROOT:
            owner = run.steps[step.owner]
            owner.open.pop(step.key, None)
            child = Child(event.status, event.output, event.error, approves=answered(run, step, event))
            _settle_child(run, owner, step.key, child)
        return
    _move(run, run.frames[event.frame], step, event)


def _move(run: RunState, frame: Frame, step: Step | None, event: StepEnded) -> None:
    if step is None:
        _arrive(run, frame, event.node, event.visit)
    elif event.leave:
        base = copy.copy(frame)
        base.state = frame.state.branch()
        base.nodes = Nodes(frame.nodes.items(), frame.nodes.outer, frame.nodes.body)
        run.detach(step, base)
        run.home(frame).strays[step.path] = None
    frame.nodes[event.node] = ended(step, event.status, event.visit, event.output, event.error)
    frame.output = event.output
    if step is not None:
        for writes in contributions(step.children[key] for key in event.merge).values():
            _contribute(frame, writes)
    for key, default in event.reset:
        frame.state.reset(key, default)
    for write in event.writes:
        _contribute(frame, [write])
    frame.at = event.next
    if event.next is not None:
        run.ready[frame.path] = None


def _step_closed(run: RunState, event: StepClosed) -> None:
    step = run.steps.pop(event.step)
    run.homes.pop(event.step, None)
    home = run.steps[step.home].invocation
    assert home is not None, "strays belong to a workflow"
    home.strays.pop(event.step, None)


def _contribute(frame: Frame, writes: list[Write]) -> None:
    key, how = writes[0].key, writes[0].how
    contribute(frame.state, key, how, [write.value for write in writes])
    if frame.writes is not None:
        log = frame.writes.setdefault(key, [])
        if how == "set":
            log.clear()
        log.extend(writes)


FOLD: dict[type[Event], Callable[[RunState, Any], None]] = {
    RunStarted: _run_started,
    RunForked: _run_forked,
    RunPaused: _run_paused,
    RunResumed: _run_resumed,
    RunEnded: _run_ended,
    FrameOpened: _frame_opened,
    FrameEnded: _frame_ended,
    BranchPassed: _branch_passed,
    StepStarted: _step_started,
    StepRemembered: _step_remembered,
    StepWaiting: _step_waiting,
    AttemptStarted: _attempt_started,
    AttemptFailed: _attempt_failed,
    StepEnded: _step_ended,
    StepInterrupted: interrupted,
    StepChecked: checked,
    StepClosed: _step_closed,
}
