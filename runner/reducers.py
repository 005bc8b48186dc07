"""How a written value joins the one that a state key holds: pure functions, one per reducer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

Json = Any

KEYED = ("max_by", "min_by")


class ReducerError(Exception):
    """A contribution that its reducer can't take; the message says what was expected and what came."""


class State(dict[str, Json]):
    """A run's or a branch's values. `written` holds the keys of `first` reducers that already have their value."""

    __slots__ = ("written",)

    def __init__(self, values: Iterable[tuple[str, Json]] = (), written: Iterable[str] = ()) -> None:
        super().__init__(values)
        self.written = set(written)

    def branch(self) -> State:
        """A copy whose writes stay its own; the values themselves are shared, and never changed in place."""
        return State(self.items(), self.written)


def kind_of(value: Json) -> str:
    """A JSON value's type in words."""
    if isinstance(value, bool):
        return "a boolean"
    for type_, words in (
        (str, "a string"),
        (list, "a list"),
        (dict, "an object"),
        (int, "a number"),
        (float, "a number"),
    ):
        if isinstance(value, type_):
            return words
    return "null"


def _need(value: Json, expected: str, reducer: str) -> None:
    if kind_of(value) != expected:
        raise ReducerError(f"reducer '{reducer}' takes {expected}, got {kind_of(value)}")


def identity(value: Json) -> Any:
    """A hashable stand-in under which two JSON values are equal exactly when JSON says so (true is not 1)."""
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, list):
        return ("list", tuple(identity(item) for item in value))
    if isinstance(value, dict):
        return ("dict", frozenset((key, identity(item)) for key, item in value.items()))
    return value


def _append(old: Json, values: list[Json]) -> Json:
    _need(old, "a list", "append")
    return [*old, *values]


def _extend(old: Json, values: list[Json]) -> Json:
    _need(old, "a list", "extend")
    for value in values:
        _need(value, "a list", "extend")
    return [*old, *(item for value in values for item in value)]


def _union(old: Json, values: list[Json]) -> Json:
    for value in (old, *values):
        _need(value, "a list", "union")
    return _distinct(_extend(old, values))


def _distinct(items: list[Json]) -> list[Json]:
    seen: dict[Any, Json] = {}
    for item in items:
        seen.setdefault(identity(item), item)
    return list(seen.values())


def _merge(old: Json, values: list[Json]) -> Json:
    result: dict[str, Json] = {}
    for value in (old, *values):
        _need(value, "an object", "merge")
        result.update(value)
    return result


def _add(old: Json, values: list[Json]) -> Json:
    for value in (old, *values):
        _need(value, "a number", "add")
    total: int | float = sum(values, old)
    if isinstance(total, int) and not -(2**63) <= total < 2**63:
        raise ReducerError("reducer 'add' leaves the 64-bit integers")
    return total


def _extreme(name: str, better: Callable[[Json, Json], bool]) -> Callable[[Json, list[Json]], Json]:
    def reduce(old: Json, values: list[Json]) -> Json:
        best = old
        for value in values:
            if best is not None and (kind_of(best) != kind_of(value) or kind_of(value) not in ("a number", "a string")):
                raise ReducerError(
                    f"reducer '{name}' compares numbers, or strings, got {kind_of(best)} and {kind_of(value)}"
                )
            best = value if best is None or better(value, best) else best
        return best

    return reduce


def _field(value: Json, field: str, reducer: str) -> Json:
    if not isinstance(value, dict) or kind_of(value.get(field)) != "a number":
        raise ReducerError(
            f"reducer '{reducer}: {field}' takes an object whose '{field}' is a number, got {kind_of(value)}"
        )
    return value[field]


def _by_field(reducer: str, field: str, old: Json, values: list[Json]) -> Json:
    best = old if isinstance(old, dict) and field in old else None
    for value in values:
        score = _field(value, field, reducer)
        if best is None:
            best = value
            continue
        held = _field(best, field, reducer)
        best = value if (score > held if reducer == "max_by" else score < held) else best
    return best


REDUCERS: dict[str, Callable[[Json, list[Json]], Json]] = {
    "set": lambda _, values: values[-1],
    "append": _append,
    "extend": _extend,
    "add": _add,
    "merge": _merge,
    "union": _union,
    "min": _extreme("min", lambda new, best: new < best),
    "max": _extreme("max", lambda new, best: new > best),
    "first": lambda _, values: values[0],
    "last": lambda _, values: values[-1],
}


def reduce(how: str, old: Json, values: list[Json]) -> Json:
    """The value a key holds after `values` were contributed one after another. Raises ReducerError."""
    reducer, _, field = how.partition(":")
    if reducer in KEYED:
        return _by_field(reducer, field, old, values)
    return REDUCERS[reducer](old, values)


def contribute(state: State, key: str, how: str, values: list[Json]) -> None:
    """Write contributions to one key of `state`, in place. Raises ReducerError."""
    if how == "first" and key in state.written:
        return
    state[key] = reduce(how, state.get(key), values)
    if how == "first":
        state.written.add(key)
