"""The attempts that are in flight in this process: each a task, from its launch until its end is reported."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from runner.engine.executor import Executor
from runner.engine.inbox import Inbox
from runner.engine.needs import asked_models
from runner.engine.recorder import Recorder
from runner.engine.scheduler import Live, attempt_timeout, call_of, seal
from runner.engine.scheduler.happenings import AttemptEnded, Happening
from runner.engine.tasks import Tasks
from runner.ground.errors import Failure, StoreError
from runner.record.event_parts import Printed
from runner.record.events import AnyEvent, AttemptFailed, RunEnded, RunPaused, StepEnded
from runner.record.run_state import Step, cue_keys_of
from runner.world.calls import Attempt, CallFailed, Printout
from runner.world.program_exits import was_asked_to_end
from runner.world.tools.child_process import end_left
from runner.world.tools.mcp import close_servers, uses_servers


class Attempts:
    """Launches attempts and ends them; what they gave goes to the inbox."""

    def __init__(self, live: Live, executor: Executor, recorder: Recorder, inbox: Inbox) -> None:
        self._live = live
        self._executor = executor
        self._supervisor = executor.context.supervisor
        self._recorder = recorder
        self._inbox = inbox
        self._tasks = Tasks()
        self._printouts: dict[str, Printout] = {}

    @property
    def in_flight(self) -> bool:
        return bool(self._tasks.steps)

    async def prepare(self) -> None:
        """Begin what asking models takes as the run begins; where an agent has little time, before it."""
        provider, context = self._executor.provider, self._executor.context
        asked = asked_models(self._live.workflow, self._live.options.get("models", {}))
        provider.begin(asked, context)
        for model, is_in_a_hurry in asked.items():
            if is_in_a_hurry:
                await provider.prepare(model, context)

    def launch(self, step: Step) -> None:
        """Begin the attempt that a step is at."""
        live = self._live
        call = call_of(live, step)
        if step.approved and step.approved != seal(live, step.path, call):
            failure = Failure("permission_denied", "this is not the call that a person has approved")
            self._inbox.report(AttemptEnded(step.path, step.attempt, CallFailed(failure)))
            return
        attempt = Attempt(
            run=live.run,
            step=step.path,
            node=step.node,
            agent=step.agent,
            number=step.attempt,
            call=call,
            permissions=live.permissions(live.frame_of(step)),
            cue=step.cue,
            cue_keys=cue_keys_of(step) if self._executor.script is not None else (),
            timeout=attempt_timeout(live, step, call),
            is_told=step.frame is None and not step.agent,
            began_in=live.began_in(step.path),
            failures=step.failures,
        )
        printout = self._printouts[step.path] = Printout()
        self._tasks.start(step.path, self._perform(attempt, printout))

    async def _perform(self, attempt: Attempt, printout: Printout) -> None:
        try:
            self._recorder.beat()  # a process that stood still may have lost the run: it must not do what is another's
        except StoreError as error:
            self._inbox.report(error)
            return
        outcome = await self._executor.perform(attempt, printout)
        self._inbox.report(AttemptEnded(attempt.step, attempt.number, outcome))

    def told(self, events: tuple[AnyEvent, ...]) -> tuple[AnyEvent, ...]:
        """The events of a decision, with what only this process knows: what programs have printed, and left running."""
        return tuple(map(self._told, events)) if self._printouts or self._supervisor.has_started_any else events

    def _told(self, event: AnyEvent) -> AnyEvent:
        match event:
            case StepEnded():
                return _told_by(self._printouts.pop(event.step, None), event)
            case AttemptFailed():
                printout = self._printouts.pop(event.step, None)
                return replace(event, gates=tuple(printout.gates)) if printout and printout.gates else event
            case RunPaused():
                return replace(event, cut=self._cut(), ends=self._supervisor.left)
            case RunEnded():
                return replace(event, ends=self._supervisor.left)
        return event

    def _cut(self) -> dict[str, Printed]:
        """What the programs in flight have printed by now."""
        read = {step: self._printouts[step].read() for step in self._tasks.steps if step in self._printouts}
        return {step: printed for step, printed in read.items() if printed is not None}

    def end_left(self, grace: float) -> set[asyncio.Task[None]]:
        """End what completed steps have left running; the task that does, if there is anything to end."""
        if not self._supervisor.has_started_any and not uses_servers(self._executor.context):
            return set()
        return self._tasks.start_ending(self._end_left(grace))

    async def _end_left(self, grace: float) -> None:
        try:
            await close_servers(self._executor.context)
        finally:
            await end_left(self._supervisor, grace)

    def let_held_go(self, *, cut: bool) -> None:
        """Let go on, out of turn, what a cassette's order holds back, where nothing else is in flight.

        With `cut` also what was cut off there.
        """
        replay = self._executor.replay
        if replay is not None and replay.held == len(self._tasks.steps):
            replay.let_next_go(cut=cut)

    def tidy(self) -> None:
        """Reap what has ended of that which steps have left running."""
        self._supervisor.reap()

    async def close(self) -> None:
        """Nothing runs any more."""
        await self._executor.provider.close()
        self._supervisor.close()

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


def _told_by(printout: Printout | None, event: StepEnded) -> StepEnded:
    """The end of a step with what its attempt has printed, and the gates that it came to."""
    if printout is None:
        return event
    printed = printout.read() if _is_untold(event) else None
    told = event if printed is None else replace(event, printed=printed)
    return replace(told, gates=tuple(printout.gates)) if printout.gates else told


def _is_untold(event: StepEnded) -> bool:
    """Whether nothing else in the event tells what a program has printed: it was cut off, or is a tool's."""
    output = event.output
    return event.error is None and not (isinstance(output, dict) and "stdout" in output)


def _was_cut_off(report: Happening) -> bool:
    return isinstance(report, AttemptEnded) and was_asked_to_end(report.outcome)
