"""How a written value joins the one that a state key holds: pure functions, one per reducer."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from functools import partial
from itertools import chain
from operator import is_

from runner.ground.json_value import Json, equality_key, same_json

KEYED = ("max_by", "min_by")
_GROWING = frozenset({"append", "extend", "union", "merge"})
_WHOLE = frozenset({"set", "first", "last", "min", "max"})

_FEW = 16
"""Parts of a value up to which it grows anew sooner than it is found out how it grew last."""


class ReducerError(Exception):
    """A contribution that its reducer can't take; the message says what was expected and what came."""


class _Growth:
    """How a key's value last grew: from `old`, by `values`, to `new`; of a union also what is in it, by identity."""

    __slots__ = ("new", "old", "seen", "values")

    def __init__(self, old: Json, values: list[Json], new: Json, seen: set[Hashable] | None) -> None:
        self.old = old
        self.values = values
        self.new = new
        self.seen = seen

    def is_of(self, old: Json, values: list[Json]) -> bool:
        """Whether these very values grew from this very one."""
        return self.old is old and len(self.values) == len(values) and all(map(is_, self.values, values))


class State(dict[str, Json]):
    """A run's or a branch's values. `written` holds the keys of `first` reducers that already have their value.

    `growths` spares work where a value grows step by step: a step's writes are tried on a copy before they are
    recorded and folded in, and a union would look at all that it holds again. States that were copied share it.
    """

    written: frozenset[str] = frozenset()
    growths: dict[str, _Growth] | None = None

    def branch(self) -> State:
        """A copy whose writes stay its own; the values themselves are shared, and never changed in place."""
        copy = State(self)
        if self.written:
            copy.written = self.written
        if self.growths is None:
            self.growths = {}
        copy.growths = self.growths
        return copy

    def reset(self, key: str, default: Json) -> None:
        """Let a key hold its default again, as if nothing had been written to it."""
        self[key] = default
        self.written -= {key}


_WORDS = (
    (list, "a list"),
    (dict, "an object"),
    (str, "a string"),
    (bool, "a boolean"),  # before the numbers: Python counts it as one
    (int, "a number"),
    (float, "a number"),
)


def kind_of(value: Json) -> str:
    """A JSON value's type in words."""
    for type_, words in _WORDS:
        if isinstance(value, type_):
            return words
    return "null"


def session_key(name: str) -> str:
    """Where a state holds the messages of a session. No declared key is called so."""
    return f"session:{name}"


def is_whole(how: str) -> bool:
    """Whether a contribution is a value such as the key itself holds, and not a part of one."""
    return how in _WHOLE or how.startswith(KEYED)


def _need(value: Json, expected: str, reducer: str) -> None:
    if kind_of(value) != expected:
        raise ReducerError(f"reducer '{reducer}' takes {expected}, got {kind_of(value)}")


def _append(old: Json, values: list[Json]) -> Json:
    _need(old, "a list", "append")
    return [*old, *values]


def _extend(old: Json, values: list[Json]) -> Json:
    _need(old, "a list", "extend")
    for value in values:
        _need(value, "a list", "extend")
    return [*old, *(item for value in values for item in value)]


def _join(old: Json, values: list[Json]) -> Json:
    """The messages of a session, after those that it has, if it has any."""
    return _extend(old or [], values)


def _union(old: Json, values: list[Json]) -> Json:
    return _united(old, values, None)[0]


def _united(old: Json, values: list[Json], seen: set[Hashable] | None) -> tuple[list[Json], set[Hashable]]:
    """The union, and what is in it, by identity. `seen` is what is in `old`, if that is known; it is added to."""
    for value in (old, *values):
        _need(value, "a list", "union")
    known: set[Hashable] = set() if seen is None else seen
    kept = old if seen is not None else [item for item in old if _is_new(item, known)]
    return [*kept, *(item for item in chain.from_iterable(values) if _is_new(item, known))], known


def _is_new(item: Json, seen: set[Hashable]) -> bool:
    """Whether nothing equal was seen yet; from now on it was."""
    before = len(seen)
    seen.add(equality_key(item))
    return len(seen) > before


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
    if isinstance(total, float) and not math.isfinite(total):
        raise ReducerError("reducer 'add' leaves the numbers that JSON holds")
    return total


