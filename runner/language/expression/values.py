"""The values of expressions: JSON as Python holds it, and what CEL has beyond JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import NoneType
from typing import Any

from msgspec import Struct

from runner.language.expression.evaluation import Fault

MIN_INT = -(2**63)
MAX_INT = 2**63 - 1
MAX_UINT = 2**64 - 1


class Uint(int):
    """An unsigned integer of 64 bits: equal to an int or a double of the same number, yet of another type."""

    __slots__ = ()


class Timestamp(Struct, frozen=True, order=True):
    """A moment, in nanoseconds since 1970 (UTC), in the years 1 to 9999."""

    nanoseconds: int


class CelDuration(Struct, frozen=True, order=True):
    """A length of time in nanoseconds, of 64 bits: some 292 years either way."""

    nanoseconds: int


class Type(Struct, frozen=True):
    """The type of a value, itself a value."""

    name: str


class Map(Mapping[Any, Any]):
    """A map whose keys are not all strings. Numbers are one key if equal; a bool is no number."""

    __slots__ = ("_entries",)

    def __init__(self, pairs: Iterable[tuple[Any, Any]]) -> None:
        self._entries = {_slot(key): (key, value) for key, value in pairs}

    def __getitem__(self, key: Any) -> Any:
        return self._entries[_slot(key)][1]

    def __iter__(self) -> Iterator[Any]:
        return (key for key, _ in self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"Map({list(self._entries.values())!r})"


def _slot(key: Any) -> Any:
    """What Python may look up: to Python, `True` and `1` are the same key."""
    return (key,) if type(key) is bool else key


def map_of(pairs: Sequence[tuple[Any, Any]]) -> Mapping[Any, Any]:
    """A map of these keys and values; a key given twice, or of a type that is no key, is a fault."""
    for key, _ in pairs:
        if type(key) not in _KEYS:
            raise Fault(f"a map's key must be a string, int, uint or bool, not {name_of(key)}")
    made: Mapping[Any, Any] = dict(pairs) if all(type(key) is str for key, _ in pairs) else Map(pairs)
    if len(made) < len(pairs):
        raise Fault("a key stands twice in this map", "keep one of them")
    return made


_KEYS = frozenset({str, int, Uint, bool})

_TYPES: dict[type, Type] = {
    NoneType: Type("null_type"),
    bool: Type("bool"),
    int: Type("int"),
    Uint: Type("uint"),
    float: Type("double"),
    str: Type("string"),
    bytes: Type("bytes"),
    list: Type("list"),
    dict: Type("map"),
    Map: Type("map"),
    Timestamp: Type("google.protobuf.Timestamp"),
    CelDuration: Type("google.protobuf.Duration"),
    Type: Type("type"),
}

TYPE_NAMES: Mapping[str, Type] = {kind.name: kind for kind in _TYPES.values()}
"""The types that an expression may name."""

ADMITTED = frozenset(_TYPES) - {int}
"""Python types that need no closer look."""

SCALARS = ADMITTED - {list, dict, Map} | {int}
"""Types whose values are compared by Python as CEL compares them."""

NUMBERS = frozenset({int, Uint, float})


def admit(value: Any) -> Any:
    """The value, if it is one of JSON or of CEL; a subclass of a plain type becomes that type."""
    kind = type(value)
    if kind is int:
        if MIN_INT <= value <= MAX_INT:
            return value
        raise Fault("an integer does not fit 64 bits", "keep it as text or as a double")
    return value if kind in ADMITTED or isinstance(value, dict) else _plain(value)


def _plain(value: Any) -> Any:
    match value:
        case str():
            return str.__getitem__(value, slice(None))
        case int():
            return admit(int.__int__(value))
        case float():
            return float.__float__(value)
        case bytearray() | memoryview():
            raise _foreign(value)
        case Mapping() | Sequence():
            return value
    raise _foreign(value)


def _foreign(value: Any) -> Fault:
    return Fault(f"a Python {type(value).__name__} is not a value of expressions", "give JSON values only")


def is_map(value: Any) -> bool:
    kind = type(value)
    return kind is dict or kind is Map or (kind not in _TYPES and isinstance(value, Mapping))


def is_list(value: Any) -> bool:
    kind = type(value)
    return kind is list or (kind not in _TYPES and isinstance(value, Sequence) and not isinstance(value, str | bytes))


def type_of(value: Any) -> Type:
    known = _TYPES.get(type(value))
    return known or (_TYPES[dict] if is_map(value) else _TYPES[list])


_WORDS = {"null_type": "null", "google.protobuf.Timestamp": "timestamp", "google.protobuf.Duration": "duration"}


def name_of(value: Any) -> str:
    """The type of a value, as messages name it."""
    name = type_of(value).name
    return _WORDS.get(name, name)


def look_up(mapping: Mapping[Any, Any], key: Any) -> Any:
    """The value under a key, or KeyError. A map of JSON has only strings for keys."""
    if type(key) is str or (type(mapping) is Map and type(key) in _KEYS | {float}):
        return mapping[key]
    raise KeyError(key)


def holds_key(mapping: Mapping[Any, Any], key: Any) -> bool:
    """Whether a key is there; a mapping that makes its values when asked may know more keys than it lists."""
    try:
        if type(mapping) is dict:
            return type(key) is str and key in mapping
        look_up(mapping, key)
    except KeyError:
        return False
    return True
