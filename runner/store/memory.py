"""Runs kept in memory: the SQLite store's twin, for tests and simulations. It keeps bytes, as that one does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from runner.errors import StoreError
from runner.events import Commit, RunForked
from runner.store import rules
from runner.store.contract import Definition, Message, Owner, Rows, RunRow, Snapshot, VersionRow
from runner.store.payload import Packed, from_json, pack, to_json, unpack
from runner.store.tables import PROJECTED, merge

Json = Any

_HERE = "memory"


class _Run(msgspec.Struct):
    """One run: how it stands, and all that is kept of it."""

    row: RunRow
    commits: list[Packed]
    versions: set[str]
    snapshots: dict[int, Snapshot] = msgspec.field(default_factory=dict)
    inbox: dict[int, tuple[Message, bytes]] = msgspec.field(default_factory=dict)
    tables: dict[str, dict[tuple[Json, ...], dict[str, Json]]] = msgspec.field(default_factory=dict)


class MemoryStore:
    """A store that lasts as long as its process."""

    def __init__(self) -> None:
        self._definitions: dict[str, Definition] = {}
        self._runs: dict[str, _Run] = {}
        self._messages = 0

    def save_definition(self, definition: Definition) -> None:
        """See `Store`."""
        nodes, edges = tuple(map(dict, definition.nodes)), tuple(map(dict, definition.edges))
        copy = replace(definition, files=dict(definition.files), nodes=nodes, edges=edges)
        self._definitions.setdefault(definition.hash, copy)

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
        packed = pack(commit)
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
        return len(packed.payload)

    def _fork_point(self, forked: RunForked) -> tuple[str, int]:
        self._run(forked.parent)
        if all(forked.at != commit.last for commit in self.commits(forked.parent, upto=forked.at)):
            raise rules.no_checkpoint(forked.parent, forked.at)
        return forked.parent, forked.at

    def append(self, commit: Commit, taken: Sequence[int] = ()) -> int:
        """See `Store`."""
        rules.check_order(commit)
        packed = pack(commit)
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
        run.row = replace(run.row, status=status, updated_at=commit.at, events=commit.last)
        if resumed is not None:
            run.row = replace(run.row, definition=resumed.definition, version=resumed.version)
            run.versions.add(resumed.definition)
        return len(packed.payload)

    def save_snapshot(self, snapshot: Snapshot, rows: Rows, epoch: int) -> None:
        """See `Store`."""
        run = self._run(snapshot.run)
        if run.row.epoch != epoch:
            raise rules.fenced(run.row, epoch)
        if all(snapshot.seq != packed.last for packed in reversed(run.commits)):
            raise rules.no_checkpoint(snapshot.run, snapshot.seq)
        copies = {name: from_json(to_json(list(table), name), name, _HERE) for name, table in rows.tables.items()}
        run.snapshots[snapshot.seq] = snapshot
        for name, table in copies.items():
            merge(PROJECTED[name], run.tables.setdefault(name, {}), table)

    def snapshot(self, run: str, upto: int | None = None) -> Snapshot | None:
        """See `Store`."""
        if run not in self._runs:
            return None
        kept, row = self._runs[run].snapshots, self._runs[run].row
        newest = max((seq for seq in kept if upto is None or seq <= upto), default=None)
        if newest is not None:
            return kept[newest]
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
                yield unpack(run, packed, _HERE)

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

    def close(self) -> None:
        """See `Store`."""

    def _run(self, run: str) -> _Run:
        if run not in self._runs:
            raise rules.unknown(run, tuple(self._runs))
        return self._runs[run]


class NoStore(MemoryStore):
    """What readers see where no database is yet: no runs, and none can be begun."""

    def create(self, commit: Commit, owner: Owner) -> int:
        """Raises StoreError."""
        raise StoreError(f"run '{commit.run}' can't begin: the database was opened for reading")