def _better(name: str, new: Json, held: Json) -> bool:
    """Whether `new` takes the place of `held`; in a tie the earlier one stays."""
    if kind_of(new) != kind_of(held) or kind_of(new) not in ("a number", "a string"):
        raise ReducerError(f"reducer '{name}' compares numbers, or strings, got {kind_of(held)} and {kind_of(new)}")
    return bool(new > held if name.startswith("max") else new < held)


def _extreme(name: str, old: Json, values: list[Json]) -> Json:
    best = old
    for value in values:
        best = value if _better(name, value, value if best is None else best) or best is None else best
    return best


def _extreme_by_field(name: str, field: str, old: Json, values: list[Json]) -> Json:
    best = old if isinstance(old, dict) and old.get(field) is not None else None
    for value in values:
        if not isinstance(value, dict) or field not in value:
            raise ReducerError(f"reducer '{name}: {field}' takes an object with '{field}', got {kind_of(value)}")
        held = value if best is None else best
        best = value if _better(f"{name}: {field}", value[field], held[field]) or best is None else best
    return best


REDUCERS: dict[str, Callable[[Json, list[Json]], Json]] = {
    "set": lambda _, values: values[-1],
    "append": _append,
    "extend": _extend,
    "session": _join,
    "add": _add,
    "merge": _merge,
    "union": _union,
    "min": partial(_extreme, "min"),
    "max": partial(_extreme, "max"),
    "first": lambda _, values: values[0],
    "last": lambda _, values: values[-1],
}


def reduce(how: str, old: Json, values: list[Json]) -> Json:
    """The value a key holds after `values` were contributed one after another. Raises ReducerError."""
    reducer = REDUCERS.get(how)
    if reducer is not None:
        return reducer(old, values)
    name, _, field = how.partition(":")
    return _extreme_by_field(name, field, old, values)


def contribute(state: State, key: str, how: str, values: list[Json]) -> None:
    """Write contributions to one key of `state`, in place. Raises ReducerError."""
    if how == "set":
        state[key] = values[-1]
        return
    if how == "first" and key in state.written:
        return
    old = state.get(key)
    has_many = how in _GROWING and isinstance(old, (list, dict)) and len(old) >= _FEW
    state[key] = _grown(state, key, how, values) if has_many else reduce(how, old, values)
    if how == "first":
        state.written |= {key}


def _grown(state: State, key: str, how: str, values: list[Json]) -> Json:
    """As `reduce`, but what was worked out when the value last grew is not worked out again."""
    old = state.get(key)
    last = None if state.growths is None else state.growths.get(key)
    if last is not None and last.is_of(old, values):
        return last.new
    seen = None
    if how == "union":
        new, seen = _united(old, values, last.seen if last is not None and last.new is old else None)
    else:
        new = reduce(how, old, values)
    if state.growths is not None:
        state.growths[key] = _Growth(old, values, new, seen)
    return new


def needed_contributions(start: State, key: str, how: str, value: Json) -> list[Json] | None:
    """What must be contributed to a key for it to hold `value`, from what it holds in `start`.

    None if no contribution does that: a reducer may only add to what is there. Sums of fractions come out nearly.
    """
    old = start.get(key)
    if same_json(old, value) and (how != "first" or key in start.written):
        return []
    parts = _parts(how, old, value)
    trial = start.branch()
    try:
        contribute(trial, key, how, parts)
    except (ReducerError, LookupError):
        return None
    return parts if _is_reached(trial[key], value) else None


def _parts(how: str, old: Json, value: Json) -> list[Json]:
    """What a value has more than an old one, as contributions; a whole value for the reducers that take one."""
    kinds = {kind_of(old), kind_of(value)}
    if how == "append" and kinds == {"a list"}:
        return list(value[len(old) :])
    if how in ("extend", "union") and kinds == {"a list"}:
        return [value[len(old) :]]
    if how == "add" and kinds == {"a number"}:
        return [value - old] if abs(value - old) < 2**63 else []
    if how == "merge" and kinds == {"an object"}:
        return [{name: part for name, part in value.items() if name not in old or not same_json(old[name], part)}]
    return [value]


def _is_reached(reached: Json, value: Json) -> bool:
    if isinstance(reached, float) and isinstance(value, float):
        return math.isclose(reached, value, rel_tol=1e-12)
    return same_json(reached, value)
