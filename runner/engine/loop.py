"""Schedule, attempt, record, until nothing is left: the one loop that drives a run."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Literal, Protocol

import msgspec

from runner.engine.executor import Executor
from runner.engine.recorder import Recorder
from runner.engine.scheduler import Decision, Live, advance, attempt_timeout, call_of, due_time, time_left
from runner.engine.scheduler.happenings import (
    Answered,
    AttemptEnded,
    CancelRequested,
    Continue,
    Happening,
    Paused,
    Signalled,
    TimeReached,
    TimeSpent,
)
from runner.ground.clock import Clock
from runner.ground.errors import StoreError, UsageError
from runner.ground.json_value import Json
from runner.record.answers import answer_for, check_answer, parse_answer
from runner.record.events import AttemptFailed, AttemptStarted, Commit, StepStarted, StepWaiting
from runner.record.run_state import RunState, Step
from runner.record.store.contract import LEASE_SECONDS, Message
from runner.world.calls import Attempt
from runner.world.program_exits import was_asked_to_end

POLL = 0.25
"""Seconds between looks into the inbox, for what other processes sent."""

BREATH = 64
"""Commits between two moments given to the event loop while nothing waits."""


_CONTINUE = Continue()

_FOLLOWED = (StepStarted, AttemptStarted, AttemptFailed, StepWaiting)
"""The events of steps that the engine then has an attempt or a time to see to."""


class Listener(Protocol):
    """Hears every commit after it is recorded, until the run leaves this process."""

    def heard(self, commit: Commit, state: RunState) -> None: ...
    def close(self) -> None: ...


Asker = Callable[[StepWaiting], Awaitable[Json]]
"""Puts a question to a person, as often as it takes, and returns an answer that fits. Raises Unattended."""


class Unattended(Exception):
    """The person who was asked is gone: the terminal was closed."""


class Manner(msgspec.Struct, frozen=True):
    """How this process drives the run. `ask` puts a question to a person at the terminal; None: nobody is there.

    `answers` are given beforehand, by the end of a step's path; `wait_limit` and `grace` are in seconds, as is `lease`:
    who is silent for so long may lose the run to another process.
    """

    ask: Asker | None = None
    answers: dict[str, str] = msgspec.field(default_factory=dict)
    wait_limit: float = 60.0
    grace: float = 10.0
    lease: float = LEASE_SECONDS


class Engine:
    """Drives one run in this process until it ends, pauses, or is stopped."""

    def __init__(
        self, live: Live, recorder: Recorder, executor: Executor, manner: Manner, listeners: Sequence[Listener] = ()
    ) -> None:
        self._live = live
        self._recorder = recorder
        self._executor = executor
        self._clock: Clock = executor.context.clock
        self._manner = manner
        self._listeners = listeners
        self._inbox: asyncio.Queue[Happening] = asyncio.Queue()
        self._heard: list[Happening] = []
        self._attempts: dict[str, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._timers: list[tuple[float, str]] = []
        self._taken: list[int] = []
        self._looked = 0.0
        self._lost: StoreError | None = None
        self._stopping: Literal["no", "graceful", "now"] = "no"
        self._stop_by = 0.0
        self._why_stopping = "interrupted"
        self._since = self._clock.now()
        self._ask = manner.ask
        self.refused: UsageError | None = None

    @property
    def state(self) -> RunState:
        return self._live.state

    async def drive(self, first: Iterable[Happening]) -> None:
        """Take `first`, then whatever happens, until the run has ended or is paused. Raises StoreError.

        An answer given beforehand that does not fit pauses it; `refused` says why.
        """
        try:
            await self._loop(list(first))
        finally:
            await self._let_go()

    def stop(self) -> None:
        """Ask the run to stop: gracefully the first time, at once the second."""
        self._wind_up("interrupted")

    def _wind_up(self, why: str) -> None:
        self._why_stopping = why
        self._stopping = "graceful" if self._stopping == "no" else "now"
        self._stop_by = self._clock.monotonic() + self._manner.grace
        if self._stopping == "now":
            for task in self._ending:
                task.cancel()
        self._inbox.put_nowait(Continue())

    async def _loop(self, happenings: list[Happening]) -> None:
        commits = 0
        state = self.state
        self._remember_timers()
        while True:
            self._advance(happenings)
            if state.status != "running":
                return
            commits += 1
            if commits % BREATH == 0:
                await asyncio.sleep(0)
            happenings = self._gather()
            if not happenings:
                happenings = await self._wait()

    def _advance(self, happenings: list[Happening]) -> None:
        live = self._live
        decision = advance(live, happenings, self._clock.now(), draining=self._stopping != "no")
        if not decision.events:
            return
        commit = self._recorder.record(decision.events, live.state, [*self._taken, *decision.taken])
        self._taken = []
        self._carry_out(decision)
        for listener in self._listeners:
            listener.heard(commit, live.state)

    def _carry_out(self, decision: Decision) -> None:
        for path in decision.stop:
            task = self._attempts.pop(path, None)
            if task is not None:
                self._end(task)
        for event in decision.events:
            if isinstance(event, _FOLLOWED):
                self._follow(event)

    def _end(self, task: asyncio.Task[None]) -> None:
        task.cancel()
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _follow(self, event: StepStarted | AttemptStarted | AttemptFailed | StepWaiting) -> None:
        step = self.state.steps.get(event.step)
        if step is None:
            return
        if isinstance(event, StepStarted | AttemptStarted) and event.step in self.state.running and event.attempt:
            self._launch(step)
        if isinstance(event, StepWaiting):
            self._looked = 0.0  # a signal may have been kept for it
        self._set_timer(step)

    def _remember_timers(self) -> None:
        for step in self.state.steps.values():
            self._set_timer(step)

    def _set_timer(self, step: Step) -> None:
        due = due_time(step)
        if due is not None:
            heapq.heappush(self._timers, (due, step.path))

    def _launch(self, step: Step) -> None:
        frame = self._live.frame_of(step)
        timeout = attempt_timeout(self._live, step)
        attempt = Attempt(
            self._live.run,
            step.path,
            step.node,
            step.agent,
            step.attempt,
            step.turn,
            call_of(self._live, step),
            self._live.permissions(frame),
            timeout,
        )
        previous = self._attempts.get(step.path)
        self._attempts[step.path] = asyncio.create_task(self._attempt(attempt, previous))  # noqa: TID251 - the engine's own

    async def _attempt(self, attempt: Attempt, previous: asyncio.Task[None] | None) -> None:
        if previous is not None:
            await asyncio.wait([previous])
        try:
            self._beat()  # whoever was stopped meanwhile, and has lost the run, must not do what is another's now
        except StoreError as error:
            self._lost = error
            self._inbox.put_nowait(_CONTINUE)
            return
        outcome = await self._executor.perform(attempt)
        ended: Happening = AttemptEnded(attempt.step, attempt.number, outcome)
        if self._stopping != "no" and was_asked_to_end(outcome):
            ended = _CONTINUE  # who stops this process asked its programs too: the step was cut off, and has not failed
            self._attempts.pop(attempt.step, None)
        self._inbox.put_nowait(ended)

    def _gather(self) -> list[Happening]:
        """What has happened by now; nothing when there is nothing to do but wait."""
        happenings = self._received() if self._heard or not self._inbox.empty() else []
        if self._timers or self._live.state.running:
            happenings += self._due()
        moment = self._beat()
        if moment - self._looked >= POLL:
            happenings += self._posted(moment)
        if not happenings and self._stopping == "no" and self._can_go_on():
            return [_CONTINUE]
        return happenings

    def _can_go_on(self) -> bool:
        state = self._live.state
        return bool(state.ready) or (bool(state.queued) and not state.running)

    def _received(self) -> list[Happening]:
        while not self._inbox.empty():
            self._heard.append(self._inbox.get_nowait())
        happenings, self._heard = self._heard, []
        for happening in happenings:
            if isinstance(happening, AttemptEnded):
                self._attempts.pop(happening.step, None)
        return happenings

    def _due(self) -> list[Happening]:
        now = self._clock.now()
        due: dict[str, None] = {}
        while self._timers and self._timers[0][0] <= now:
            due[heapq.heappop(self._timers)[1]] = None
        happenings: list[Happening] = [TimeReached(tuple(due))] if due else []
        return happenings + [TimeSpent(home) for home, left in time_left(self._live, now) if left <= 0]

    def _posted(self, moment: float) -> list[Happening]:
        """What other processes have sent by now."""
        self._looked = moment
        happenings: list[Happening] = []
        for message in self._recorder.inbox():
            if message.kind == "signal":
                happenings += self._signalled(message)
            elif message.id not in self._taken:
                self._taken.append(message.id)
                happenings += self._read(message)
        return happenings

    def _beat(self) -> float:
        """As `Recorder.beat`; raises too what an attempt heard from it that was about to start."""
        if self._lost is not None:
            raise self._lost
        return self._recorder.beat()

    def _signalled(self, message: Message) -> list[Happening]:
        """A signal stays in the inbox until a wait takes it."""
        waiting = (self.state.steps[path].waiting for path in self.state.waiting)
        awaited = {name for wait in waiting if wait is not None for name in wait.signals.values()}
        return [Signalled(message.id, message.target, message.value)] if message.target in awaited else []

    def _read(self, message: Message) -> list[Happening]:
        if message.kind == "cancel":
            return [CancelRequested(str(message.value or "cancelled from outside"))]
        if message.kind == "pause" and message.at >= self._since:
            self._wind_up("asked")
        step = self.state.steps.get(message.target)
        if message.kind != "answer" or step is None or step.waiting is None:
            return []
        try:
            return [self._answered(message.target, check_answer(step.waiting, message.value))]
        except UsageError:
            return []

    async def _wait(self) -> list[Happening]:
        """Wait until something happens, or pause the run when nothing will by itself."""
        answered = self._answer_beforehand()
        if answered:
            return answered
        if self._stopping != "no":
            return await self._wind_down()
        attended = self._attended()
        wake = self._next_wake()
        if not (self.state.running or attended) and (wake is None or wake > self._manner.wait_limit):
            return [Paused("waiting")]
        await self._listen(min((POLL, *self._times_left(), *([] if wake is None else [max(0.0, wake)]))))
        return self._gather()

    def _next_wake(self) -> float | None:
        """Seconds until a step needs the clock; None when none does."""
        while self._timers:
            due, path = self._timers[0]
            step = self.state.steps.get(path)
            if step is not None and due_time(step) == due:
                return due - self._clock.now()
            heapq.heappop(self._timers)
        return None

    def _times_left(self) -> list[float]:
        return [max(0.0, left) for _, left in time_left(self._live, self._clock.now())]

    async def _listen(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                self._heard.append(await self._inbox.get())
        except TimeoutError:
            return

    async def _wind_down(self) -> list[Happening]:
        left = self._stop_by - self._clock.monotonic()
        if self._stopping == "now" or left <= 0 or not self._attempts:
            return [Paused(self._why_stopping)]
        await self._listen(min(left, POLL))
        self._beat()
        return self._received()

    def _waiting_for_people(self) -> list[Step]:
        steps = (self.state.steps[path] for path in self.state.waiting)
        return [step for step in steps if step.waiting is not None and step.waiting.kind == "person"]

    def _answer_beforehand(self) -> list[Happening]:
        happenings: list[Happening] = []
        for step in self._waiting_for_people():
            given = answer_for(step.path, self._manner.answers)
            if given is None or step.waiting is None:
                continue
            try:
                happenings.append(self._answered(step.path, parse_answer(step.waiting, given)))
            except UsageError as error:
                self._refuse(error)
        return happenings

    def _refuse(self, error: UsageError) -> None:
        if self.refused is None:
            self.refused = error
            self._wind_up("waiting")

    def _attended(self) -> bool:
        """Put the questions of waiting steps to the person at the terminal, one at a time; whether anybody is there."""
        if self._ask is None:
            return False
        waiting = self._waiting_for_people()
        for path in set(self._asking) - {step.path for step in waiting}:
            self._end(self._asking.pop(path))
        if waiting and not self._asking:
            self._asking[waiting[0].path] = asyncio.create_task(  # noqa: TID251 - the engine's own
                self._put(waiting[0], self._ask)
            )
        return bool(waiting)

    async def _put(self, step: Step, ask: Asker) -> None:
        assert step.waiting is not None, "only a waiting step is asked about"
        try:
            self._inbox.put_nowait(self._answered(step.path, await ask(step.waiting)))
        except Unattended:
            self._ask = None
            self._inbox.put_nowait(Continue())

    def _answered(self, step: str, value: Json) -> Answered:
        return Answered(step, self._executor.secrets.mask(value))

    async def _let_go(self) -> None:
        """End what is in flight: a program is asked to end before it is made to, unless the stop is at once."""
        for listener in self._listeners:
            listener.close()
        for task in (*self._attempts.values(), *self._asking.values()):
            self._end(task)
        while self._ending:
            await asyncio.wait(self._ending, timeout=POLL)
            with suppress(StoreError):  # what made the run stop is not covered up
                self._recorder.beat()
        self._recorder.close()
