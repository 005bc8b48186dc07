"""Records what a run does: one transaction a commit, a snapshot when the changes since the last outweigh it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from runner.ground.clock import Clock
from runner.ground.errors import StoreError
from runner.record.events import AnyEvent, Commit, RunForked, RunStarted
from runner.record.history import Reopened
from runner.record.run_state import RunState
from runner.record.snapshot import encode, should_snapshot
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
        self._beats_every = beat_seconds(owner)
        self._beaten = clock.monotonic()
        self._projector = reopened.projector
        self._bytes_since = reopened.bytes_since
        self._snapshot_bytes = reopened.last_snapshot_bytes

    def record(self, events: tuple[AnyEvent, ...], state: RunState, taken: Sequence[int]) -> Commit:
        """Commit what a decision made; `state` has it folded in. Raises StoreError, Fenced."""
        commit = Commit(self._run, state.seq - len(events) + 1, events, state.at, self._epoch)
        if isinstance(events[0], _STARTS):
            self._bytes_since += self._store.create(commit, self._owner)
        else:
            self._bytes_since += self._store.append(commit, taken)
        self._projector.add(commit, state)
        if state.status != "running" or should_snapshot(self._bytes_since, self._snapshot_bytes):
            self._save_snapshot(commit, state)
        return commit

    def _save_snapshot(self, commit: Commit, state: RunState) -> None:
        snapshot = Snapshot(self._run, commit.last, commit.at, encode(state))
        self._snapshot_bytes = self._store.save_snapshot(snapshot, self._projector.take(), self._epoch)
        self._bytes_since = 0

    def beat(self) -> float:
        """Say in time that this process lives, and learn so whether the run is still its own; this moment.

        Raises StoreError, Fenced when the run has passed to another.
        """
        moment = self._clock.monotonic()
        if moment - self._beaten >= self._beats_every:
            self._store.heartbeat(self._run, self._epoch, self._clock.now())
            self._beaten = moment
        return moment

    def inbox(self) -> list[Message]:
        """What other processes sent to the run."""
        return self._store.inbox(self._run)

    def close(self) -> None:
        """Give the lease back. Where that fails it lapses by itself; what made the run stop is not covered up."""
        with suppress(StoreError):
            self._store.release(self._run, self._epoch)
