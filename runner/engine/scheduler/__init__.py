"""What may start, must stop, is joined: a pure function of a run's state and one more happening. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import msgspec

from runner.engine.scheduler.aftermath import arrival_of
from runner.engine.scheduler.budgets import ANEW, Fits, judge
from runner.engine.scheduler.crashes import begin_again, take_choice, take_up
from runner.engine.scheduler.due_times import attempt_timeout, due_time, time_left
from runner.engine.scheduler.ending import complete, end_body, end_call, fail, fail_call
from runner.engine.scheduler.happenings import (
    Answered,
    AttemptEnded,
    CancelRequested,
    Happening,
    Signalled,
    TakenUp,
    TimeReached,
    TimeSpent,
)
from runner.engine.scheduler.live import Live
from runner.engine.scheduler.pacing import next_turn
from runner.engine.scheduler.reopening import call_of
from runner.engine.scheduler.seals import seal
from runner.engine.scheduler.settling import settle_again, settle_all, take
from runner.engine.scheduler.starting import pump
from runner.engine.scheduler.view import StepView, time_limit
from runner.ground.errors import Failure
from runner.nodes.composites.workflow import BODY
from runner.nodes.contract import Done, Failed, Spawn, Stay, StepFailed, Woke, Woken
from runner.record.address import ROOT
from runner.record.approvals import approvals_of
from runner.record.events import (
    TIMED_OUT,
    UNANSWERED,
    AnyEvent,
    AttemptStarted,
    FrameOpened,
    RunForked,
    RunPaused,
    RunResumed,
    RunStarted,
    StepWaiting,
)
from runner.record.run_state import Step
from runner.world.calls import CallDone, NoReply

__all__ = [
    "Decision",
    "Happening",
    "Live",
    "advance",
    "attempt_timeout",
    "call_of",
    "due_time",
    "next_turn",
    "seal",
    "time_left",
    "time_limit",
]


class Decision(msgspec.Struct, frozen=True):
    """The events of one commit, folded in already; the steps whose attempts must stop; the signals that were taken.

    `row_ends` are the numbers of events after which a commit ends early: a run may be gone on with from there.
    """

    events: tuple[AnyEvent, ...]
    stop: tuple[str, ...]
    taken: tuple[int, ...] = ()
    row_ends: tuple[int, ...] = ()

    @property
    def rows(self) -> list[tuple[AnyEvent, ...]]:
        """The events of each commit."""
        if not self.row_ends:
            return [self.events] if self.events else []
        bounds = [0, *self.row_ends, len(self.events)]
        return [self.events[start:end] for start, end in pairwise(bounds) if start < end]


def advance(live: Live, happenings: Iterable[Happening], at: float, *, draining: bool = False) -> Decision:
    """Take what happened, in order, at time `at` (epoch s); frames that are ready go on, unless with `draining`."""
    live.events, live.stopped, live.moved, live.taken, live.row_ends = [], [], set(), [], []
    times = live.state.times
    live.state.tick(at)
    for happening in happenings:
        if not live.state.ended:
            HAPPENS[type(happening)](live, happening)
            settle_all(live)
    if not draining and live.state.status == "running":
        pump(live)
    if not live.events:
        live.state.times = times
    return Decision(tuple(live.events), tuple(live.stopped), tuple(live.taken), tuple(live.row_ends))


def _begin(live: Live, started: RunStarted) -> None:
    live.emit(started)
    live.emit(FrameOpened("", ROOT, BODY, live.workflow.body.key, shared=True))


def _fork(live: Live, forked: RunForked) -> None:
    owners = _owners_of_approvals(live)
    live.emit(forked)
    _open_again(live, owners)
    for path in tuple(live.state.running):
        settle_all(live)
        if (step := live.state.steps.get(path)) is None:
            continue
        if path in forked.keys and path not in forked.anew:
            take_up(live, step)
        else:
            begin_again(live, step, again=path not in forked.anew)
    _ask_again(live)
    settle_again(live)


def _resume(live: Live, resumed: RunResumed) -> None:
    owners = _owners_of_approvals(live) if resumed.definition not in ("", live.state.definition) else []
    live.emit(resumed)
    _open_again(live, owners)


def _owners_of_approvals(live: Live) -> list[str]:
    return list(dict.fromkeys(step.owner for step in approvals_of(live.state)))


def _open_again(live: Live, owners: list[str]) -> None:
    """Let composites whose approvals count no more ask for them anew."""
    for step in [live.state.steps[path] for path in owners if path in live.state.steps]:
        opened = live.kind(step).open(live.node(step), StepView.as_begun(live, step))
        assert isinstance(opened, Spawn), "what waits for approvals opens children"
        take(live, step, opened)


def _ask_again(live: Live) -> None:
    """Start what had no scripted or recorded reply as the same attempt, which used none up: there may be one now."""
    for step in [live.state.steps[path] for path in live.state.waiting]:
        if step.waiting is None or step.waiting.kind not in UNANSWERED:
            continue
        verdict = judge(live, step, call_of(live, step)) if step.agent else Fits()
        if isinstance(verdict, Fits):
            live.emit(AttemptStarted(step.path, step.attempt, reserves=verdict.reserves))
        else:
            live.emit(StepWaiting(step.path, "budget", prompt=ANEW))


def _attempt_ended(live: Live, happening: AttemptEnded) -> None:
    step = live.state.steps.get(happening.step)
    if step is None or happening.step not in live.state.running or step.attempt != happening.attempt:
        return
    outcome = happening.outcome
    if isinstance(outcome, NoReply):
        live.emit(StepWaiting(step.path, outcome.kind, prompt=outcome.message))
        return
    if not isinstance(outcome, CallDone):
        _fail_attempt(live, step, Failed(outcome.failure, outcome.output, usage=outcome.usage))
        return
    done = Done(outcome.output, usage=outcome.usage, left=outcome.left)
    if step.frame is None:
        end_call(live, step, "completed", done, None)
    else:
        complete(live, arrival_of(live, step), done)


def _fail_attempt(live: Live, step: Step, failed: Failed) -> None:
    if step.frame is None:
        fail_call(live, step, failed)
    else:
        fail(live, arrival_of(live, step), failed)


def _answered(live: Live, happening: Answered) -> None:
    _wake(live, happening.step, Woken("answer", happening.value))


def _signalled(live: Live, happening: Signalled) -> None:
    """Give a signal to the first wait for it that takes it: what waits longest comes first."""
    for path in tuple(live.state.waiting):
        waiting = live.state.steps[path].waiting
        is_awaited = waiting is not None and happening.name in waiting.signals.values()
        if is_awaited and _wake(live, path, Woken("signal", happening.data, happening.name)):
            live.taken.append(happening.message)
            return


def _wake(live: Live, path: str, woken: Woken) -> bool:
    """Wake a waiting step; whether it was what it waited for."""
    step = live.state.steps.get(path)
    if step is None or step.waiting is None:
        return False
    if step.interrupted:
        take_choice(live, step, woken.value)
        return True
    if step.frame is None:
        _end_question(live, step, step.waiting, woken)
        return True
    answer: Woke
    try:
        answer = live.kind(step).wake(live.node(step), StepView.of(live, step), woken)
    except StepFailed as error:
        answer = Failed(error.failure)
    take(live, step, answer)
    return not isinstance(answer, Stay)


def _end_question(live: Live, step: Step, waiting: StepWaiting, woken: Woken) -> None:
    """A composite's question has its answer, or none came in time: the composite settles."""
    if woken.by != "time" or waiting.kind == "timer":
        end_call(live, step, "completed", Done(woken.value), None)
        return
    failure = (
        Failure("human_timeout", "nobody answered in time")
        if waiting.kind == "person"
        else Failure("signal_timeout", "no signal came in time")
    )
    end_call(live, step, "failed", Done(), failure.as_error(step.path, step.attempt))


