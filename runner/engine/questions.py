"""What waiting steps ask people, and the answers: given beforehand, typed at the terminal, or sent by a process."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from runner.engine.inbox import Inbox
from runner.engine.scheduler.happenings import Answered, Happening
from runner.engine.surroundings import Asker, Audience, Unattended
from runner.engine.tasks import Tasks
from runner.ground.errors import UsageError
from runner.ground.json_value import Json
from runner.ground.plain import one_line
from runner.record.answers import answer_for, as_typed, check_answer, parse_answer, unsealed
from runner.record.events import StepWaiting
from runner.record.run_state import RunState
from runner.world.secrets import Secrets


class Questions:
    """Checks each answer against its question. `refused` is the first answer given beforehand that did not fit."""

    def __init__(self, state: RunState, audience: Audience, secrets: Secrets, inbox: Inbox) -> None:
        self.refused: UsageError | None = None
        self._state = state
        self._audience = audience
        self._secrets = secrets
        self._inbox = inbox
        self._ask = audience.ask
        self._tasks = Tasks()

    def answer_beforehand(self) -> list[Happening]:
        """The answers that were given beforehand to what is asked now."""
        answers: list[Happening] = []
        for asked in self._open():
            given = answer_for(asked.step, self._audience.answers)
            if given is None or asked.approval is not None:
                continue  # who approves a call has seen it
            try:
                answers.append(self._answered(asked, parse_answer(self._shown(asked), given)))
            except UsageError as error:
                self.refused = self.refused or error
        return answers

    @property
    def is_asking(self) -> bool:
        """Whether the person at the terminal has a question before them."""
        return bool(self._tasks.steps)

    def put_next(self) -> None:
        """Put the open questions to the person at the terminal, one at a time; take back one that is open no more."""
        asked = {one.step: one for one in self._open()}
        for step in self._tasks.steps:
            if step not in asked:
                self._tasks.end(step)
        if self._ask is not None and asked and not self.is_asking:
            first = next(iter(asked.values()))
            self._tasks.start(first.step, self._put(first, self._ask))

    async def _put(self, asked: StepWaiting, ask: Asker) -> None:
        try:
            self._inbox.report(self._answered(asked, await ask(self._shown(asked))))
        except Unattended:
            self._ask = None
            self._tasks.forget(asked.step)
            self._inbox.wake()

    def answer(self, step: str, value: Json) -> list[Happening]:
        """Take an answer that another process sent. It fitted then; where it does not any more, people are told."""
        asked = self._asked(step)
        if asked is None:
            return self._not_taken(step, value, "the step waits for no answer any more")
        try:
            return [self._answered(asked, check_answer(self._shown(asked), unsealed(asked, value)))]
        except UsageError as error:
            return self._not_taken(step, value, str(error))

    def _not_taken(self, step: str, value: Json, why: str) -> list[Happening]:
        shown, why = self._secrets.shown([as_typed(value), why])
        self._audience.warned(f"the answer '{one_line(shown)}' for step {step} was not taken: {why}")
        return []

    def end_all(self) -> set[asyncio.Task[None]]:
        """Ask no more; the tasks that are not over yet."""
        return self._tasks.end_all()

    def _open(self) -> list[StepWaiting]:
        return [asked for path in self._state.waiting if (asked := self._asked(path)) is not None]

    def _asked(self, path: str) -> StepWaiting | None:
        """What a step asks a person now; None when it does not."""
        step = self._state.steps.get(path)
        waiting = None if step is None else step.waiting
        return waiting if waiting is not None and waiting.kind == "person" else None

    def _shown(self, asked: StepWaiting) -> StepWaiting:
        """A question as people may see it."""
        shown = {name: self._secrets.to_paper(getattr(asked, name)) for name in ("prompt", "choices", "schema")}
        return replace(asked, **shown)

    def _answered(self, asked: StepWaiting, value: Json) -> Answered:
        """An answer to a question as it was shown: a choice is the one that stands there, all else foreign text."""
        shown = self._shown(asked).choices
        picked = [choice for choice, seen in zip(asked.choices, shown, strict=True) if _is_same(seen, value)]
        return Answered(asked.step, picked[0] if picked else self._secrets.mask(value))


def _is_same(choice: Json, value: Json) -> bool:
    return bool(choice == value) and type(choice) is type(value)
