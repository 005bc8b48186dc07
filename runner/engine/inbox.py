"""What comes to a run from outside its loop: reports of this process's own tasks, and messages of other processes."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress

from runner.engine.recorder import Recorder
from runner.engine.scheduler.happenings import Happening
from runner.ground.errors import StoreError
from runner.record.run_state import RunState
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

    def next_message(self, moment: float) -> Message | None:
        """The next message that the run is to take at a moment of the monotonic clock.

        It leaves the store with the next commit; but a signal stays there until a wait takes it.
        """
        if moment >= self._next_look:
            self._next_look = moment + POLL
            self._unread = deque(self._recorder.messages())
        while self._unread:
            message = self._unread.popleft()
            if message.kind != "signal":
                self._recorder.take(message)
            if self._is_to_be_taken(message):
                return message
        return None

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
