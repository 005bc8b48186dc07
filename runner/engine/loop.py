"""Schedule, record, carry out, until nothing is left: the one loop that drives a run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain

from runner.engine.attempts import Attempts
from runner.engine.executor import Executor
from runner.engine.inbox import POLL, Inbox
from runner.engine.questions import Questions
from runner.engine.recorder import Recorder
from runner.engine.scheduler import Decision, Live, advance
from runner.engine.scheduler.happenings import CancelRequested, First, Happening, Signalled, TakenUp
from runner.engine.stop import Stop
from runner.engine.surroundings import Surroundings
from runner.engine.timers import Timers
from runner.ground.errors import StoreError, UsageError
from runner.nodes import KINDS
from runner.record.events import (
    AttemptFailed,
    AttemptStarted,
    Commit,
    RunPaused,
    RunResumed,
    StepEnded,
    StepStarted,
    StepWaiting,
)
from runner.record.store.contract import Message

BREATH = 4
"""Turns of the loop, of at most `TOGETHER` commits each, between two moments given to others while nothing waits."""

TOGETHER = 16
"""Steps in a row that only set and route, and are recorded by one COMMIT: a crash has them decided again."""

LEFT_GRACE = 2.0
"""Seconds that what completed steps left running has to end by itself, once the run ends or pauses."""

_FOLLOWED = (StepStarted, AttemptStarted, AttemptFailed, StepWaiting)
"""The events of steps that the engine then has an attempt or a time to see to."""


class Engine:
    """Drives one run in this process until it ends, pauses, or is stopped."""

    def __init__(self, live: Live, recorder: Recorder, executor: Executor, around: Surroundings) -> None:
        self._live = live
        self._recorder = recorder
        self._around = around
        self._secrets = executor.secrets
        self._stop = Stop(around.clock, around.grace)
        self._inbox = Inbox(recorder, live.state, around.clock.now())
        self._timers = Timers(live, around.clock)
        self._attempts = Attempts(live, executor, recorder, self._inbox)
        self._questions = Questions(live.state, around.audience, executor.secrets, self._inbox)

    @property
    def refused(self) -> UsageError | None:
        """Why an answer that was given beforehand was refused; the run is paused then."""
        return self._questions.refused

    async def drive(self, first: First) -> None:
        """Take `first`, then whatever happens, until the run has ended or is paused. Raises StoreError."""
        try:
            await self._attempts.prepare()
            await self._loop(first)
            if self._live.state.ended:
                self._read_the_rest()
        finally:
            await self._let_go()

    def stop(self, why: str = "interrupted") -> None:
        """Ask the run to stop: gracefully the first time, at once the second."""
        self._stop.ask(why)
        if self._stop.at_once:
            self._attempts.hurry()
        self._inbox.wake()

    async def _loop(self, first: First) -> None:
        turns = 0
        goes_on = self._take([first, *self._taken_up()] if isinstance(first, RunResumed) else [first])
        self._timers.set_all()  # only now: a fork moves the times that its past waits for
        while goes_on:
            turns += 1
            if turns % BREATH == 0:
                await asyncio.sleep(0)
            happened = self._happened()
            goes_on = self._take(await self._wait() if happened is None else happened)

    def _taken_up(self) -> list[Happening]:
        """What follows a resumption: a cancel that was sent meanwhile comes before all that would begin again."""
        cancel = self._inbox.cancel()
        return [*(self._read(cancel) if cancel is not None else ()), TakenUp()]

    def _take(self, happenings: Iterable[Happening]) -> bool:
        """Decide what follows from what happened, record it, carry it out, tell it; whether the run goes on."""
        state, together = self._live.state, list[Commit]()
        for decision in self._decide(happenings):
            if not decision.events:
                continue
            commits = self._recorder.commits_of(map(self._attempts.told, decision.rows), state)
            if _only_sets_and_routes(decision):
                together += commits
                continue
            if together:
                self._record(together)
                together = []
            for commit in commits:
                self._recorder.record([commit], state, decision.taken)
            self._carry_out(decision)
            self._tell(commits)
        if together:
            self._record(together)
        return state.status == "running"

    def _decide(self, happenings: Iterable[Happening]) -> Iterator[Decision]:
        """What follows from what happened, and from nothing but the steps that follow at once and touch nothing."""
        at = self._around.clock.now()
        decision = advance(self._live, happenings, at, draining=self._stop.asked)
        yield decision
        for _ in range(TOGETHER - 1):
            if not (_only_sets_and_routes(decision) and self._can_go_on()):
                return
            decision = advance(self._live, (), at)
            yield decision

    def _record(self, commits: list[Commit]) -> None:
        self._recorder.record(commits, self._live.state)
        self._tell(commits)

    def _tell(self, commits: list[Commit]) -> None:
        for commit in commits:
            for listener in self._around.audience.listeners:
                listener.heard(commit, self._live.state)

    def _carry_out(self, decision: Decision) -> None:
        for path in decision.stop:
            self._attempts.end(path)
        for event in decision.events:
            if isinstance(event, _FOLLOWED):
                self._follow(event)

    def _follow(self, event: StepStarted | AttemptStarted | AttemptFailed | StepWaiting) -> None:
        state = self._live.state
        step = state.steps.get(event.step)
        if step is None:
            return
        if isinstance(event, StepStarted | AttemptStarted) and event.step in state.running and event.attempt:
            self._attempts.launch(step)
        if isinstance(event, StepWaiting):
            self._inbox.look_soon()
        self._timers.set(step)

    def _happened(self) -> Iterable[Happening] | None:
        """What has happened by now; None when there is nothing to do but wait.

        What comes due later than this moment waits for the next: it is decided as of now what follows.
        """
        moment, now = self._recorder.beat(), self._around.clock.now()
        self._attempts.tidy()
        come = self._come(moment, now)
        reports = self._inbox.reports()
        if reports:
            return chain(self._attempts.sort_out(reports, stopping=self._stop.asked), come)
        first = next(come, None)
        if first is not None:
            return [first]
        return () if self._can_go_on() else None

    def _come(self, moment: float, now: float) -> Iterator[Happening]:
        """What comes next of what others sent and of the times that are reached by `now`: the earlier first.

        Each is found once all that comes before it has been taken: only then it is known who waits for it.
        """
        due = self._timers.first_reached(now)
        while (message := self._inbox.next_message(moment, due)) is not None:
            if happenings := self._read(message):
                yield from happenings
                return
        if due is not None:
            yield from self._timers.reached(due)

    def _read(self, message: Message) -> list[Happening]:
        """What a message of another process leads to, as the run stands: each is taken before the next is read."""
        match message.kind:
            case "answer":
                return self._questions.answer(message.target, message.value)
            case "signal":
                return [Signalled(message.id, message.target, self._secrets.mask(message.value))]
            case "cancel":
                return [CancelRequested(str(self._secrets.mask(message.value) or "cancelled from outside"))]
            case "pause":
                self.stop("asked")
                return []

    def _read_the_rest(self) -> None:
        """Turn to the answers that were sent as the run ended: their steps are gone, and people are told so."""
        with suppress(StoreError):  # the end itself is recorded
            for message in self._recorder.messages():
                if message.kind == "answer":
                    self._read(message)

    def _can_go_on(self) -> bool:
        state = self._live.state
        return not self._stop.asked and (bool(state.ready) or (bool(state.queued) and not state.running))

    async def _wait(self) -> Iterable[Happening]:
        """Wait until something happens, or pause the run when nothing will by itself."""
        if answers := self._questions.answer_beforehand():
            return answers
        if self.refused is not None and not self._stop.asked:
            self._stop.ask("waiting")
        if not self._stop.asked:
            self._questions.put_next()
        if not self._is_worth_waiting():
            return [RunPaused(self._stop.why or "waiting")]
        await self._inbox.wait(min(POLL, self._stop.seconds_left(), self._timers.until_next()))
        return self._happened() or ()

    def _is_worth_waiting(self) -> bool:
        """Whether the run may go on soon without anybody's doing, or a person at the terminal is being asked."""
        if self._stop.asked:
            return self._attempts.in_flight and self._stop.seconds_left() > 0
        if self._live.state.running or self._questions.is_asking:
            return True
        due = self._timers.until_due()
        return due is not None and due <= self._around.wait_limit

    async def _let_go(self) -> None:
        """End what is in flight: a program is asked to end before it is made to, unless the stop is at once."""
        for listener in self._around.audience.listeners:
            listener.close()
        await self._until_over(self._attempts.end_all() | self._questions.end_all())
        await self._until_over(self._attempts.end_left(0.0 if self._stop.at_once else LEFT_GRACE))
        await self._attempts.close()
        self._recorder.close()

    async def _until_over(self, ending: set[asyncio.Task[None]]) -> None:
        while ending:
            _, ending = await asyncio.wait(ending, timeout=POLL)
            with suppress(StoreError):  # what made the run stop is not covered up
                self._recorder.beat()


def _only_sets_and_routes(decision: Decision) -> bool:
    """Whether all that a decision did was to end steps that touch nothing outside: it could be made again."""
    return all(
        isinstance(event, StepEnded) and event.frame is not None and KINDS[event.verb].instant
        for event in decision.events
    )
