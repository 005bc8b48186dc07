"""Reading what was recorded: a run's state at any checkpoint, its checkpoints, its tables. Nothing here writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from runner.ground.advice import ask_doctor, command_line
from runner.ground.errors import StoreError, UsageError
from runner.ground.json_value import Json
from runner.record.address import ROOT
from runner.record.events import StepEnded, encode
from runner.record.fold import fold
from runner.record.open_states import own_states
from runner.record.projection import Projector, project
from runner.record.run_state import RunState
from runner.record.snapshot import decode_state, is_complete
from runner.record.store.contract import Snapshot, Store
from runner.record.store.rules import status_after
from runner.record.store.tables import PROJECTED, merge_rows

OnPaper = Callable[[Json], Json]


class Checkpoint(msgspec.Struct, frozen=True):
    """A point that a run can be restored to: `RUN@seq`. `ended` are the steps that ended with it, with their status.

    `at` is in epoch seconds; `status` is the run's, where the commit changed it.
    """

    seq: int
    at: float
    ended: tuple[tuple[str, str], ...] = ()
    status: str = ""


class Reopened(msgspec.Struct):
    """A run taken up again: its state, the projector that goes on from it, and what the next snapshot is weighed by.

    `on_paper` gives a value as it is recorded, where that is not as it is in memory.
    """

    state: RunState
    projector: Projector
    bytes_since: int
    last_snapshot_bytes: int
    on_paper: OnPaper | None = None


def load_state(store: Store, run: str, upto: int | None = None) -> RunState:
    """The run's state now, or after event `upto`. UsageError if that is no checkpoint; RunUnknown, StoreError."""
    row = store.run(run)
    wanted = row.events if upto is None else upto
    state = _folded(store, run, wanted, wanted)
    if upto is not None and (state.seq != upto or not upto):
        raise _no_checkpoint(store, run, upto, state.seq)
    if state.seq == row.events and state.status != row.status:
        raise StoreError(f"run '{run}' is listed as {row.status}, but its events say {state.status}", ask_doctor())
    return state


def _folded(store: Store, run: str, before: int, upto: int) -> RunState:
    """The run's state after event `upto`, by way of the newest snapshot at or before event `before`."""
    state = _restored(store.snapshot(run, before))
    for commit in store.commits(run, after=state.seq, upto=upto):
        fold(state, commit)
    return state


def reopen(store: Store, run: str) -> Reopened:
    """The run as it stands, ready to be gone on with. Raises RunUnknown, StoreError."""
    return _followed(store, run, _own_snapshot(store, run), None)


def fork_of(store: Store, run: str, at: int) -> Reopened:
    """A new run's beginning: the past of `run` up to event `at`. Raises UsageError, RunUnknown, StoreError."""
    past = _followed(store, run, None, at)
    if past.state.seq != at or not at:
        raise _no_checkpoint(store, run, at, past.state.seq)
    return past


def _followed(store: Store, run: str, snapshot: Snapshot | None, upto: int | None) -> Reopened:
    state = _restored(snapshot)
    projector = Projector(state)
    bytes_since = 0
    for commit in store.commits(run, after=state.seq, upto=upto):
        fold(state, commit)
        projector.add(commit, state)
        bytes_since += len(encode(commit.events))
    return Reopened(state, projector, bytes_since, 0 if snapshot is None else len(msgspec.json.encode(snapshot.state)))


def _own_snapshot(store: Store, run: str) -> Snapshot | None:
    """The newest snapshot that came with rows of the run's own: a fork's tables begin anew."""
    snapshot = store.snapshot(run)
    return snapshot if snapshot is not None and snapshot.run == run else None


def checkpoints(store: Store, run: str) -> Iterator[Checkpoint]:
    """Every point that the run can be restored to, in order. Raises RunUnknown, StoreError."""
    for commit in store.commits(run):
        ended = tuple((event.step, event.status) for event in commit.events if isinstance(event, StepEnded))
        yield Checkpoint(commit.last, commit.at, ended, status_after(commit) or "")


def read_table(store: Store, run: str, table: str) -> list[dict[str, Json]]:
    """A run's rows of one projected table as of its last event: the kept ones, and what the tail changes in them."""
    state = _restored(_own_snapshot(store, run))
    shape = PROJECTED[table]
    rows = {shape.key_of(row): row for row in store.projected(run, table)}
    tail = project(store.commits(run, after=state.seq), state)
    merge_rows(shape, rows, tail.get(table, ()))
    return shape.sorted({**row, "run_id": run} for row in rows.values())


def states(store: Store, run: str, upto: int | None = None) -> dict[str, dict[str, Json]]:
    """The workflow's state (under ROOT), and those of the open branches and called workflows, by address.

    They are as of now, or after event `upto`; once the run has ended, the workflow's is the one it ended with.
    """
    state = load_state(store, run, upto)
    if state.ended:  # a snapshot of its end does not hold them any more
        state = _folded(store, run, state.seq - 1, state.seq)
    found = {address: dict(sorted(holder.state.items())) for address, holder in own_states(state).items()}
    return {ROOT: dict(sorted((state.final or {}).items()))} | found


def _restored(snapshot: Snapshot | None) -> RunState:
    if snapshot is None or not is_complete(snapshot.state):
        return RunState()
    return decode_state(snapshot.state, f"the snapshot of run '{snapshot.run}' after event {snapshot.seq}")


def _no_checkpoint(store: Store, run: str, upto: int, before: int) -> UsageError:
    following = next(store.commits(run, after=before), None)
    near = [str(seq) for seq in (before, following.last if following else 0) if seq]
    listed = command_line("checkpoints", run)
    hint = f"the nearest are {' and '.join(f'{run}@{seq}' for seq in near)}; `{listed}` lists them all"
    return UsageError(f"run '{run}' has no checkpoint {upto}", hint)
