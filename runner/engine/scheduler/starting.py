"""What may start: arrived frames, queued attempts, retries that are due; never more attempts than the limit."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any, assert_never

import msgspec

from runner.engine.scheduler.aftermath import Arrival, arrival_of
from runner.engine.scheduler.budgets import ANEW, CUT_OFF, Exceeds, Fits, judge
from runner.engine.scheduler.ending import complete, end_body, end_call, end_workflow, fail, skip
from runner.engine.scheduler.live import Live
from runner.engine.scheduler.pacing import Turn, heads, turn_of, waiting_for_turn
from runner.engine.scheduler.reopening import call_of
from runner.engine.scheduler.settling import settle_all, spawn, waiting_for
from runner.engine.scheduler.steps_due import out_of_steps, steps_due
from runner.engine.scheduler.view import Standpoint, StepView
from runner.ground.errors import Failure
from runner.ground.json_value import Json
from runner.ground.plain import counted
from runner.nodes import KINDS
from runner.nodes.composites.workflow import BODY
from runner.nodes.contract import Ask, Branch, Done, End, Enter, Failed, Memory, Opened, Perform, Spawn, StepFailed
from runner.record.events import AttemptStarted, StepStarted, StepWaiting
from runner.record.node_records import arrived
from runner.record.run_state import Frame, Step
from runner.workflow.model import Node
from runner.world.calls import AnyCall

MOST_AT_ONCE = 512
"""Frames that go on in one commit, so that a commit's size has a bound, however many branches are ready."""

_AT_ONCE = (Done, Failed, End)
"""The answers that end a step without its having been open."""


def pump(live: Live) -> None:
    """Start whatever may start now.

    A step is one commit: a frame whose step has ended in this one may still start a step that does not end at once.
    Those that find no room in this commit go on in the next.
    """
    state = live.state
    if state.retrying:
        _open_due(live)
    _start_waiting(live)
    settled: set[str] = set()
    room = MOST_AT_ONCE
    while going_on := tuple(islice((path for path in state.ready if path not in settled), room)):
        room -= len(going_on)
        for path in going_on:
            if path in state.ready:
                _consider(live, state.frames[path], settled)
                settle_all(live)
    _start_waiting(live)


def _consider(live: Live, frame: Frame, settled: set[str]) -> None:
    body = live.body(frame)
    node = body.nodes[frame.at or body.start]
    if frame.path in live.moved:
        settled.add(frame.path)
        if KINDS[node.verb].instant or node.condition is not None:
            return
    _start(live, frame, node)


def _open_due(live: Live) -> None:
    """Begin composites anew whose time has come; one that fails as it begins may cut off others."""
    for path in tuple(live.state.retrying):
        step = live.state.steps.get(path)
        if step is not None and step.composite and _is_due(live, step):
            live.forget(path)
            _open(live, arrival_of(live, step), step)
            settle_all(live)


def _start_waiting(live: Live) -> None:
    """Start attempts that wait for room, first ones and others, in the order in which they came to wait."""
    state = live.state
    if not (state.queued or state.retrying or state.waiting or state.lines):
        return
    again, passed = _due_again(live), set[str]()
    while len(state.running) < live.most and len(passed) < MOST_AT_ONCE:
        able = [step for step in _candidates(live, again, passed) if step is not None]
        if not able:
            return
        _start_attempt(live, min(able, key=lambda step: step.retry_at or step.queued_at), passed)


def _candidates(live: Live, again: list[Step], passed: set[str]) -> Iterator[Step | None]:
    """The first attempt, the further one and the call in its turn that have waited longest and have room."""
    state = live.state
    queued = (state.steps[path] for path in state.queued if path not in passed)
    yield next((step for step in queued if _has_room(live, step)), None)
    yield next((step for step in again if _waits_on(live, step, passed) and _has_room(live, step)), None)
    yield _first_in_turn(live, passed)


def _first_in_turn(live: Live, passed: set[str]) -> Step | None:
    """Of the calls that waited for their turn, the first whose turn it is and that has room."""
    able = (step for step in heads(live, passed) if _has_room(live, step))
    in_turn = [step for step in able if not turn_of(live, step, call_of(live, step), passed).wait]
    return min(in_turn, key=lambda step: step.queued_at, default=None)


