"""Runs kept in memory: the SQLite store's twin, for tests and simulations. It keeps bytes, as that one does."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import msgspec
from msgspec.structs import replace

from runner.ground.errors import StoreError
from runner.ground.json_value import Json
from runner.record.events import Commit, RunForked
from runner.record.store import rules
from runner.record.store.contract import (
    Definition,
    Message,
    Owner,
    Rows,
    RunRow,
    Snapshot,
    Space,
    Swept,
    VersionRow,
)
from runner.record.store.form import Form, needed
from runner.record.store.large import Lost
from runner.record.store.payload import Packed, from_json, pack, pack_value, to_json, unpack, unpack_value
from runner.record.store.tables import PROJECTED, merge

_HERE = "memory"


class _Run(msgspec.Struct):
    """One run: how it stands, and all that is kept of it."""

    row: RunRow
    commits: list[Packed]
    versions: set[str]
    blobs: set[str] = msgspec.field(default_factory=set)
    snapshots: dict[int, tuple[float, int, bytes]] = msgspec.field(default_factory=dict)
    inbox: dict[int, tuple[Message, bytes]] = msgspec.field(default_factory=dict)
    tables: dict[str, dict[tuple[Json, ...], dict[str, Json]]] = msgspec.field(default_factory=dict)


class MemoryStore:
    """A store that lasts as long as its process."""

    def __init__(self, form: Form | None = None, none: str = "there are no runs here yet") -> None:
        """`none` is what is said where an unknown run is asked for, and there are no others."""
        self._form = form or Form()
        self._none = none
        self._blobs: dict[str, bytes] = {}
        self._definitions: dict[str, Definition] = {}
        self._unused_since: dict[str, float] = {}
        self._runs: dict[str, _Run] = {}
        self._messages = 0

    def save_definition(self, definition: Definition) -> None:
        """See `Store`."""
        graph = {"nodes": tuple(definition.nodes), "edges": tuple(definition.edges)}
        copy = replace(definition, files=dict(definition.files), **graph)
        self._definitions.setdefault(definition.hash, copy)
        self._unused_since.pop(definition.hash, None)

    def definition(self, hash: str) -> Definition:
        """See `Store`."""
        if hash not in self._definitions:
            raise rules.no_definition(hash)
        return self._definitions[hash]

    def versions(self, name: str | None = None) -> list[VersionRow]:
        """See `Store`."""
        rows = [self._version(found) for found in self._definitions.values() if name in {None, found.name}]
        return sorted(rows, key=lambda row: (-(row.last_at or 0.0), row.hash))

    def _version(self, found: Definition) -> VersionRow:
        began = [run.row.created_at for run in self._runs.values() if found.hash in run.versions]
        first, last = min(began, default=None), max(began, default=None)
        return VersionRow(found.hash, found.name, found.version, found.file, len(began), first, last)

    def create(self, commit: Commit, owner: Owner) -> int:
        """See `Store`."""
        start = rules.started(commit)
        packed, apart, size = pack(commit, self._form)
        self.definition(start.definition)
        parent, fork = self._fork_point(start) if isinstance(start, RunForked) else (None, None)
        if commit.run in self._runs:
            raise rules.taken_id(commit.run)
        row = RunRow(
            commit.run,
            start.workflow,
            start.version,
            start.definition,
            rules.status_after(commit) or "running",
            created_at=commit.at,
            updated_at=commit.at,
            events=commit.last,
            epoch=commit.epoch,
            owner=owner,
            heartbeat=commit.at,
            parent=parent,
            fork=fork,
        )
        self._runs[commit.run] = _Run(row, [packed], {start.definition})
        self._keep(self._runs[commit.run], apart)
        return size

    def adopt(self, commits: Iterable[Commit]) -> None:
        """See `Store`."""
        taken = list(commits)
        standing = rules.Standing.after(taken[0] if taken else None)
        versions = {standing.definition}
        for commit in taken[1:]:
            standing.add(commit)
            versions.add(standing.definition)
        for version in versions:
            self.definition(version)
        packed = [pack(commit, self._form) for commit in taken]
        row = _adopted(taken[0], standing)
        if row.id in self._runs:
            raise rules.taken_id(row.id)
        self._runs[row.id] = _Run(row, [row_ for row_, _, _ in packed], versions)
        for _, apart, _ in packed:
            self._keep(self._runs[row.id], apart)

    def _fork_point(self, forked: RunForked) -> tuple[str, int]:
        self._run(forked.parent)
        if all(forked.at != commit.last for commit in self.commits(forked.parent, upto=forked.at)):
            raise rules.no_checkpoint(forked.parent, forked.at)
        return forked.parent, forked.at

    def append(self, commit: Commit, taken: Sequence[int] = ()) -> int:
        """See `Store`."""
        rules.check_order(commit)
        packed, apart, size = pack(commit, self._form)
        run = self._run(commit.run)
        if commit.epoch != run.row.epoch or commit.first != run.row.events + 1:
            raise rules.refused(commit, run.row)
        if not run.inbox.keys() >= set(taken):
            raise rules.not_in_inbox(commit.run)
        for id_ in taken:
            run.inbox.pop(id_, None)
        status = rules.status_after(commit) or run.row.status
        resumed = rules.version_after(commit)
        if resumed is not None:
            self.definition(resumed.definition)
        run.commits.append(packed)
        self._keep(run, apart)
        run.row = replace(run.row, status=status, updated_at=commit.at, events=commit.last)
        if resumed is not None:
            run.row = replace(run.row, definition=resumed.definition, version=resumed.version)
            run.versions.add(resumed.definition)
        return size

    def _keep(self, run: _Run, apart: Mapping[str, bytes]) -> None:
        run.blobs |= apart.keys()
        self._blobs.update(apart)

    def _fetch(self, hash_: str) -> bytes:
        if hash_ not in self._blobs:
            raise Lost(hash_, "missing")
        return self._blobs[hash_]

    def save_snapshot(self, snapshot: Snapshot, rows: Rows, epoch: int) -> int:
        """See `Store`."""
        run = self._run(snapshot.run)
        if run.row.epoch != epoch:
            raise rules.fenced(run.row, epoch)
        if all(snapshot.seq != packed.last for packed in reversed(run.commits)):
            raise rules.no_checkpoint(snapshot.run, snapshot.seq)
        copies = {name: from_json(to_json(list(table), name), name, _HERE) for name, table in rows.tables.items()}
        what = f"the snapshot of run '{snapshot.run}'"
        format_, data, apart, size = pack_value(snapshot.state, what, self._form)
        run.snapshots[snapshot.seq] = (snapshot.at, format_, data)
        self._keep(run, apart)
        for name, table in copies.items():
            merge(PROJECTED[name], run.tables.setdefault(name, {}), table)
        return size

    def snapshot(self, run: str, upto: int | None = None) -> Snapshot | None:
        """See `Store`."""
        if run not in self._runs:
            return None
        kept, row = self._runs[run].snapshots, self._runs[run].row
        newest = max((seq for seq in kept if upto is None or seq <= upto), default=None)
        if newest is not None:
            at, format_, data = kept[newest]
            what = f"the snapshot of run '{run}' after event {newest}"
            state = unpack_value(format_, data, what, _HERE, self._fetch)
            return Snapshot(run, newest, at, state)
        if row.parent is None or row.fork is None:
            return None
        return self.snapshot(row.parent, row.fork if upto is None else min(upto, row.fork))

    def commits(self, run: str, after: int = 0, upto: int | None = None) -> Iterator[Commit]:
        """See `Store`."""
        row = self._run(run).row
        if row.parent is not None and row.fork is not None:
            yield from self.commits(row.parent, after, row.fork if upto is None else min(upto, row.fork))
        for packed in tuple(self._run(run).commits):
            if packed.first > after and (upto is None or packed.last <= upto):
                yield unpack(run, packed, _HERE, self._fetch)

    def projected(self, run: str, table: str) -> list[dict[str, Json]]:
        """See `Store`."""
        kept = self._runs[run].tables.get(table, {}) if run in self._runs else {}
        return PROJECTED[table].sorted({"run_id": run, **row} for row in kept.values())

    def run(self, run: str) -> RunRow:
        """See `Store`."""
        return self._run(run).row

    def runs(self, *, status: str | None = None, workflow: str | None = None, limit: int = 50) -> list[RunRow]:
        """See `Store`."""
        found = [
            run.row
            for run in reversed(self._runs.values())
            if status in {None, run.row.status} and workflow in {None, run.row.workflow}
        ]
        return sorted(found, key=lambda row: row.created_at, reverse=True)[: None if limit < 0 else limit]

    def claim(self, run: str, owner: Owner, at: float, expected_epoch: int) -> int:
        """See `Store`."""
        kept = self._run(run)
        if kept.row.epoch != expected_epoch:
            raise rules.busy(kept.row)
        kept.row = replace(kept.row, epoch=expected_epoch + 1, owner=owner, heartbeat=at)
        return kept.row.epoch

    def heartbeat(self, run: str, epoch: int, at: float) -> None:
        """See `Store`."""
        kept = self._run(run)
        if kept.row.epoch != epoch:
            raise rules.fenced(kept.row, epoch)
        kept.row = replace(kept.row, heartbeat=at)

    def release(self, run: str, epoch: int) -> None:
        """See `Store`."""
        kept = self._run(run)
        if kept.row.epoch == epoch:
            kept.row = replace(kept.row, owner=None, heartbeat=None)

    def post(self, message: Message) -> int:
        """See `Store`."""
        value = to_json(message.value, f"a message to run '{message.run}'")
        run = self._run(message.run)
        self._messages += 1
        run.inbox[self._messages] = (replace(message, id=self._messages, value=None), value)
        return self._messages

    def inbox(self, run: str) -> list[Message]:
        """See `Store`."""
        kept = self._runs[run].inbox if run in self._runs else {}
        return [replace(message, value=from_json(value, "a message", _HERE)) for message, value in kept.values()]

    def moment(self) -> AbstractContextManager[None]:
        """See `Store`. Nobody else writes while one thread reads."""
        return nullcontext()

    @property
    def upkeep(self) -> MemoryUpkeep:
        """See `Store`."""
        return MemoryUpkeep(self)

    def close(self) -> None:
        """See `Store`."""

    def _run(self, run: str) -> _Run:
        if run not in self._runs:
            raise rules.unknown(run, tuple(self._runs), self._none)
        return self._runs[run]


def _adopted(first: Commit, standing: rules.Standing) -> RunRow:
    return RunRow(
        first.run,
        standing.workflow,
        standing.version,
        standing.definition,
        standing.status,
        created_at=first.at,
        updated_at=standing.at,
        events=standing.last,
        epoch=standing.epoch,
    )


class MemoryUpkeep:
    """What removes from a store in memory."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def weight(self, runs: Sequence[str]) -> int:
        """See `Upkeep`."""
        kept, blobs = self._store._runs, self._store._blobs
        others = {hash_ for run, one in kept.items() if run not in runs for hash_ in one.blobs}
        alone = {hash_ for run in runs for hash_ in self._store._run(run).blobs} - others
        return sum(_own_bytes(kept[run]) for run in runs) + sum(len(blobs[hash_]) for hash_ in alone)

    def delete(self, run: str, epoch: int) -> None:
        """See `Upkeep`."""
        row = self._store._run(run).row
        forks = [id_ for id_, other in self._store._runs.items() if other.row.parent == run]
        if row.epoch != epoch or row.status not in rules.ENDED or forks:
            raise rules.not_deleted(row, epoch, forks)
        del self._store._runs[run]

    def snapshots(self, run: str) -> list[int]:
        """See `Upkeep`."""
        return sorted(self._store._run(run).snapshots)

    def thin(self, run: str, kept: Collection[int]) -> int:
        """See `Upkeep`."""
        one = self._store._run(run)
        needless = one.snapshots.keys() - set(kept)
        for seq in needless:
            del one.snapshots[seq]
        rows = [(packed.format, packed.payload) for packed in one.commits]
        rows += [(format_, data) for _, format_, data in one.snapshots.values()]
        one.blobs = {hash_ for row in rows for hash_ in needed(*row, self._store._fetch)}
        return len(needless)

    def sweep(self, at: float, grace: float) -> Swept:
        """See `Upkeep`."""
        store = self._store
        used = {version for run in store._runs.values() for version in run.versions}
        marks = {hash_: store._unused_since.get(hash_, at) for hash_ in store._definitions.keys() - used}
        versions = [hash_ for hash_, since in marks.items() if since <= at - grace]
        blobs = store._blobs.keys() - {hash_ for run in store._runs.values() for hash_ in run.blobs}
        for hash_ in versions:
            del store._definitions[hash_], marks[hash_]
        for hash_ in blobs:
            del store._blobs[hash_]
        store._unused_since = marks
        return Swept(len(versions), len(blobs))

    def space(self) -> Space:
        """See `Upkeep`."""
        own = sum(map(_own_bytes, self._store._runs.values()))
        return Space(own + sum(map(len, self._store._blobs.values())), 0)

    def compact(self) -> None:
        """See `Upkeep`. Memory that is free is given back at once."""


def _own_bytes(run: _Run) -> int:
    states = (len(data) for _, _, data in run.snapshots.values())
    return sum(len(packed.payload) for packed in run.commits) + sum(states)


class NoStore(MemoryStore):
    """What readers see where no database is yet: no runs, and none can be begun."""

    def __init__(self, path: Path) -> None:
        super().__init__(none=f"there are no runs: {path} does not exist")

    def create(self, commit: Commit, owner: Owner) -> int:
        """Raises StoreError."""
        raise StoreError(f"run '{commit.run}' can't begin: the database was opened for reading")
