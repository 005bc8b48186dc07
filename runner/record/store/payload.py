"""Commits, values and projected rows as rows that are kept, and back; a checksum finds what a disk has changed."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from zlib import crc32

import msgspec

from runner.ground.advice import ask_doctor
from runner.ground.errors import StoreError
from runner.ground.json_value import Json
from runner.record.events import FORMAT as EVENT_FORMAT
from runner.record.events import Commit, Event, RunEnded, RunStarted, StepEnded, decode
from runner.record.store import statements
from runner.record.store.contract import LEASE_SECONDS, Message, RunRow
from runner.record.store.form import JSON as PLAIN
from runner.record.store.form import NEWEST, UNREADABLE, UNRECORDABLE, Form, Written, read, write
from runner.record.store.large import LARGE, Fetch, Lost, encode, has_too_much, lightened
from runner.record.store.tables import NUMBERS, Table

NOT_WHOLE = (*UNREADABLE, LookupError, struct.error)
"""What reading raises on a row that is damaged, or whose large values are lost."""

FEW = 8
"""Events of single steps that together have no more than a bounded size."""

_position = struct.Struct("<qqqqd").pack


class Packed(NamedTuple):
    """A commit as a row: `checksum` is the CRC-32 of its position, time, epoch, format and payload."""

    first: int
    last: int
    at: float
    epoch: int
    format: int
    checksum: int
    payload: bytes


Packing = tuple[Packed, Mapping[str, Any], int]
"""A commit packed: its row, its large values by hash, and how many bytes its events are in one piece."""


def pack(commit: Commit, form: Form) -> Packing:
    """A commit as a row. Raises StoreError when its events hold what JSON can't."""
    first, events, at, epoch = commit.first, commit.events, commit.at, commit.epoch
    last = first + len(events) - 1
    try:
        may_be_heavy = len(events) > FEW or any(map(_gathers, events))
        format_, payload, apart, size = write(events, form, may_be_heavy=may_be_heavy)
    except UNRECORDABLE as error:
        raise unrecordable(f"the events of run '{commit.run}'", error) from error
    checksum = crc32(payload, crc32(_position(first, last, epoch, format_, at)))
    return Packed(first, last, at, epoch, format_, checksum, payload), apart, size


def _gathers(event: Event) -> bool:
    """Whether an event gives what many steps gave; that of a single one is bounded."""
    return (isinstance(event, StepEnded) and isinstance(event.output, list | dict)) or isinstance(event, RunEnded)


def bound(packed: Packed) -> Sequence[Json]:
    """The row as parameters of a statement: text is bound as text, which SQL can read, and twice as fast as bytes."""
    return (*packed[:-1], packed.payload.decode()) if packed.format == PLAIN else packed


def unpack(run: str, row: Packed, where: str, fetch: Fetch) -> Commit:
    """The inverse of `pack`. Raises StoreError, naming the store `where`, when the row is damaged or newer."""
    first, last, at, epoch, format_, checksum, payload = row
    what = f"events {first}–{last} of run '{run}'"
    try:
        if format_ > NEWEST:
            raise newer(what, where)
        whole = crc32(payload, crc32(_position(first, last, epoch, format_, at))) == checksum
        events = decode(read(format_, payload, fetch))
    except NOT_WHOLE as error:
        raise damaged(what, where, error) from error
    if not whole or len(events) != last - first + 1:
        raise damaged(what, where)
    if isinstance(events[0], RunStarted) and events[0].format > EVENT_FORMAT:
        raise newer(what, where)
    return Commit(run, first, events, at, epoch)


def pack_value(value: Json, what: str, form: Form) -> Written:
    """Any JSON value in a form. Raises StoreError when it is none."""
    try:
        return write(value, form)
    except UNRECORDABLE as error:
        raise unrecordable(what, error) from error


def unpack_value(format_: int, data: bytes, fetch: Fetch) -> Json:
    """The inverse of `pack_value`. Raises what NOT_WHOLE lists."""
    return msgspec.json.decode(read(format_, data, fetch))