def _due_again(live: Live) -> list[Step]:
    """What waits for another attempt, and for whose budget; the earliest first."""
    state = live.state
    due = [step for path in state.retrying if not (step := state.steps[path]).composite and _is_due(live, step)]
    unpaid = [step for path in state.waiting if (step := state.steps[path]).waiting and step.waiting.kind == "budget"]
    return sorted([*unpaid, *due], key=lambda step: step.retry_at or 0.0)


def _waits_on(live: Live, step: Step, passed: set[str]) -> bool:
    """Whether a step still waits: it may have been cut off meanwhile, or wait for its turn."""
    is_unpaid = step.path in live.state.waiting and step.waiting is not None and step.waiting.kind == "budget"
    waits = is_unpaid or step.path in live.state.retrying
    return waits and step.path not in passed and live.state.steps[step.path] is step


def _start_attempt(live: Live, step: Step, passed: set[str]) -> None:
    """Start an attempt that has room, if it is its turn and it is paid for.

    One that can't be paid now is `passed` over, and has no turn then: those behind it may start before it.
    """
    call = call_of(live, step) if step.agent else None
    turn = Turn() if call is None else turn_of(live, step, call, passed)
    if turn.wait:
        live.emit(waiting_for_turn(step, turn))
        return
    verdict = Fits() if call is None else judge(live, step, call)
    if isinstance(verdict, Fits):
        again, paid = step.interrupted or _was_cut_off(step), verdict.reserves
        live.emit(
            AttemptStarted(
                step.path, step.attempt + 1, again=again, reserves=paid, paced=turn.model, tokens=turn.tokens
            )
        )
        return
    passed.add(step.path)
    if isinstance(verdict, Exceeds):
        _refuse_unpaid(live, step, verdict)


def _refuse_unpaid(live: Live, step: Step, verdict: Exceeds) -> None:
    """A call will never fit: let it wait for a larger budget, or fail."""
    if not verdict.pauses:
        if live.events and not live.row_ends:  # a retry begins after what this commit has taken in, and paid
            live.row_ends.append(len(live.events))
        end_call(live, step, "failed", Done(), verdict.failure.as_error(step.path, max(1, step.attempt)))
        settle_all(live)
    elif step.waiting is None or step.waiting.kind == "turn" or step.waiting.prompt in (CUT_OFF, ANEW):
        words = verdict.failure.message
        live.emit(StepWaiting(step.path, "budget", prompt=words, raised_by_option=verdict.by_option))


def _was_cut_off(step: Step) -> bool:
    """Whether a call waits for its budget since a crash cut off its attempt."""
    return step.waiting is not None and (step.reserved is not None or step.waiting.prompt == CUT_OFF)


def _is_due(live: Live, step: Step) -> bool:
    return step.retry_at is not None and step.retry_at <= live.state.at


def _has_room(live: Live, place: Frame | Step) -> bool:
    """Whether one more attempt may run in each of the workflows that a place stands in, and in this process."""
    return len(live.state.running) < live.most and all(
        home.invocation is None or home.invocation.running < live.callee(home).limits.max_concurrency
        for home in live.state.homes_of(place)
    )


def _start(live: Live, frame: Frame, node: Node) -> None:
    visit = frame.visits.get(node.id, 0) + 1
    at = Arrival(frame, node, visit, live.step_path(frame, node.id, visit))
    if _over_limits(live, at):
        return
    try:
        if node.condition is not None and not StepView(live, Standpoint(frame, visit), at.step, None).holds(
            node.condition
        ):
            skip(live, at)
            return
    except StepFailed as error:
        fail(live, at, Failed(error.failure), final=True)
        return
    _open(live, at, None)


def _over_limits(live: Live, at: Arrival) -> bool:
    if (out := out_of_steps(live, at.frame)) is not None:
        home, failure = out
        end_body(live, home, failure.as_error(at.step, 1), "")
        return True
    if at.node.max_visits is not None and at.visit > at.node.max_visits:
        words = f"'{at.node.id}' was arrived at {at.visit} times; max_visits is {at.node.max_visits}"
        fail(live, at, Failed(Failure("loop_limit", words)), final=True)
        return True
    return False


