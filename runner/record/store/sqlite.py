"""Runs kept in a SQLite file, which several processes may use at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import msgspec
from msgspec.structs import astuple

from runner.ground.errors import StoreError
from runner.ground.json_value import Json
from runner.record.events import Commit, RunForked, RunResumed
from runner.record.store import rules, statements
from runner.record.store.blobs import Blobs
from runner.record.store.connection import Durability, connect, in_memory
from runner.record.store.contract import (
    Definition,
    EdgeRow,
    Message,
    NodeRow,
    Owner,
    Rows,
    RunRow,
    Snapshot,
    Store,
    VersionRow,
)
from runner.record.store.form import Form
from runner.record.store.kept_lists import KeptLists
from runner.record.store.payload import (
    Packed,
    bound,
    damaged,
    message_of,
    pack,
    pack_value,
    projected_row,
    run_row,
    sealed,
    to_json,
    unpack,
    unpack_value,
    upserts,
)
from runner.record.store.session import Session, Values, for_a_moment
from runner.record.store.tables import PROJECTED
from runner.record.store.trail import Trail, is_on_trail
from runner.record.store.upkeep import SqliteUpkeep

_LAST = 2**32 - 1
"""More events than that no run can have: they are numbered in 32 bits."""


def open_store(path: Path, *, durability: Durability = "full", create: bool = True, form: Form | None = None) -> Store:
    """The store in the file at `path`. Without `create` a missing file reads as one without runs, and stays missing.

    `full` survives the loss of power, `normal` that of the process. `form` is how new rows are written (JSON text).
    Raises StoreError when the file can't be used.
    """
    if not create and is_missing(path):
        return _NoStore(path)
    return SqliteStore(Session(connect(path, durability, create=create), path), form or Form())


def memory_store(form: Form | None = None) -> Store:
    """A store that is gone when it is closed."""
    return SqliteStore(Session(in_memory(), None), form or Form())


def is_missing(path: Path) -> bool:
    """Whether there is no database yet, nor what is left of one."""
    return not path.exists() and not Path(f"{path}-wal").exists()


class _Packing(NamedTuple):
    """A commit ready to be written: its row's values, the large values apart from it by hash, and its bytes."""

    commit: Commit
    values: Sequence[Json]
    apart: Mapping[str, bytes]
    size: int


