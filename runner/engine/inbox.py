"""What comes to a run from outside its loop: reports of this process's own tasks, and messages of other processes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from math import inf

from runner.engine.recorder import Recorder
from runner.engine.scheduler import Live
from runner.engine.scheduler.happenings import Happening
from runner.engine.scheduler.view import StepView
from runner.ground.errors import StoreError
from runner.nodes.composites.wait import KIND as WAIT
from runner.nodes.composites.wait import why_kept
from runner.record.run_state import RunState, Step
from runner.record.store.contract import Message

POLL = 0.25
"""Seconds between looks at what other processes sent."""


class Inbox:
    """Keeps reports and messages until the loop takes them."""

    def __init__(self, recorder: Recorder, state: RunState, since: float) -> None:
        self._recorder = recorder
        self._state = state
        self._since = since
        self._reports: list[Happening | StoreError] = []
        self._woken = asyncio.Event()
        self._unread: deque[Message] = deque()
        self._next_look = 0.0
        self._looked_for = inf

    def report(self, happening: Happening | StoreError) -> None:
        """Put in what a task of this process has come to."""
        self._reports.append(happening)
        self._woken.set()

    def wake(self) -> None:
        """Let the loop go on, though nothing was put in."""
        self._woken.set()

    def reports(self) -> list[Happening]:
        """Take what was reported. Raises the StoreError that a task has met with."""
        if not self._reports:
            return []
        reports, self._reports = self._reports, []
        happenings = []
        for report in reports:
            if isinstance(report, StoreError):
                raise report
            happenings.append(report)
        return happenings

    async def wait(self, seconds: float) -> None:
        """Wait for a report, or to be woken."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        self._woken.clear()

    def look_soon(self) -> None:
        """Look at once: a step waits that a signal may have been kept for."""
        self._next_look = 0.0

    def next_message(self, moment: float, until: float | None = None) -> Message | None:
        """The next message that the run is to take at a moment of the monotonic clock.

        `until` is a time that has come, if one has: all that was sent before it comes first, and none that came later.
        A message leaves the store with the next commit; but a signal stays there until a wait takes it.
        """
        if until is None and moment >= self._next_look:
            self._look(moment)
        elif until is not None and (until != self._looked_for or not self._next_look):
            self._look(moment, settled=True)
            self._looked_for = until
        before = inf if until is None else until
        while (message := next((one for one in self._unread if one.at < before), None)) is not None:
            self._unread.remove(message)
            if message.kind != "signal":
                self._recorder.take(message)
            if self._is_to_be_taken(message):
                return message
        return None

    def _look(self, moment: float, *, settled: bool = False) -> None:
        self._next_look = moment + POLL
        self._unread = deque(self._recorder.messages(settled=settled))

    def cancel(self) -> Message | None:
        """The first message that cancels the run, taken before all others."""
        found = next((message for message in self._recorder.messages() if message.kind == "cancel"), None)
        if found is not None:
            self._recorder.take(found)
        return found

    def _is_to_be_taken(self, message: Message) -> bool:
        """A signal is once a step waits for it; a pause is if it was sent to this process, not to an earlier one."""
        if message.kind == "signal":
            waiting = (self._state.steps[path].waiting for path in self._state.waiting)
            return any(wait is not None and message.target in wait.signals.values() for wait in waiting)
        return message.kind != "pause" or message.at >= self._since


def kept_signals(live: Live, messages: Iterable[Message]) -> Iterator[tuple[Message, str]]:
    """The signals that a run has not taken, each with the reason."""
    for message in messages:
        if message.kind == "signal":
            reasons = (f"{step}: {why or 'may take it when the run goes on'}" for step, why in _reasons(live, message))
            yield message, "; ".join(reasons) or "nothing waits for it yet"


def why_refused(live: Live, message: Message) -> str:
    """Why what waits for a signal does not take it, step by step; nothing where one may, or none waits for it."""
    reasons = _reasons(live, message)
    return "; ".join(f"{step}: {why}" for step, why in reasons) if all(why for _, why in reasons) else ""


def _reasons(live: Live, message: Message) -> list[tuple[str, str]]:
    """The steps that wait for a signal, each with why it does not take it; nothing if it may."""
    waits = [step for path in live.state.waiting if live.kind(step := live.state.steps[path]) is WAIT]
    return [
        (step.path, _why(live, step, key, message))
        for step in waits
        for key, name in (step.waiting.signals if step.waiting is not None else {}).items()
        if name == message.target
    ]


def _why(live: Live, step: Step, key: str, message: Message) -> str:
    until = None if step.waiting is None else step.waiting.until
    if until is not None and until <= message.at:
        return "it came after the time of the wait"
    return why_kept(live.node(step), StepView.of(live, step), key, message.value)