def _open(live: Live, at: Arrival, step: Step | None) -> None:
    """Ask the kind to open the step, and do what it answers."""
    record = partial(arrived, at.frame.nodes, at.node.id, "running", at.visit) if step is None else None
    view = StepView(live, Standpoint(at.frame, at.visit, at.node.id, record), at.step, step)
    try:
        opened: Opened = KINDS[at.node.verb].open(at.node, view)
        due = _deadline(live, at, view)
    except StepFailed as error:
        fail(live, at, Failed(error.failure, error.output), final=True)
        return
    if not isinstance(opened, _AT_ONCE):
        if (home := _too_small_for(live, at, opened, step)) is not None:
            end_body(live, home[0], home[1].as_error(at.step, 1), "")
            return
        live.emit(_started(live, at, opened, due) if step is None else _started_anew(step, opened, due))
    _take_opened(live, at, opened)


def _too_small_for(live: Live, at: Arrival, opened: Opened, step: Step | None) -> tuple[Step, Failure] | None:
    """The workflow whose limit of steps does not hold a list that is about to be gone through, and why it fails."""
    if not isinstance(opened, Spawn) or not isinstance(opened.branches, int):
        return None
    needed, own = live.step_counts(at.frame).of_items(at.node, opened.branches), int(step is None)
    for home, due in steps_due(live, at, needed, own) if needed else ():
        taken = home.invocation.steps if home.invocation is not None else 0
        allowed = live.callee(home).limits.max_steps
        if taken + due > allowed:
            words = f"'{at.node.id}' can't go through {opened.branches} items within max_steps {allowed}"
            needs = f"after {counted(taken, 'step')} they need {needed} more at least"
            others = f", and what is beside and after them {more}" if (more := due - needed - own) else ""
            hint = f"set limits: {{max_steps: {taken + due}}} or more"
            details: dict[str, Json] = {"items": opened.branches, "max_steps": taken + due}
            return home, Failure("step_limit", f"{words}; {needs}{others}: {hint}", details)
    return None


def _deadline(live: Live, at: Arrival, view: StepView) -> float | None:
    """When the time of a step is up, if its kind has its `timeout` bound the whole of it."""
    seconds = None if at.node.timeout is None else view.seconds(at.node.timeout)
    return live.state.at + seconds if seconds is not None and KINDS[at.node.verb].timed_as_whole else None


def _take_opened(live: Live, at: Arrival, opened: Opened) -> None:
    match opened:
        case Done():
            complete(live, at, opened)
        case Failed():
            fail(live, at, opened)
        case End():
            end_workflow(live, at, opened)
        case Perform():
            live.calls[at.step] = opened.call
        case Spawn():
            spawn(live, live.state.steps[at.step], opened)
        case Enter():
            spawn(live, live.state.steps[at.step], Spawn((Branch(BODY, BODY, shared=True),)))
        case Ask():
            live.emit(waiting_for(at.step, opened))
        case _:
            assert_never(opened)


def _begun_with(opened: Spawn | Enter | Ask) -> dict[str, Any]:
    """What is recorded as a composite begins: what it keeps, the branches that it may have, a workflow's scope."""
    match opened:
        case Spawn():
            memory = opened.memory or Memory()
            return {"memory": {**memory.values, **memory.added}, "branches": opened.branches}
        case Enter():
            return {"scope": opened.scope}
        case Ask():
            return {}
        case _:
            assert_never(opened)


def _started_anew(step: Step, opened: Perform | Spawn | Enter | Ask, due: float | None) -> AttemptStarted:
    assert not isinstance(opened, Perform), "what began as a composite begins anew as one"
    return AttemptStarted(step.path, step.attempt + 1, due=due, **_begun_with(opened))


def _started(live: Live, at: Arrival, opened: Perform | Spawn | Enter | Ask, due: float | None) -> StepStarted:
    details: dict[str, Any]
    if isinstance(opened, Perform):
        details = {
            "attempt": int(_has_room(live, at.frame)),
            "input_hash": input_hash(opened.call, live.on_paper),
            "request": dict(opened.request),
        }
    else:
        details = {"attempt": 1, "composite": True, **_begun_with(opened)}
    return StepStarted(
        step=at.step, node=at.node.id, verb=at.node.verb, frame=at.frame.path, visit=at.visit, due=due, **details
    )


def input_hash(call: AnyCall, on_paper: Callable[[Json], Json]) -> str:
    """What a call was given, in short: the first 16 hex digits of the SHA-256 of its JSON as it would be recorded."""
    written = on_paper(msgspec.to_builtins(call))
    return hashlib.sha256(msgspec.json.encode(written, order="sorted")).hexdigest()[:16]
