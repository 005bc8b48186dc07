"""The attempts that are in flight in this process: each a task, from its launch until its end is reported."""

from __future__ import annotations

import asyncio

from runner.engine.executor import Executor
from runner.engine.inbox import Inbox
from runner.engine.recorder import Recorder
from runner.engine.scheduler import Live, attempt_timeout, call_of
from runner.engine.scheduler.happenings import AttemptEnded, Happening
from runner.engine.tasks import Tasks
from runner.ground.errors import StoreError
from runner.record.run_state import Step
from runner.world.calls import Attempt
from runner.world.program_exits import was_asked_to_end


class Attempts:
    """Launches attempts and ends them; what they gave goes to the inbox."""

    def __init__(self, live: Live, executor: Executor, recorder: Recorder, inbox: Inbox) -> None:
        self._live = live
        self._executor = executor
        self._recorder = recorder
        self._inbox = inbox
        self._tasks = Tasks()

    @property
    def in_flight(self) -> bool:
        return bool(self._tasks.steps)

    def launch(self, step: Step) -> None:
        """Begin the attempt that a step is at."""
        live = self._live
        attempt = Attempt(
            run=live.run,
            step=step.path,
            node=step.node,
            agent=step.agent,
            number=step.attempt,
            turn=step.turn,
            call=call_of(live, step),
            permissions=live.permissions(live.frame_of(step)),
            timeout=attempt_timeout(live, step),
        )
        self._tasks.start(step.path, self._perform(attempt))

    async def _perform(self, attempt: Attempt) -> None:
        try:
            self._recorder.beat()  # a process that stood still may have lost the run: it must not do what is another's
        except StoreError as error:
            self._inbox.report(error)
            return
        outcome = await self._executor.perform(attempt)
        self._inbox.report(AttemptEnded(attempt.step, attempt.number, outcome))

    def end(self, step: str) -> None:
        """End the attempt of a step that was cut off."""
        self._tasks.end(step)

    def sort_out(self, reports: list[Happening], *, stopping: bool) -> list[Happening]:
        """What of the reports counts.

        Who stops this process asked its programs to end too: these were cut off then, and have not failed.
        """
        for report in reports:
            if isinstance(report, AttemptEnded):
                self._tasks.forget(report.step)
        return [report for report in reports if not _was_cut_off(report)] if stopping else reports

    def hurry(self) -> None:
        """Make programs that were only asked to end do so at once."""
        self._tasks.hurry()

    def end_all(self) -> set[asyncio.Task[None]]:
        """End all that is in flight; the tasks that are not over yet."""
        return self._tasks.end_all()


def _was_cut_off(report: Happening) -> bool:
    return isinstance(report, AttemptEnded) and was_asked_to_end(report.outcome)
