"""Records what a run does: one transaction a commit, a snapshot when the changes since the last outweigh it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from runner.engine.heartbeat import Heartbeat
from runner.ground.clock import Clock
from runner.ground.errors import StoreError
from runner.record.events import AnyEvent, Commit, RunForked, RunStarted
from runner.record.history import Reopened
from runner.record.run_state import RunState
from runner.record.snapshot import encode_state, should_snapshot
from runner.record.store.contract import Message, Owner, Snapshot, Store
from runner.record.store.lease import beat_seconds

_STARTS = (RunStarted, RunForked)
"""The events that a run begins with."""


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

    def record(self, events: tuple[AnyEvent, ...], state: RunState, taken: Sequence[int]) -> Commit:
        """Commit what a decision made; `state` has it folded in. `taken` messages leave the store with it.

        Raises StoreError, Fenced.
        """
        past = self._past
        commit = Commit(self._run, state.seq - len(events) + 1, events, state.at, self._epoch)
        if isinstance(events[0], _STARTS):
            past.bytes_since += self._store.create(commit, self._owner)
        else:
            past.bytes_since += self._store.append(commit, [*self._taken, *taken])
            self._taken = []
        past.projector.add(commit, state)
        if state.status != "running" or should_snapshot(past.bytes_since, past.last_snapshot_bytes):
            self._save_snapshot(commit, state)
        return commit

    def _save_snapshot(self, commit: Commit, state: RunState) -> None:
        past = self._past
        snapshot = Snapshot(self._run, commit.last, commit.at, encode_state(state))
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
