"""Records what a run does: one transaction a commit, a snapshot when the changes since the last outweigh it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import msgspec

from runner.engine.heartbeat import Heartbeat
from runner.ground.clock import Clock
from runner.ground.errors import StoreError
from runner.record.events import AnyEvent, Commit, RunForked, RunStarted
from runner.record.history import OnPaper, Reopened
from runner.record.run_state import RunState
from runner.record.snapshot import encode_state, should_snapshot
from runner.record.store.contract import Message, Owner, Snapshot, Store
from runner.record.store.lease import beat_seconds

_STARTS = (RunStarted, RunForked)
"""The events that a run begins with."""


def events_on_paper(events: tuple[AnyEvent, ...], on_paper: OnPaper) -> tuple[AnyEvent, ...]:
    """Events as they are recorded, and told to who listens: without this process's own references to secrets."""
    return msgspec.convert(on_paper(msgspec.to_builtins(events)), tuple[AnyEvent, ...])


def _is_due(past: Reopened, state: RunState) -> bool:
    if not should_snapshot(past.bytes_since, past.last_snapshot_bytes, 0):
        return False
    places = len(state.frames) + sum(1 + len(step.children) for step in state.steps.values())
    return should_snapshot(past.bytes_since, past.last_snapshot_bytes, places)


class Recorder:
    """Writes one run, under the lease that this process holds."""

    def __init__(self, store: Store, run: str, owner: Owner, epoch: int, clock: Clock, reopened: Reopened) -> None:
        self._store = store
        self._run = run
        self._owner = owner
        self._epoch = epoch
        self._clock = clock
        self._past = reopened
        self._taken: list[int] = []
        self.last_beat = clock.monotonic()

    def heartbeat(self) -> Heartbeat:
        """What keeps the lease while the loop can't."""
        every = beat_seconds(self._owner)
        return Heartbeat(self._store, self._run, self._epoch, self._clock, every=every, last=lambda: self.last_beat)

    def commit_of(self, events: tuple[AnyEvent, ...], state: RunState) -> Commit:
        """What a decision made, ready to be recorded, as it is on paper; `state` has it folded in."""
        past = self._past
        written = events if past.on_paper is None else events_on_paper(events, past.on_paper)
        commit = Commit(self._run, state.seq - len(events) + 1, written, state.at, self._epoch)
        past.projector.add(commit, state)
        return commit

    def record(self, commits: Sequence[Commit], state: RunState, taken: Sequence[int] = ()) -> None:
        """Write commits that follow each other, in one transaction. `taken` messages leave the store with a single one.

        Raises StoreError, Fenced.
        """
        past, last = self._past, commits[-1]
        past.bytes_since += self._write(commits, taken)
        if state.seq > last.last:
            return  # what was decided after these is not written yet
        if state.status != "running" or _is_due(past, state):
            self._save_snapshot(last, state)

    def _write(self, commits: Sequence[Commit], taken: Sequence[int]) -> int:
        if len(commits) > 1:
            return self._store.append_together(commits)
        [commit] = commits
        if isinstance(commit.events[0], _STARTS):
            return self._store.create(commit, self._owner)
        size = self._store.append(commit, [*self._taken, *taken])
        self._taken = []
        return size

    def _save_snapshot(self, commit: Commit, state: RunState) -> None:
        past = self._past
        written = encode_state(state) if past.on_paper is None else past.on_paper(encode_state(state))
        snapshot = Snapshot(self._run, commit.last, commit.at, written)
        past.last_snapshot_bytes = self._store.save_snapshot(snapshot, past.projector.take(), self._epoch)
        past.bytes_since = 0

    def beat(self) -> float:
        """Say in time that this process lives, and learn so whether the run is still its own; this moment.

        Raises StoreError, Fenced when the run has passed to another.
        """
        moment = self._clock.monotonic()
        if moment >= self.last_beat + beat_seconds(self._owner):
            self._store.heartbeat(self._run, self._epoch, self._clock.now())
            self.last_beat = moment
        return moment

    def messages(self) -> list[Message]:
        """What other processes sent to the run, and it has not taken."""
        return [message for message in self._store.inbox(self._run) if message.id not in self._taken]

    def take(self, message: Message) -> None:
        """Let a message leave the store with the next commit."""
        self._taken.append(message.id)

    def close(self) -> None:
        """Give the lease back. Where that fails it lapses by itself; what made the run stop is not covered up."""
        with suppress(StoreError):
            self._store.release(self._run, self._epoch)
