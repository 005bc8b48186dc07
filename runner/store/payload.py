"""A commit's events as the bytes that are kept, and back, with a checksum that finds what a disk has changed."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple
from zlib import crc32

import msgspec

from runner.errors import StoreError
from runner.events import FORMAT as EVENT_FORMAT
from runner.events import Commit, RunStarted, decode, encode

Json = Any

FORMAT = 1
"""How payloads are written: 1 is JSON text of event format 1. A higher number is a newer `wf`'s."""

DOCTOR = "`wf doctor` shows what is whole; nothing was changed"
"""What to do about damage."""

UNRECORDABLE = (UnicodeEncodeError, RecursionError, TypeError, msgspec.MsgspecError)
"""What the encoder raises on a value that JSON can't hold."""

UNREADABLE = (msgspec.MsgspecError, RecursionError, ValueError, TypeError, struct.error)
"""What reading raises on what is no JSON, or not of the shape it should have."""

_position = struct.Struct("<qqqqd").pack


class Packed(NamedTuple):
    """A commit as a row: `checksum` is the CRC-32 of its position, time, epoch and payload."""

    first: int
    last: int
    at: float
    epoch: int
    format: int
    checksum: int
    payload: bytes


def pack(commit: Commit) -> Packed:
    """A commit as a row. Raises StoreError when its events hold what JSON can't."""
    first, events, at, epoch = commit.first, commit.events, commit.at, commit.epoch
    last = first + len(events) - 1
    try:
        payload = encode(events)
    except UNRECORDABLE as error:
        raise unrecordable(f"the events of run '{commit.run}'", error) from error
    checksum = crc32(payload, crc32(_position(first, last, epoch, FORMAT, at)))
    return Packed(first, last, at, epoch, FORMAT, checksum, payload)


def unpack(run: str, row: Packed, where: str) -> Commit:
    """The inverse of `pack`. Raises StoreError, naming the store `where`, when the row is damaged or newer."""
    first, last, at, epoch, format_, checksum, payload = row
    what = f"events {first}–{last} of run '{run}'"
    try:
        if format_ > FORMAT:
            raise newer(what, where)
        whole = crc32(payload, crc32(_position(first, last, epoch, format_, at))) == checksum
        events = decode(payload)
    except UNREADABLE as error:
        raise damaged(what, where) from error
    if not whole or len(events) != last - first + 1:
        raise damaged(what, where)
    if isinstance(events[0], RunStarted) and events[0].format > EVENT_FORMAT:
        raise newer(what, where)
    return Commit(run, first, events, at, epoch)


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


def damaged(what: str, where: str) -> StoreError:
    """What is kept is not what was written."""
    return StoreError(f"{where} is damaged: {what} can't be read", DOCTOR)


def newer(what: str, where: str) -> StoreError:
    """What is kept was written by a later version."""
    return StoreError(f"{what} in {where} were written by a newer wf", "update wf to read them; nothing was changed")
