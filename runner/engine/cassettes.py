"""The cassette of a run, made from its record: what each of its calls asked, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from runner.engine.loading import pinned
from runner.engine.scheduler import Live, call_of
from runner.ground.advice import command_line
from runner.ground.errors import StoreError
from runner.ground.json_value import Json
from runner.ground.plain_file import whole_file
from runner.record.address import below, children_of, is_inside
from runner.record.events import (
    AnyEvent,
    AttemptFailed,
    AttemptStarted,
    Commit,
    RunForked,
    RunResumed,
    RunStarted,
    StepChecked,
    StepEnded,
    StepStarted,
    StepWaiting,
)
from runner.record.fold import fold
from runner.record.run_state import RunState
from runner.record.store.contract import Store
from runner.record.usage import Usage
from runner.workflow.model import CHECK
from runner.world.calls import AnyCall
from runner.world.providers.cassette import (
    Cassette,
    Recorded,
    Recording,
    asked_of,
    cassette_text,
    is_recorded,
    kind_of,
)
from runner.world.secrets import Secrets, without_nonce

Paper = Callable[[Json], Json]


class _Reading:
    """Reads a run's record from its beginning, and notes its calls as they end."""

    def __init__(self, store: Store, run: str, *, commands: bool) -> None:
        self._store = store
        self._run = run
        self._commands = commands
        self._state = RunState()
        self._live: Live | None = None
        self._open: dict[str, AnyCall | None] = {}
        self._asked: set[str] = set()
        self.calls: list[Recorded] = []

    def take(self, commit: Commit) -> None:
        """Take in a commit. What begins in it is asked as the state is after it, as the engine does."""
        for event in commit.events:
            self._note_end(event)
        fold(self._state, commit)
        for event in commit.events:
            self._note_version(event)
        for event in commit.events:
            self._note_begin(event)

    def _note_version(self, event: AnyEvent) -> None:
        if not isinstance(event, RunStarted | RunForked | RunResumed):
            return
        self._live = Live(self._run, pinned(self._store, self._state).workflow, self._state)
        self._open = {step: call for step, call in self._open.items() if step in self._state.steps}
        anew = event.anew if isinstance(event, RunForked) else ()
        self._leave_out(*anew)

    def _leave_out(self, *steps: str) -> None:
        """Leave out what no replay asks for: what began anew, and what was asked of a check after a crash."""
        self.calls = [call for call in self.calls if not any(is_inside(call.step, step) for step in steps)]

    def _note_begin(self, event: AnyEvent) -> None:
        if isinstance(event, StepWaiting) and event.step in self._state.waiting:
            self._open.setdefault(event.step, None)
        elif isinstance(event, StepStarted | AttemptStarted) and event.step in self._state.running:
            assert self._live is not None, "a run begins before its steps"
            self._live.notes.clear()
            self._open[event.step] = call_of(self._live, self._state.steps[event.step])
            self._asked.add(event.step)

    def _note_end(self, event: AnyEvent) -> None:
        if isinstance(event, StepChecked):
            self._leave_out(below(children_of(event.step, event.attempt), CHECK))
        elif isinstance(event, AttemptFailed) and event.step in self._open:
            self._add(event.step, failed=event.error, usage=event.usage)
            self._asked.discard(event.step)
        elif isinstance(event, StepEnded) and event.step in self._open:
            self._note_step(event)
            del self._open[event.step]
            self._asked.discard(event.step)
            if self._live is not None:
                self._live.forget(event.step)

    def _note_step(self, event: StepEnded) -> None:
        if not self._is_call(event.step):
            self._note_order(event.step)
        elif event.came is not None:
            self._add(event.step, gave=event.came.get("output"), failed=event.came.get("error"))
        elif event.status == "failed":
            self._add(event.step, gave=event.output, failed=event.error, usage=event.usage)
        elif event.status == "completed":
            self._add(event.step, gave=event.output, usage=event.usage)
        elif event.step in self._asked:
            self._add(event.step, cut=True)
        else:
            self._note_order(event.step)

    def _is_call(self, step: str) -> bool:
        call = self._open[step]
        return call is not None and is_recorded(call, commands=self._commands)

    def _note_order(self, step: str) -> None:
        """Note when a step ended that is no recorded call, if anything else was open: else there is no order."""
        if len(self._open) > 1:
            self.calls.append(Recorded(step=step))

    def _add(
        self,
        step: str,
        *,
        gave: Json = None,
        failed: dict[str, Json] | None = None,
        usage: Usage | None = None,
        cut: bool = False,
    ) -> None:
        call = self._open[step]
        if call is None or not self._is_call(step):
            return
        told = None if failed is None else {key: failed[key] for key in ("type", "message", "details") if failed[key]}
        used = None if usage is None else msgspec.to_builtins(usage)
        self.calls.append(
            Recorded(step=step, call=kind_of(call), asked=asked_of(call), gave=gave, failed=told, usage=used, cut=cut)
        )


def recorded_cassette(store: Store, run: str, *, commands: bool, paper: Paper | None = None) -> Cassette:
    """The cassette of a run, as far as it is recorded, its past included. `commands`: those of commands too.

    `paper` puts more out of sight than the record does. Raises RunUnknown, StoreError.
    """
    reading = _Reading(store, run, commands=commands)
    workflow = nonce = ""
    for commit in store.commits(run):
        reading.take(commit)
        for event in commit.events:
            if isinstance(event, RunStarted | RunForked):
                workflow = event.workflow
            if isinstance(event, RunStarted | RunForked | RunResumed):
                nonce = str(event.options.get("nonce", nonce))
    calls = [_unnamed(call, nonce, paper) for call in reading.calls]
    return Cassette("", workflow, commands, tuple(calls))


def _unnamed(call: Recorded, nonce: str, paper: Paper | None) -> Recorded:
    """A call without what tells this run from another."""
    value = msgspec.to_builtins(call)
    return msgspec.convert(without_nonce(paper(value) if paper else value, nonce), Recorded)


def write_cassette(store: Store, run: str, recording: Recording, secrets: Secrets) -> None:
    """Write the cassette of a run that is to have one, readable for its owner alone. Raises StoreError."""

    def paper(value: Json) -> Json:
        return secrets.to_paper(secrets.mask(secrets.from_paper(value)))

    cassette = recorded_cassette(store, run, commands=recording.commands, paper=paper if secrets.any else None)
    try:
        text = cassette_text(cassette)
    except StoreError as error:
        words = f"run {run} is recorded, but {error.message}"
        raise StoreError(words, f"{command_line('show', run)} tells what came of it") from error
    try:
        with whole_file(Path(recording.file)) as file:
            file.write(text.encode())
    except OSError as error:
        commands = ("--commands",) if recording.commands else ()
        again = command_line("export", run, "--cassette", *commands, "--output", "FILE")
        words = (
            f"run {run} is recorded, but its cassette can't be written to {recording.file}: {error.strerror or error}"
        )
        raise StoreError(words, f"{again} writes it") from error
