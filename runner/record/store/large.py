"""Values too large to be written again and again: kept apart, each once, under the hash of its content."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from hashlib import sha256
from itertools import islice
from typing import Any

import msgspec

LARGE = 4 * 1024
"""Bytes from which on a value is kept apart: characters of a text, JSON text of a list or an object."""

DEEPEST = 16
"""Levels down to which large values are looked for; what lies deeper stays with the one around it."""

LONGEST = 1_000_000_000
"""Bytes that values put together may have: as much as SQLite lets one value have."""

MARK = b"\x1a"
"""What a reference begins with in JSON text (SUB). JSON writes it as \\u001a, so that no value can imitate one."""

_SMALL = frozenset({int, float, bool, type(None)})
"""Types whose values are never large: a long list of numbers is passed over quickly."""

_FEW = 16
"""Parts of a value that are looked at before it is written to learn how large it is, where it has more of them."""

_TOGETHER = (128, 16)
"""Parts of a value that are looked at in one piece, the more first: a million small ones would take seconds one by one.
"""

_REFERENCE = re.compile(MARK + rb"([0-9a-f]{64})")

Fetch = Callable[[str], bytes]
"""Gives the content of a value that was kept apart, by its hash. Raises Lost."""


class Lost(LookupError):
    """A value that was kept apart is not there any more, or is not what it was."""

    def __init__(self, hash_: str, how: str) -> None:
        super().__init__(f"the large value {hash_[:12]} is {how}")


class BlobReference:
    """Stands in the place of a value that is kept apart, and whose JSON text has `size` bytes in one piece."""

    __slots__ = ("hash", "size")

    def __init__(self, hash_: str, size: int = 0) -> None:
        self.hash = hash_
        self.size = size


def _marked(thing: object) -> msgspec.Raw:
    if isinstance(thing, BlobReference):
        return msgspec.Raw(MARK + thing.hash.encode())
    raise TypeError(f"{type(thing).__name__} is no JSON")


encode: Callable[[Any], bytes] = msgspec.json.Encoder(enc_hook=_marked).encode
"""A value that may hold references, as JSON text with marks."""


def measured(value: Any) -> tuple[bytes, int]:
    """As `encode`, and how many bytes it would be with the values in the place of the references."""
    more = 0

    def marked(thing: object) -> msgspec.Raw:
        nonlocal more
        raw = _marked(thing)
        more += thing.size - len(bytes(raw)) if isinstance(thing, BlobReference) else 0
        return raw

    text = msgspec.json.Encoder(enc_hook=marked).encode(value)
    return text, len(text) + more


def take_apart(value: Any, apart: dict[str, Any], deepest: int = DEEPEST) -> Any:
    """The value with references in the place of the large ones in it; those go to `apart`, by hash, not yet as text:
    all their texts at once would take as much memory again.

    What becomes of a value depends on nothing around it, so that the same one is always kept under the same hash. One
    that is large even without the large ones in it is kept apart itself, and refers to them.
    """
    if isinstance(value, msgspec.Struct):
        value = msgspec.to_builtins(value)
    if isinstance(value, dict):
        return dict(zip(value, _all_lightened(list(value.values()), apart, deepest), strict=True))
    if isinstance(value, list | tuple):
        return _all_lightened(value, apart, deepest)
    return value


def _all_lightened(values: Sequence[Any], apart: dict[str, Any], deepest: int) -> list[Any]:
    """Each as `lightened`; of a great many, several that are small together are so each, and are looked at as one."""
    size = next((size for size in _TOGETHER if size < len(values)), None)
    if size is None:
        return [inner if type(inner) in _SMALL else lightened(inner, apart, deepest) for inner in values]
    light: list[Any] = []
    for start in range(0, len(values), size):
        several = values[start : start + size]
        is_small = not outweighs(several, LARGE, _FEW) and len(encode(several)) < LARGE
        light += several if is_small else _all_lightened(several, apart, deepest)
    return light


def lightened(value: Any, apart: dict[str, Any], deepest: int = DEEPEST) -> Any:
    """As `take_apart`, but a reference if the value is large itself."""
    if not _is_large(value):
        return value
    rest = take_apart(value, apart, deepest - 1) if deepest else value
    text, size = measured(rest)
    if len(text) < LARGE:
        return rest
    hash_ = sha256(text).hexdigest()
    apart[hash_] = rest
    return BlobReference(hash_, size)


def _is_large(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) >= LARGE
    if not isinstance(value, dict | list | tuple | msgspec.Struct):
        return False
    return has_too_much(value) or len(encode(value)) >= LARGE


def has_too_much(value: Any) -> bool:
    """Whether few of a value's many parts show that it is large: writing it to learn so would take long."""
    return isinstance(value, dict | list | tuple) and len(value) > _FEW and outweighs(value, LARGE, _FEW)


def outweighs(value: Any, bound: int, looks: int = 1000) -> bool:
    """Whether a value has surely more JSON text than `bound`, as far as so many looks at parts of it tell."""
    pending, weight = [value], 0
    while pending and weight < bound and looks:
        inner = pending.pop()
        weight += 1
        looks -= 1
        if type(inner) in _SMALL:
            continue
        if isinstance(inner, str):
            weight += len(inner)
        elif isinstance(inner, dict):
            weight += 4 * len(inner)  # quotes, colon and comma
            pending.extend(islice(inner.values(), looks))
        elif isinstance(inner, (list, tuple)):
            weight += len(inner)  # commas
            pending.extend(islice(inner, looks))
        elif isinstance(inner, msgspec.Struct):
            pending.extend(msgspec.structs.astuple(inner))
    return weight >= bound


def referred(text: bytes, fetch: Fetch) -> set[str]:
    """The hashes of all values that JSON text with marks refers to, by way of others too. Raises Lost."""
    found: set[str] = set()
    pending = [text]
    while pending:
        hashes = {hash_.decode() for hash_ in _REFERENCE.findall(pending.pop())} - found
        found |= hashes
        pending += map(fetch, hashes)
    return found


def put_together(text: bytes, fetch: Fetch) -> bytes:
    """JSON text with the values in the place of the marks. Raises Lost; ValueError when it gets longer than LONGEST."""
    return _Whole(fetch).text(text) if MARK in text else text


class _Whole:
    """Puts texts together, reading each value once however many refer to it."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._known: dict[bytes, bytes] = {}

    def text(self, text: bytes) -> bytes:
        parts = _REFERENCE.split(text)
        parts[1::2] = map(self._value, parts[1::2])
        if sum(map(len, parts)) > LONGEST:
            raise ValueError("too long to be put together")
        return b"".join(parts)

    def _value(self, hash_: bytes) -> bytes:
        if hash_ not in self._known:
            self._known[hash_] = self.text(self._fetch(hash_.decode()))
        return self._known[hash_]
