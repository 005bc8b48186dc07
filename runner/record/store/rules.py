"""What every store refuses, and in which words: the part of the protocol that has nothing to do with where rows lie."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runner.ground.advice import command_line
from runner.ground.errors import RunBusy, StoreError, UsageError, did_you_mean
from runner.record.events import Commit, Event, RunEnded, RunForked, RunPaused, RunResumed, RunStarted, RunStatus
from runner.record.store.contract import Fenced, HistoryMoved, Needed, RunRow, RunUnknown

_STATUS: dict[type[Event], RunStatus] = {
    RunStarted: "running",
    RunForked: "running",
    RunPaused: "paused",
    RunResumed: "running",
    RunEnded: "completed",
}
"""The events that change a run's status, and to what (an end says itself)."""

ENDED = ("completed", "failed", "cancelled")
"""The statuses of a run to which nothing will be added."""


def status_after(commit: Commit) -> RunStatus | None:
    """The run's status once this is recorded; None when the commit does not change it."""
    status: RunStatus | None = None
    for event in commit.events:
        if type(event) in _STATUS:
            status = event.status if isinstance(event, RunEnded) else _STATUS[type(event)]
    return status


class Standing(msgspec.Struct):
    """How a run stands after all commits that were added, the first of which is its start."""

    workflow: str = ""
    version: str = ""
    definition: str = ""
    status: RunStatus = "pending"
    epoch: int = 0
    last: int = 0

    def add(self, commit: Commit) -> None:
        """After one more. Raises StoreError when it does not follow, or is the first and can't begin a run."""
        if not self.last:
            self._begin(commit)
        check_order(commit)
        if commit.first != self.last + 1:
            raise StoreError(f"run '{commit.run}': event {commit.first} can't follow event {self.last}")
        for event in commit.events:
            if isinstance(event, RunForked):
                self.workflow = event.workflow
            if isinstance(event, RunForked | RunResumed) and event.definition:
                self.definition, self.version = event.definition, event.version
        self.status = status_after(commit) or self.status
        self.epoch, self.last = commit.epoch, commit.last

    def _begin(self, commit: Commit) -> None:
        start = started(commit)
        if isinstance(start, RunForked):
            raise StoreError(f"run '{commit.run}' can't begin with this: the past that it shares is not here")
        self.workflow, self.version, self.definition = start.workflow, start.version, start.definition


def started(commit: Commit) -> RunStarted | RunForked:
    """What a run's first commit begins with. Raises StoreError when this is no first commit."""
    first = commit.events[0] if commit.events else None
    past = first.at if isinstance(first, RunForked) else 0
    if not isinstance(first, RunStarted | RunForked) or commit.first != past + 1 or commit.epoch != 1:
        raise StoreError(f"run '{commit.run}' can't begin with this: a run's first event is its start, under epoch 1")
    return first


def check_order(commit: Commit) -> None:
    """Refuse a commit that holds nothing, or that stands nowhere in an order. Raises StoreError."""
    if not commit.events or commit.first < 1:
        raise StoreError(f"run '{commit.run}': a commit holds at least one event, and events count from 1")


def taken_id(run: str) -> UsageError:
    """A new run wants the id of one that is there."""
    return UsageError(f"run '{run}' exists already", "name another by --run-id")


def unknown(run: str, known: Sequence[str], none: str) -> RunUnknown:
    """No run bears the id; `known` are the ids there are, `none` says that there are none, and where not."""
    if not known:
        return RunUnknown(
            f"no run '{run}': {none}", f"`{command_line('run', 'FLOW')}` begins one; --db names another database"
        )
    return RunUnknown(f"no run '{run}'{did_you_mean(run, known)}", f"`{command_line('runs')}` lists them")


def refused(commit: Commit, row: RunRow) -> StoreError:
    """Why a commit was not recorded, given how the run stands."""
    if commit.epoch != row.epoch:
        return fenced(row, commit.epoch)
    return HistoryMoved(
        f"run '{commit.run}': event {commit.first} can't follow event {row.events}, which is the last one recorded",
        f"the record is as it was; `{command_line('resume', commit.run)}` goes on from event {row.events}",
    )


def fenced(row: RunRow, epoch: int) -> Fenced:
    """The run has passed on from the process that held it under `epoch`."""
    by = f" by {row.owner}" if row.owner else ""
    return Fenced(
        f"run '{row.id}' was taken over{by} (epoch {row.epoch}, ours was {epoch}); this process records nothing more",
        f"`{command_line('show', row.id)}` tells how it goes on",
    )


def no_checkpoint(run: str, seq: int) -> StoreError:
    """A snapshot or a fork was offered for a point that is not the end of a commit."""
    return StoreError(f"run '{run}' has no checkpoint {seq}: that is not the last event of a commit")


def busy(row: RunRow) -> RunBusy:
    """Another process took the run first."""
    by = f"{row.owner}" if row.owner else "another process"
    return RunBusy(f"run '{row.id}' is owned by {by}", f"let it finish, or stop it: `{command_line('pause', row.id)}`")


def not_deleted(row: RunRow, epoch: int, forks: Sequence[str]) -> StoreError:
    """Why a run was not removed, given how it stands and which runs share its past."""
    if row.epoch != epoch:
        return busy(row)
    if row.status not in ENDED:
        return Needed(
            f"run '{row.id}' can't be removed: it is {row.status}", f"`{command_line('cancel', row.id)}` ends it"
        )
    return Needed(f"run '{row.id}' can't be removed: run '{forks[0]}' shares its past", "remove that one first")


def no_definition(hash_: str) -> StoreError:
    """A run is pinned to a definition that the store does not hold."""
    return StoreError(f"the workflow version {hash_[:12]} is not recorded here", "import an export of the run")