def _time_reached(live: Live, happening: TimeReached) -> None:
    for path in happening.steps:
        settle_all(live)
        step = live.state.steps.get(path)
        if step is None:
            continue
        if step.due is not None and step.due <= live.state.at:
            _out_of_time(live, step)
        elif step.waiting is not None and step.waiting.until is not None and step.waiting.until <= live.state.at:
            _wake(live, path, Woken("time"))


def _out_of_time(live: Live, step: Step) -> None:
    failure = Failure("timeout", f"'{step.node}' did not end in time")
    if step.invocation is None:
        fail(live, arrival_of(live, step), Failed(failure))
    else:
        end_body(live, step, failure.as_error(step.path, step.attempt), TIMED_OUT)


def _time_spent(live: Live, happening: TimeSpent) -> None:
    if dict(time_left(live, live.state.at)).get(happening.home, 1) > 0:
        return  # what came before in the same commit has ended it
    error = Failure("timeout", "the workflow ran longer than limits.timeout allows").as_error(happening.home, 1)
    end_body(live, live.state.steps[happening.home], error, "")


def _cancel(live: Live, happening: CancelRequested) -> None:
    error = Failure("cancelled", happening.reason).as_error(ROOT, 1)
    end_body(live, live.state.steps[ROOT], error, "cancel")


def _take_up(live: Live, _happening: TakenUp) -> None:
    for path in tuple(live.state.running):
        settle_all(live)
        if (step := live.state.steps.get(path)) is not None:
            take_up(live, step)
    _ask_again(live)
    settle_again(live)


HAPPENS: dict[type, Callable[[Live, Any], None]] = {
    RunStarted: _begin,
    RunForked: _fork,
    RunResumed: _resume,
    RunPaused: Live.emit,
    AttemptEnded: _attempt_ended,
    Answered: _answered,
    Signalled: _signalled,
    TimeReached: _time_reached,
    TimeSpent: _time_spent,
    CancelRequested: _cancel,
    TakenUp: _take_up,
}