def upserts(
    table: Table, run: str, rows: Iterable[Mapping[str, Json]], apart: dict[str, Any]
) -> dict[str, list[list[Json]]]:
    """The statements that write projected rows, each with its parameters; large values go to `apart`, by hash.

    A statement names the columns that its rows give, and no other: a parameter that is NULL takes as long as ten.
    """
    found: dict[str, list[list[Json]]] = {}
    for row in rows:
        given = [name for name, value in row.items() if value is not None or name in table.emptied]
        values = [
            _pack_column(row[name], f"a row of {table.name}", apart) if name in table.json else row[name]
            for name in given
        ]
        found.setdefault(statements.upsert(table.name, table.key, tuple(given)), []).append([run, *values])
    return found


def projected_row(table: Table, values: Sequence[Json], fetch: Fetch) -> dict[str, Json]:
    """A projected row of what was selected. Raises what NOT_WHOLE lists."""
    row = dict(zip(("run_id", *table.columns), values, strict=True))
    for name, value in row.items():
        if value is not None and not isinstance(value, (int, float) if name in NUMBERS else str):
            raise TypeError(f"{name} is of another type")
    for name in table.json:
        if row[name] is not None:
            row[name] = unpack_value(PLAIN, row[name].encode(), fetch)
    return row


def _pack_column(value: Json, what: str, apart: dict[str, Any]) -> str:
    """A value as text that SQL can read; large values in it, or it itself, go to `apart`. Raises StoreError."""
    try:
        text = None if has_too_much(value) else encode(value)
        return (encode(lightened(value, apart)) if text is None or len(text) >= LARGE else text).decode()
    except UNRECORDABLE as error:
        raise unrecordable(what, error) from error


def to_json(value: Json, what: str) -> bytes:
    """JSON text in UTF-8. Raises StoreError when `what` holds text that is not Unicode, or nests too deeply."""
    try:
        return msgspec.json.encode(value)
    except UNRECORDABLE as error:
        raise unrecordable(what, error) from error


def unrecordable(what: str, error: Exception) -> StoreError:
    """A value that JSON can't hold."""
    if isinstance(error, UnicodeEncodeError):
        return StoreError(f"{what} can't be recorded: half a surrogate pair in them is no text")
    return StoreError(f"{what} can't be recorded as JSON: {error}")


def damaged(what: str, where: str, error: Exception | None = None) -> StoreError:
    """What is kept is not what was written."""
    why = f": {error}" if isinstance(error, Lost) else ""
    return StoreError(f"{where} is damaged: {what} can't be read{why}", ask_doctor())


def newer(what: str, where: str) -> StoreError:
    """What is kept was written by a later version."""
    return StoreError(f"{what} in {where} were written by a newer wf", "update wf to read them")


def message_of(run: str, row: Sequence[Json]) -> Message:
    """A message to a run, from its row. Raises what `NOT_WHOLE` names."""
    kind, at, target, value, id_ = row
    plain = {"run": run, "kind": kind, "at": at, "target": target, "id": id_, "value": msgspec.json.decode(value)}
    return msgspec.convert(plain, Message)


def run_row(row: Sequence[Json]) -> RunRow:
    """A run as its row tells it. Raises what `NOT_WHOLE` names."""
    *plain, host, pid, started, boot, lease, heartbeat, parent, fork = row
    named = {"host": host, "pid": pid, "started": started, "boot": boot, "lease": lease or LEASE_SECONDS}
    owner = None if host is None else named
    whole = dict(zip(RunRow.__struct_fields__, (*plain, owner, heartbeat, parent, fork), strict=True))
    return msgspec.convert(whole, RunRow)


def sealed(run: str, seq: int, state: bytes) -> int:
    """A snapshot's checksum. It covers whose it is: a damaged index may lead to another one, itself whole."""
    return crc32(state, crc32(f"{run}@{seq}".encode()))
