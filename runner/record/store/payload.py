"""A commit's events as the row that is kept, and back, with a checksum that finds what a disk has changed."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from zlib import crc32

import msgspec

from runner.ground.errors import StoreError
from runner.ground.json_value import Json
from runner.record.events import FORMAT as EVENT_FORMAT
from runner.record.events import Commit, RunStarted, decode
from runner.record.store.form import JSON as PLAIN
from runner.record.store.form import NEWEST, UNREADABLE, UNRECORDABLE, Form, Written, read, write
from runner.record.store.large import LARGE, Fetch, Lost, encode, lightened

DOCTOR = "`wf doctor` shows what is whole"
"""What to do about damage."""

NOT_WHOLE = (*UNREADABLE, Lost, struct.error)
"""What reading raises on a row that is damaged, or whose large values are."""

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


Packing = tuple[Packed, Mapping[str, bytes], int]
"""A commit packed: its row, its large values by hash, and how many bytes its events are in one piece."""


def pack(commit: Commit, form: Form) -> Packing:
    """A commit as a row. Raises StoreError when its events hold what JSON can't."""
    first, events, at, epoch = commit.first, commit.events, commit.at, commit.epoch
    last = first + len(events) - 1
    try:
        format_, payload, apart, size = write(events, form)
    except UNRECORDABLE as error:
        raise unrecordable(f"the events of run '{commit.run}'", error) from error
    checksum = crc32(payload, crc32(_position(first, last, epoch, format_, at)))
    return Packed(first, last, at, epoch, format_, checksum, payload), apart, size


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


def unpack_value(format_: int, data: bytes, what: str, where: str, fetch: Fetch) -> Json:
    """The inverse of `pack_value`. Raises StoreError when the bytes or its large values are damaged."""
    try:
        return msgspec.json.decode(read(format_, data, fetch))
    except NOT_WHOLE as error:
        raise damaged(what, where, error) from error


def pack_column(value: Json, what: str, apart: dict[str, bytes]) -> str:
    """A value as text that SQL can read; large values in it, or it itself, go to `apart`. Raises StoreError."""
    try:
        text = encode(value)
        return (text if len(text) < LARGE else encode(lightened(value, apart))).decode()
    except UNRECORDABLE as error:
        raise unrecordable(what, error) from error


def to_json(value: Json, what: str) -> bytes:
    """JSON text in UTF-8. Raises StoreError when `what` holds text that is not Unicode, or nests too deeply."""
    try:
        return msgspec.json.encode(value)
    except UNRECORDABLE as error:
        raise unrecordable(what, error) from error


def from_json(data: bytes | str, what: str, where: str) -> Json:
    """The inverse of `to_json`. Raises StoreError when the text is damaged."""
    try:
        return msgspec.json.decode(data)
    except UNREADABLE as error:
        raise damaged(what, where) from error


def unrecordable(what: str, error: Exception) -> StoreError:
    """A value that JSON can't hold."""
    if isinstance(error, UnicodeEncodeError):
        return StoreError(f"{what} can't be recorded: half a surrogate pair in them is no text")
    return StoreError(f"{what} can't be recorded as JSON: {error}")


def damaged(what: str, where: str, error: Exception | None = None) -> StoreError:
    """What is kept is not what was written."""
    why = f": {error}" if isinstance(error, Lost) else ""
    return StoreError(f"{where} is damaged: {what} can't be read{why}", DOCTOR)


def newer(what: str, where: str) -> StoreError:
    """What is kept was written by a later version."""
    return StoreError(f"{what} in {where} were written by a newer wf", "update wf to read them")