class SqliteStore(Store):
    """A store on one connection. It may be used from any thread, by one at a time."""

    def __init__(self, session: Session, form: Form) -> None:
        self._session = session
        self._form = form
        self._blobs = Blobs(session, form)
        self._numbers: dict[str, int] = {}
        self.tool_lists = KeptLists(session)

    def save_definition(self, definition: Definition) -> None:
        texts = {path: text.encode() for path, text in definition.files.items()}
        hashes = {path: sha256(text).hexdigest() for path, text in texts.items()}
        files = to_json(hashes, "the workflow's file names").decode()
        row = (definition.hash, definition.name, definition.version, definition.file, definition.folder, files)
        with self._session.transaction():
            if not self._session.write(statements.INSERT_DEFINITION, row):
                self._session.write(statements.USE_DEFINITION, (definition.hash,))
                return
            for path, text in texts.items():
                self._blobs.keep(hashes[path], text)
            self._save_graph(definition)

    def _save_graph(self, definition: Definition) -> None:
        nodes = ((definition.hash, place, *node) for place, node in enumerate(definition.nodes))
        edges = ((definition.hash, place, *edge) for place, edge in enumerate(definition.edges))
        self._session.write_each(statements.INSERT_NODE, nodes)
        self._session.write_each(statements.INSERT_EDGE, edges)

    def definition(self, hash: str) -> Definition:
        rows = self._session.read(statements.DEFINITION, (hash,))
        if not rows:
            raise rules.no_definition(hash)
        with self._session.sound(f"workflow version {hash[:12]}"):
            name, version, file, folder, files = rows[0]
            hashes = msgspec.json.decode(files)
            texts = {path: str(self._blobs.fetch(blob), "utf-8") for path, blob in hashes.items()}
            nodes = tuple(NodeRow(*row) for row in self._session.read(statements.NODES, (hash,)))
            edges = tuple(EdgeRow(*row) for row in self._session.read(statements.EDGES, (hash,)))
            return Definition(hash, name, version, file, folder, texts, nodes, edges)

    def versions(self, name: str | None = None) -> list[VersionRow]:
        with self._session.sound("the list of versions"):
            return [VersionRow(*row) for row in self._session.read(statements.VERSIONS, (name,))]

    def create(self, commit: Commit, owner: Owner) -> int:
        start = rules.started(commit)
        packed, apart, size = pack(commit, self._form)
        lease = (*astuple(owner), commit.at)
        status = rules.status_after(commit)
        origin = self._fork_point(start) if isinstance(start, RunForked) else (None, None)
        row = (commit.run, start.workflow, start.version, start.definition, status, commit.at, commit.epoch, *lease)
        self._require(start.definition)
        with self._session.transaction():
            number = self._insert(commit.run, (*row, *origin))
            self._session.write(statements.INSERT_EVENTS, (number, *bound(packed)))
            self._session.write(statements.INSERT_RUN_VERSION, (number, start.definition))
            self._blobs.keep_for(number, apart)
        return size

    def _require(self, definition: str) -> None:
        if not self._session.read(statements.DEFINITION, (definition,)):
            raise rules.no_definition(definition)

    def _insert(self, run: str, row: Values) -> int:
        inserted = self._session.execute(statements.INSERT_RUN, row)
        if not inserted.rowcount or inserted.lastrowid is None:
            raise rules.taken_id(run)
        return int(inserted.lastrowid)

    def adopt(self, commits: Iterable[Commit]) -> None:
        following = iter(commits)
        first = next(following, None)
        if first is None:
            raise StoreError("a run has at least one commit")
        standing = rules.Standing()
        standing.add(first)
        self._require(standing.definition)
        row = (first.run, standing.workflow, standing.version, standing.definition, standing.status, first.at)
        with self._session.transaction():
            number = self._insert(first.run, (*row, standing.epoch, *[None] * 8))
            self._adopt(number, first, standing)
            for commit in following:
                standing.add(commit)
                self._require(standing.definition)
                self._adopt(number, commit, standing)
            how = (standing.workflow, standing.version, standing.definition, standing.status, standing.epoch)
            self._session.write(statements.SET_STANDING, (*how, number))
            self.trail.add(first.run, first.at, "import", {"allowed": True, "what": first.run})

    def _adopt(self, number: int, commit: Commit, standing: rules.Standing) -> None:
        packed, apart, _ = pack(commit, self._form)
        self._session.write(statements.INSERT_EVENTS, (number, *bound(packed)))
        self._session.write(statements.INSERT_RUN_VERSION, (number, standing.definition))
        self._blobs.keep_for(number, apart)

    def _fork_point(self, forked: RunForked) -> tuple[int, int]:
        for run, upto in self._line(forked.parent):
            if forked.at <= upto and self._session.read(statements.ENDS_COMMIT, (self._number(run), forked.at)):
                return self._number(forked.parent), forked.at
        raise rules.no_checkpoint(forked.parent, forked.at)

    def _line(self, run: str) -> list[tuple[str, int]]:
        """The runs that recorded a run's past, oldest first and itself last, each with the last event that counts."""
        line = [(run, _LAST)]
        while origin := self._session.read(statements.ORIGIN, (line[0][0],)):
            parent, fork = origin[0]
            if any(parent == known for known, _ in line):
                raise damaged(f"what run '{run}' is a fork of", self._session.where)
            line.insert(0, (parent, min(fork, line[0][1])))
        return line

    def append(self, commit: Commit, taken: Sequence[int] = ()) -> int:
        packing = self._packed(commit)
        status = rules.status_after(commit)
        if status is None and not (taken or packing.apart or is_on_trail(commit)):
            self._append(packing)
            return packing.size
        with self._session.transaction():
            self._append(packing)
            if status is not None:
                self._session.write(statements.SET_STATUS, (status, packing.values[0]))
            for resumed in (event for event in commit.events if type(event) is RunResumed and event.definition):
                self._session.write(statements.SET_VERSION, (resumed.definition, resumed.version, packing.values[0]))
                self._session.write(statements.INSERT_RUN_VERSION, (packing.values[0], resumed.definition))
            self.trail.record(commit)
            if taken:
                self._take(commit.run, taken)
        return packing.size

    def append_together(self, commits: Sequence[Commit]) -> int:
        packings = [self._packed(commit) for commit in commits]
        with self._session.transaction():
            for packing in packings:
                self._append(packing)
        return sum(packing.size for packing in packings)

    def _packed(self, commit: Commit) -> _Packing:
        rules.check_order(commit)
        packed, apart, size = pack(commit, self._form)
        return _Packing(commit, (self._number(commit.run), *bound(packed)), apart, size)

    def _append(self, packing: _Packing) -> None:
        if not self._session.write(statements.APPEND_EVENTS, packing.values):
            raise rules.refused(packing.commit, self.run(packing.commit.run))
        if packing.apart:
            self._blobs.keep_for(packing.values[0], packing.apart)

    def _take(self, run: str, taken: Sequence[int]) -> None:
        ids = to_json(list(taken), "message ids").decode()
        if self._session.write(statements.TAKE, (run, ids)) != len(set(taken)):
            raise StoreError(f"run '{run}': a message that this step takes is no longer in the run's inbox")

    def save_snapshot(self, snapshot: Snapshot, rows: Rows, epoch: int) -> int:
        number = self._number(snapshot.run)
        what = f"the snapshot of run '{snapshot.run}'"
        format_, data, large, size = pack_value(snapshot.state, what, self._form)
        kept = (number, snapshot.seq, snapshot.at, sealed(snapshot.run, snapshot.seq, data), format_, data, epoch)
        apart = dict(large)
        changed = [upserts(PROJECTED[name], snapshot.run, table, apart) for name, table in rows.items()]
        with self._session.transaction():
            if not self._session.write(statements.INSERT_SNAPSHOT, kept):
                raise self._why_no_snapshot(snapshot, epoch)
            for statement, values in (one for written in changed for one in written.items()):
                self._session.write_each(statement, values)
            self._blobs.keep_for(number, apart)
        self._session.refuse_if_gone()
        return size

    def _why_no_snapshot(self, snapshot: Snapshot, epoch: int) -> StoreError:
        run = self.run(snapshot.run)
        return rules.fenced(run, epoch) if run.epoch != epoch else rules.no_checkpoint(snapshot.run, snapshot.seq)

    def snapshot(self, run: str, upto: int | None = None) -> Snapshot | None:
        last = _LAST if upto is None else upto
        for recorder, until in reversed(self._line(run)):
            if rows := self._session.read(statements.SNAPSHOT, (recorder, min(last, until))):
                return self._snapshot(recorder, rows[0])
        return None

    def _snapshot(self, run: str, row: Sequence[Json]) -> Snapshot:
        seq, at, checksum, format_, written = row
        with self._session.sound(f"the snapshot of run '{run}' after event {seq}") as what:
            if checksum not in {sealed(run, seq, written), crc32(written)}:  # the latter is an older wf's
                raise damaged(what, self._session.where)
            state = unpack_value(format_, written, self._blobs.fetch)
            return msgspec.convert({"run": run, "seq": seq, "at": at, "state": state}, Snapshot)

    def commits(self, run: str, after: int = 0, upto: int | None = None) -> Iterator[Commit]:
        wanted = _LAST if upto is None else upto
        following = after + 1
        for recorder, until in self._line(run):
            for commit in self._own_commits(recorder, following - 1, min(wanted, until)):
                if commit.first > following:
                    raise self._missing(recorder, following, commit.first)
                following = commit.last + 1
                if commit.first > after:
                    yield commit
        last = self._last_event(run)
        if following <= last <= wanted:
            raise self._missing(run, following, last + 1)

    def _own_commits(self, run: str, after: int, upto: int) -> Iterator[Commit]:
        for row in self._session.stream(statements.COMMITS, (self._number(run), after, upto)):
            yield unpack(run, Packed(*row), self._session.where, self._blobs.fetch)

    def _last_event(self, run: str) -> int:
        rows = self._session.read(statements.LAST_EVENT, (self._number(run),))
        if not rows:
            raise damaged(f"the history of run '{run}'", self._session.where)
        return int(rows[0][0])

    def _missing(self, run: str, first: int, until: int) -> StoreError:
        return damaged(f"events {first}–{until - 1} of run '{run}'", self._session.where)

    def projected(self, run: str, table: str) -> list[dict[str, Json]]:
        shape = PROJECTED[table]
        rows = self._session.read(statements.select(shape), (run,))
        with self._session.sound(f"the table {table} of run '{run}'"):
            return shape.sorted(projected_row(shape, row, self._blobs.fetch) for row in rows)

    def run(self, run: str) -> RunRow:
        rows = self._session.read(statements.RUN, (run,))
        if not rows:
            raise self._unknown(run)
        with self._session.sound(f"run '{run}'"):
            return run_row(rows[0])

    def runs(self, *, status: str | None = None, workflow: str | None = None, limit: int = 50) -> list[RunRow]:
        rows = self._session.read(statements.RUNS, (status, workflow, limit))
        with self._session.sound("the list of runs"):
            return [run_row(row) for row in rows]

    def claim(self, run: str, owner: Owner, at: float, expected_epoch: int) -> int:
        if not self._session.write(statements.CLAIM, (*astuple(owner), at, self._number(run), expected_epoch)):
            raise rules.busy(self.run(run))
        return expected_epoch + 1

    def heartbeat(self, run: str, epoch: int, at: float) -> None:
        if not self._session.write(statements.HEARTBEAT, (at, self._number(run), epoch)):
            raise rules.fenced(self.run(run), epoch)

    def apart(self) -> Store | None:
        path = self._session.path
        return None if path is None else SqliteStore(for_a_moment(path), self._form)

    def release(self, run: str, epoch: int) -> None:
        self._session.write(statements.RELEASE, (self._number(run), epoch))

    def post(self, message: Message) -> int:
        value = to_json(message.value, f"a message to run '{message.run}'").decode()
        values = (message.kind, message.target, value, message.at, self._number(message.run))
        with self._session.transaction():
            cursor = self._session.execute(statements.POST, values)
        if not cursor.rowcount or cursor.lastrowid is None:
            raise self._unknown(message.run)
        return cursor.lastrowid

    def inbox(self, run: str) -> list[Message]:
        self._session.refuse_if_gone()
        rows = self._session.read(statements.INBOX, (run,))
        with self._session.sound(f"a message to run '{run}'"):
            return [message_of(run, row) for row in rows]

    def moment(self) -> AbstractContextManager[None]:
        return self._session.moment()

    def alone(self) -> AbstractContextManager[None]:
        return self._session.alone()

    @property
    def file(self) -> str:
        return str(self._session.path or "")

    @property
    def trail(self) -> Trail:
        return Trail(self._session)

    @property
    def upkeep(self) -> SqliteUpkeep:
        return SqliteUpkeep(self._session, self._blobs, self.run, self._numbers)

    def close(self) -> None:
        self._session.close()

    def _number(self, run: str) -> int:
        if run not in self._numbers:
            rows = self._session.read(statements.RUN_NUMBER, (run,))
            if not rows:
                raise self._unknown(run)
            self._numbers[run] = rows[0][0]
        return self._numbers[run]

    def _unknown(self, run: str) -> StoreError:
        known = [id_ for (id_,) in self._session.read(statements.RUN_IDS, ())]
        if run in known:  # the index by which it was looked up says otherwise
            return damaged("the list of runs", self._session.where)
        return rules.unknown(run, known, f"there are no runs in {self._session.where}")


class _NoStore(SqliteStore):
    """What readers see where no database is yet: no runs, and none can be begun."""

    def __init__(self, path: Path) -> None:
        super().__init__(Session(in_memory(), None), Form())
        self._path = path

    def create(self, commit: Commit, owner: Owner) -> int:
        raise StoreError(f"run '{commit.run}' can't begin: the database was opened for reading")

    def _unknown(self, run: str) -> StoreError:
        return rules.unknown(run, (), f"there are no runs: {self._path} does not exist")
