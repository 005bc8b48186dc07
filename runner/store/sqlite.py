"""Runs kept in a SQLite file, which several processes may use at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec
from sqlite_utils import Database

from runner.errors import StoreError
from runner.events import Commit, RunForked
from runner.store import rules, statements
from runner.store.connection import Durability, connect
from runner.store.contract import Definition, Message, Owner, Rows, RunRow, Snapshot, Store, VersionRow
from runner.store.driver import sqlite3
from runner.store.faults import FAULTS, explain, explained
from runner.store.memory import NoStore
from runner.store.payload import Packed, damaged, from_json, pack, to_json, unpack
from runner.store.tables import PROJECTED, Table

Json = Any
Values = Sequence[Json] | dict[str, Json]

_UPSERTS = {name: statements.upsert(table) for name, table in PROJECTED.items()}
_SELECTS = {name: statements.select(table) for name, table in PROJECTED.items()}

_RUN_FIELDS = RunRow.__struct_fields__

_LAST = 2**32 - 1
"""More events than that no run can have: they are numbered in 32 bits."""


def open_store(path: Path, *, durability: Durability = "full", create: bool = True) -> Store:
    """The store in the file at `path`. Without `create` a missing file reads as one without runs, and stays missing.

    `full` survives the loss of power, `normal` that of the process. Raises StoreError when the file can't be used.
    """
    if not create and not path.exists() and not Path(f"{path}-wal").exists():
        return NoStore()
    return SqliteStore(connect(path, durability, create=create), path)


class SqliteStore:
    """A store on one connection. It may be used from any thread, by one at a time."""

    def __init__(self, database: Database, path: Path) -> None:
        self._database = database
        self._path = path
        self._numbers: dict[str, int] = {}

    def save_definition(self, definition: Definition) -> None:
        """See `Store`."""
        texts = {path: text.encode() for path, text in definition.files.items()}
        hashes = {path: sha256(text).hexdigest() for path, text in texts.items()}
        files = to_json(hashes, "the workflow's file names").decode()
        row = (definition.hash, definition.name, definition.version, definition.file, definition.folder, files)
        with self._transaction():
            if self._write(statements.INSERT_DEFINITION, row):
                for path, text in texts.items():
                    self._write(statements.INSERT_BLOB, (hashes[path], text))
                self._save_graph(definition)

    def _save_graph(self, definition: Definition) -> None:
        for position, node in enumerate(definition.nodes):
            row = (definition.hash, position, node["path"], node["id"], node["verb"], node["title"])
            self._write(statements.INSERT_NODE, row)
        for position, edge in enumerate(definition.edges):
            arrow = (definition.hash, position, edge["from"], edge["to"], edge["condition"])
            self._write(statements.INSERT_EDGE, arrow)

    def definition(self, hash: str) -> Definition:
        """See `Store`."""
        rows = self._read(statements.DEFINITION, (hash,))
        if not rows:
            raise rules.no_definition(hash)
        with self._sound(f"workflow version {hash[:12]}") as what:
            name, version, file, folder, files = rows[0]
            hashes = from_json(files, what, str(self._path))
            texts = {path: self._text(blob) for path, blob in hashes.items()}
            nodes = self._mappings(statements.NODES, hash, ("path", "id", "verb", "title"))
            edges = self._mappings(statements.EDGES, hash, ("from", "to", "condition"))
            return Definition(hash, name, version, file, folder, texts, nodes, edges)

    def _mappings(self, statement: str, hash: str, names: Sequence[str]) -> tuple[dict[str, Json], ...]:
        return tuple(dict(zip(names, row, strict=True)) for row in self._read(statement, (hash,)))

    def _text(self, blob: str) -> str:
        rows = self._read(statements.BLOB, (blob,))
        if not rows or sha256(rows[0][0]).hexdigest() != blob:
            raise damaged(f"blob {blob[:12]}", str(self._path))
        return str(rows[0][0], "utf-8")

    def versions(self, name: str | None = None) -> list[VersionRow]:
        """See `Store`."""
        with self._sound("the list of versions"):
            return [VersionRow(*row) for row in self._read(statements.VERSIONS, (name,))]

    def create(self, commit: Commit, owner: Owner) -> int:
        """See `Store`."""
        start = rules.started(commit)
        packed = pack(commit)
        lease = (owner.host, owner.pid, owner.started, owner.boot, commit.at)
        status = rules.status_after(commit)
        origin = self._fork_point(start) if isinstance(start, RunForked) else (None, None)
        row = (commit.run, start.workflow, start.version, start.definition, status, commit.at, commit.epoch, *lease)
        if not self._read(statements.DEFINITION, (start.definition,)):
            raise rules.no_definition(start.definition)
        with self._transaction():
            inserted = self._execute(statements.INSERT_RUN, (*row, *origin))
            if not inserted.rowcount:
                raise rules.taken_id(commit.run)
            self._write(statements.FIRST_EVENTS, (inserted.lastrowid, *packed))
            self._write(statements.INSERT_RUN_VERSION, (inserted.lastrowid, start.definition))
        return len(packed.payload)

    def _fork_point(self, forked: RunForked) -> tuple[int, int]:
        for run, upto in self._line(forked.parent):
            if forked.at <= upto and self._read(statements.ENDS_COMMIT, (self._number(run), forked.at)):
                return self._number(forked.parent), forked.at
        raise rules.no_checkpoint(forked.parent, forked.at)

    def _line(self, run: str) -> list[tuple[str, int]]:
        """The runs that recorded a run's past, oldest first and itself last, each with the last event that counts."""
        line = [(run, _LAST)]
        while origin := self._read(statements.ORIGIN, (line[0][0],)):
            parent, fork = origin[0]
            line.insert(0, (parent, min(fork, line[0][1])))
        return line

    def append(self, commit: Commit, taken: Sequence[int] = ()) -> int:
        """See `Store`."""
        rules.check_order(commit)
        packed = pack(commit)
        values = (self._number(commit.run), *packed)
        status = rules.status_after(commit)
        if status is None and not taken:
            self._append(commit, values)
            return len(packed.payload)
        with self._transaction():
            self._append(commit, values)
            if status is not None:
                self._write(statements.SET_STATUS, (status, values[0]))
            if resumed := rules.version_after(commit):
                self._write(statements.SET_VERSION, (resumed.definition, resumed.version, values[0]))
                self._write(statements.INSERT_RUN_VERSION, (values[0], resumed.definition))
            if taken:
                self._take(commit.run, taken)
        return len(packed.payload)

    def _append(self, commit: Commit, values: Values) -> None:
        if not self._write(statements.APPEND_EVENTS, values):
            raise rules.refused(commit, self.run(commit.run))

    def _take(self, run: str, taken: Sequence[int]) -> None:
        ids = to_json(list(taken), "message ids").decode()
        if self._write(statements.TAKE, (run, ids)) != len(set(taken)):
            raise rules.not_in_inbox(run)

    def save_snapshot(self, snapshot: Snapshot, rows: Rows, epoch: int) -> None:
        """See `Store`."""
        kept = (self._number(snapshot.run), snapshot.seq, snapshot.at, crc32(snapshot.state), snapshot.state, epoch)
        with self._transaction():
            if not self._write(statements.INSERT_SNAPSHOT, kept):
                raise self._why_no_snapshot(snapshot, epoch)
            for name, changed in rows.tables.items():
                whole = _whole(PROJECTED[name], snapshot.run, changed)
                self._database.conn.executemany(_UPSERTS[name], whole)

    def _why_no_snapshot(self, snapshot: Snapshot, epoch: int) -> StoreError:
        run = self.run(snapshot.run)
        return rules.fenced(run, epoch) if run.epoch != epoch else rules.no_checkpoint(snapshot.run, snapshot.seq)

    def snapshot(self, run: str, upto: int | None = None) -> Snapshot | None:
        """See `Store`."""
        last = _LAST if upto is None else upto
        for recorder, until in reversed(self._line(run)):
            if rows := self._read(statements.SNAPSHOT, (recorder, min(last, until))):
                return self._snapshot(recorder, rows[0])
        return None

    def _snapshot(self, run: str, row: Sequence[Json]) -> Snapshot:
        seq, at, checksum, state = row
        with self._sound(f"the snapshot of run '{run}' after event {seq}") as what:
            if crc32(state) != checksum:
                raise damaged(what, str(self._path))
            return msgspec.convert({"run": run, "seq": seq, "at": at, "state": state}, Snapshot)

    def commits(self, run: str, after: int = 0, upto: int | None = None) -> Iterator[Commit]:
        """See `Store`."""
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
        for row in self._stream(statements.COMMITS, (self._number(run), after, upto)):
            yield unpack(run, Packed(*row), str(self._path))

    def _last_event(self, run: str) -> int:
        rows = self._read(statements.LAST_EVENT, (self._number(run),))
        if not rows:
            raise damaged(f"the history of run '{run}'", str(self._path))
        return int(rows[0][0])

    def _missing(self, run: str, first: int, until: int) -> StoreError:
        return damaged(f"events {first}–{until - 1} of run '{run}'", str(self._path))

    def projected(self, run: str, table: str) -> list[dict[str, Json]]:
        """See `Store`."""
        shape = PROJECTED[table]
        rows = self._read(_SELECTS[table], (run,))
        with self._sound(f"the table {table} of run '{run}'") as what:
            return shape.sorted(_from_columns(shape, row, what, str(self._path)) for row in rows)

    def run(self, run: str) -> RunRow:
        """See `Store`."""
        rows = self._read(statements.RUN, (run,))
        if not rows:
            raise self._unknown(run)
        with self._sound(f"run '{run}'"):
            return _run_row(rows[0])

    def runs(self, *, status: str | None = None, workflow: str | None = None, limit: int = 50) -> list[RunRow]:
        """See `Store`."""
        rows = self._read(statements.RUNS, (status, workflow, limit))
        with self._sound("the list of runs"):
            return [_run_row(row) for row in rows]

    def claim(self, run: str, owner: Owner, at: float, expected_epoch: int) -> int:
        """See `Store`."""
        values = (owner.host, owner.pid, owner.started, owner.boot, at, self._number(run), expected_epoch)
        if not self._write(statements.CLAIM, values):
            raise rules.busy(self.run(run))
        return expected_epoch + 1

    def heartbeat(self, run: str, epoch: int, at: float) -> None:
        """See `Store`."""
        if not self._write(statements.HEARTBEAT, (at, self._number(run), epoch)):
            raise rules.fenced(self.run(run), epoch)

    def release(self, run: str, epoch: int) -> None:
        """See `Store`."""
        self._write(statements.RELEASE, (self._number(run), epoch))

    def post(self, message: Message) -> int:
        """See `Store`."""
        value = to_json(message.value, f"a message to run '{message.run}'").decode()
        values = (message.kind, message.target, value, message.at, self._number(message.run))
        cursor = self._execute(statements.POST, values)
        if not cursor.rowcount or cursor.lastrowid is None:
            raise self._unknown(message.run)
        return cursor.lastrowid

    def inbox(self, run: str) -> list[Message]:
        """See `Store`."""
        rows = self._read(statements.INBOX, (run,))
        with self._sound(f"a message to run '{run}'") as what:
            return [self._message(run, row, what) for row in rows]

    def _message(self, run: str, row: Sequence[Json], what: str) -> Message:
        kind, at, target, value, id_ = row
        plain = {"run": run, "kind": kind, "at": at, "target": target, "id": id_}
        return msgspec.convert(plain | {"value": from_json(value, what, str(self._path))}, Message)

    def close(self) -> None:
        """See `Store`."""
        with explained(self._path):
            self._database.close()

    def _number(self, run: str) -> int:
        number = self._numbers.get(run)
        if number is None:
            rows = self._read(statements.RUN_NUMBER, (run,))
            if not rows:
                raise self._unknown(run)
            number = self._numbers[run] = rows[0][0]
        return number

    def _unknown(self, run: str) -> StoreError:
        return rules.unknown(run, [id_ for (id_,) in self._read(statements.RUN_IDS, ())])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing. Its first statement is a write, so that it waits for its turn before it reads."""
        with explained(self._path), self._database.atomic():
            yield

    def _execute(self, statement: str, values: Values) -> sqlite3.Cursor:
        try:
            return self._database.execute(statement, values)
        except FAULTS as error:
            raise explain(error, self._path) from error

    def _write(self, statement: str, values: Values) -> int:
        """How many rows the statement wrote."""
        return self._execute(statement, values).rowcount

    def _read(self, statement: str, values: Values) -> list[Sequence[Json]]:
        try:
            return self._database.execute(statement, values).fetchall()
        except UnicodeEncodeError:
            return []  # half a surrogate pair equals nothing that is recorded
        except FAULTS as error:
            raise explain(error, self._path) from error

    @contextmanager
    def _sound(self, what: str) -> Iterator[str]:
        """Turn what wrong types in rows bring about into the error that they are damaged."""
        try:
            yield what
        except (TypeError, LookupError, ValueError) as error:
            raise damaged(what, str(self._path)) from error

    def _stream(self, statement: str, values: Values) -> Iterator[Sequence[Json]]:
        with explained(self._path):
            yield from self._database.execute(statement, values)


def _run_row(row: Sequence[Json]) -> RunRow:
    *plain, host, pid, started, boot, heartbeat, parent, fork = row
    owner = None if host is None else {"host": host, "pid": pid, "started": started, "boot": boot}
    whole = dict(zip(_RUN_FIELDS, (*plain, owner, heartbeat, parent, fork), strict=True))
    return msgspec.convert(whole, RunRow)


def _whole(table: Table, run: str, rows: Iterable[Mapping[str, Json]]) -> Iterator[list[Json]]:
    """Rows as a statement's parameters: JSON as text, and NULL for what a row leaves out."""
    places = [(place, name) for place, name in enumerate(table.columns, start=1) if name in table.json]
    for row in rows:
        whole = [run, *map(row.get, table.columns)]
        for place, name in places:
            if name in row:
                whole[place] = to_json(row[name], f"a row of {table.name}").decode()
        yield whole


def _from_columns(table: Table, values: Sequence[Json], what: str, where: str) -> dict[str, Json]:
    row = dict(zip(("run_id", *table.columns), values, strict=True))
    for name in table.json:
        if row[name] is not None:
            row[name] = from_json(row[name], what, where)
    return row
