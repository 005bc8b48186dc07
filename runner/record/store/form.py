"""How values are written: as JSON or MessagePack, compressed or not. Each row says its own format."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from runner.ground.errors import StoreError
from runner.record.store.large import (
    LARGE,
    LONGEST,
    BlobReference,
    Fetch,
    encode,
    measured,
    outweighs,
    put_together,
    referred,
    take_apart,
)

Codec = Literal["json", "msgpack"]
Compression = Literal["none", "zlib"]

JSON, MESSAGEPACK = 1, 2
ZLIB = 2
"""What compression adds to the number of a format."""

NEWEST = MESSAGEPACK + ZLIB
"""The highest number of a format that is known here; a higher one is a newer `wf`'s."""

WORTHWHILE = 256
"""Bytes below which nothing is compressed."""

UNRECORDABLE = (UnicodeEncodeError, RecursionError, TypeError, msgspec.MsgspecError)
"""What writing raises on a value that JSON can't hold."""

UNREADABLE = (msgspec.MsgspecError, RecursionError, ValueError, TypeError, zlib.error)
"""What reading raises on what was not written here, or has changed since."""

_EXTENSION = 1
"""The type of MessagePack's extension that a reference is. No value can imitate one: JSON has no extensions."""


class Form(msgspec.Struct, frozen=True):
    """How new rows are written. Rows of every form are read, whatever this says."""

    codec: Codec = "json"
    compression: Compression = "none"


Written = tuple[int, bytes, Mapping[str, Any], int]
"""A value written: the number of its format, bytes, its large values by hash, how many bytes it is in one piece."""

_NONE: Mapping[str, Any] = {}


def write(value: Any, form: Form, *, may_be_large: bool = True) -> Written:
    """A value in a form. Raises what UNRECORDABLE lists, and StoreError when it is too large to be read again.

    One that is large at a first look is not written in one piece to learn its size.
    """
    if may_be_large and outweighs(value, LARGE):
        return _write_large(value, form)
    format_, data = (JSON, encode(value)) if form.codec == "json" else _messagepack(value)
    size = len(data)
    if size >= LARGE:
        del data
        return _write_large(value, form)
    if form.compression == "none":
        return format_, data, _NONE, size
    added, data = compressed(data, form)
    return format_ + added, data, _NONE, size


def _write_large(value: Any, form: Form) -> Written:
    apart: dict[str, Any] = {}
    rest = take_apart(value, apart)
    format_, (data, size) = JSON, measured(rest)
    if size > LONGEST:
        raise StoreError(f"{size} bytes are too large a value", "let the step write it to a file, and keep its path")
    if form.codec != "json":
        format_, data = _messagepack(rest)
    added, data = compressed(data, form)
    return format_ + added, data, apart, size


def _messagepack(value: Any) -> tuple[int, bytes]:
    """As MessagePack; as JSON if it holds an integer past 64 bits, which MessagePack has not."""
    try:
        return MESSAGEPACK, _encode_messagepack(value)
    except OverflowError:
        return JSON, encode(value)


def _extension(thing: object) -> msgspec.msgpack.Ext:
    if isinstance(thing, BlobReference):
        return msgspec.msgpack.Ext(_EXTENSION, bytes.fromhex(thing.hash))
    raise TypeError(f"{type(thing).__name__} is no JSON")


def _reference(type_: int, content: memoryview) -> BlobReference:
    if type_ != _EXTENSION:
        raise ValueError(f"an extension of type {type_}")
    return BlobReference(content.hex())


_encode_messagepack = msgspec.msgpack.Encoder(enc_hook=_extension).encode
_decode_messagepack = msgspec.msgpack.Decoder(ext_hook=_reference).decode


def read(format_: int, data: bytes, fetch: Fetch) -> bytes:
    """What `write` wrote, as JSON text. Raises Lost, and what UNREADABLE lists."""
    return put_together(_text(format_, data), fetch)


def needed(format_: int, data: bytes, fetch: Fetch) -> set[str]:
    """The hashes of the large values that are needed to read it. Raises as `read` does."""
    return referred(_text(format_, data), fetch)


def _text(format_: int, data: bytes) -> bytes:
    """JSON text with marks. MessagePack is turned into it: nothing that JSON can't hold gets in by it."""
    if not JSON <= format_ <= NEWEST:
        raise ValueError(f"there is no format {format_}")
    plain = expanded(format_ > MESSAGEPACK, data)
    return plain if format_ in (JSON, JSON + ZLIB) else encode(_decode_messagepack(plain))


def compressed(content: bytes, form: Form) -> tuple[int, bytes]:
    """Compressed content, if the form says so and it gets smaller; the number is what that adds to its format."""
    if form.compression == "zlib" and len(content) >= WORTHWHILE:
        smaller = zlib.compress(content)
        if len(smaller) < len(content):
            return ZLIB, smaller
    return 0, content


def expanded(added: int, content: bytes) -> bytes:
    """The inverse of `compressed`. Raises what UNREADABLE lists."""
    return _inflated(content) if added else content


def _inflated(data: bytes) -> bytes:
    inflating = zlib.decompressobj()
    plain = inflating.decompress(data, LONGEST)
    if not inflating.eof:
        raise ValueError("cut off, or too long")
    return plain
