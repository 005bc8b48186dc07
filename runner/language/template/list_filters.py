"""Filters on lists and objects, by the rules of JSON: `true` is not 1, only numbers or only texts have an order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from jinja2.filters import do_batch, sync_do_slice

from runner.ground.errors import TemplateError
from runner.language.template.budget import TEXT_PER_UNIT, Budget
from runner.language.template.json_value import described, items_in, need_text, need_whole, refuse, refuse_secrets
from runner.language.template.lookup import MISSING, getter
from runner.language.template.operators import add, is_number, joined

_PAIR = 3
"""What a pair costs: it is a list of its own."""


def each(budget: Budget, value: Any) -> Sequence[Any]:
    """What a loop goes through."""
    return items_in(budget, value, "`for`")


def pairs(budget: Budget, value: Any) -> list[list[Any]]:
    if not isinstance(value, dict):
        raise TemplateError(f"`items` needs an object, not {described(value)}")
    budget.spend(_PAIR * len(value))
    return [[key, item] for key, item in value.items()]


def as_list(budget: Budget, value: Any) -> list[Any]:
    if isinstance(value, str):
        budget.spend(len(value))
        return list(value)
    return list(items_in(budget, value, "`list`"))


def turned(budget: Budget, value: Any) -> Any:
    if isinstance(value, str):
        budget.text(len(value))
        return value[::-1]
    return items_in(budget, value, "`reverse`")[::-1]


def length(_budget: Budget, value: Any) -> int:
    if isinstance(value, str | list | tuple | range | dict):
        return len(value)
    raise TemplateError(f"{described(value)} has no length")


def at_end(index: int, name: str) -> Callable[[Budget, Any], Any]:
    """`first` or `last`."""

    def apply(budget: Budget, value: Any) -> Any:
        items = value if isinstance(value, str) else items_in(budget, value, f"`{name}`")
        if not items:
            raise TemplateError(f"{described(items)} without items has no {name} one", hint="ask `{% if … %}` before")
        return items[index]

    return apply


def extreme(choose: Callable[..., int], name: str) -> Callable[..., Any]:
    """`min` or `max`."""

    def apply(budget: Budget, value: Any, case_sensitive: Any = False, attribute: Any = None) -> Any:
        items = items_in(budget, value, f"`{name}`")
        if not items:
            raise TemplateError(f"an empty list has no `{name}`", hint="ask `{% if … %}` before")
        keys = _sort_keys(budget, [*map(getter(attribute), items)], bool(case_sensitive))
        return items[choose(range(len(items)), key=keys.__getitem__)]

    return apply


def ordered(
    budget: Budget, value: Any, reverse: Any = False, case_sensitive: Any = False, attribute: Any = None
) -> list[Any]:
    """In order, by the item itself or by `attribute`, or by several: `"age,name"`."""
    items = list(items_in(budget, value, "`sort`"))
    names = attribute.split(",") if isinstance(attribute, str) else [attribute]
    for name in reversed(names):
        keys = _sort_keys(budget, [*map(getter(name), items)], bool(case_sensitive))
        places = sorted(range(len(items)), key=keys.__getitem__, reverse=bool(reverse))
        items = [items[place] for place in places]
    return items


def ordered_pairs(
    budget: Budget, value: Any, case_sensitive: Any = False, by: Any = "key", reverse: Any = False
) -> list[Any]:
    if by not in ("key", "value"):
        raise TemplateError('`dictsort` sorts by "key" or by "value"')
    return ordered(budget, pairs(budget, value), reverse, case_sensitive, attribute=0 if by == "key" else 1)


def distinct(budget: Budget, value: Any, case_sensitive: Any = False, attribute: Any = None) -> list[Any]:
    get = getter(attribute)
    seen: dict[Any, Any] = {}
    for item in items_in(budget, value, "`unique`"):
        seen.setdefault(_identity(budget, get(item), bool(case_sensitive)), item)
    return list(seen.values())


def grouped(
    budget: Budget, value: Any, attribute: Any, default: Any = MISSING, case_sensitive: Any = False
) -> list[list[Any]]:
    """`[key, items]` for every value of `attribute`, in the order of these values."""
    get = getter(attribute, default)
    groups: dict[Any, list[Any]] = {}
    for item in items_in(budget, value, "`groupby`"):
        budget.spend(_PAIR)
        key = get(item)
        group = groups.setdefault(_identity(budget, key, bool(case_sensitive)), [key, []])
        group[1].append(item)
    return ordered(budget, list(groups.values()), case_sensitive=case_sensitive, attribute=0)


def total(budget: Budget, value: Any, attribute: Any = None, start: Any = 0) -> Any:
    """The sum of numbers; with `start=[]`, lists put together."""
    get = getter(attribute)
    for item in items_in(budget, value, "`sum`"):
        budget.spend(1)
        start = add(budget, start, get(item))
    return start


def joined_items(budget: Budget, value: Any, separator: Any = "", attribute: Any = None) -> str:
    items = [*map(getter(attribute), items_in(budget, value, "`join`"))]
    return joined(budget, items, need_text(separator, "`join`"))


def batched(budget: Budget, value: Any, linecount: Any, fill_with: Any = None) -> list[list[Any]]:
    size = need_whole(linecount, "`batch`", least=1)
    items = items_in(budget, value, "`batch`")
    budget.spend(_PAIR * -(-len(items) // size))
    if items and fill_with is not None:
        budget.spend(size)
    return list(do_batch(items, size, fill_with))


def parted(budget: Budget, value: Any, slices: Any, fill_with: Any = None) -> list[list[Any]]:
    """Lists of about equal length. Jinja's own fills all up if they are of equal length anyway."""
    count = need_whole(slices, "`slice`", least=1)
    items = items_in(budget, value, "`slice`")
    budget.spend(_PAIR * count)
    return list(sync_do_slice(items, count, fill_with if len(items) % count else None))


def _sort_keys(budget: Budget, values: Sequence[Any], case_sensitive: bool) -> list[Any]:
    """The values as keys to sort by: all numbers, or all texts."""
    budget.spend(4 * len(values))
    if all(map(is_number, values)):
        return list(values)
    if all(isinstance(value, str) for value in values):
        budget.spend(sum(map(len, values)) // TEXT_PER_UNIT)
        if len(values) > 1:
            refuse_secrets(*values)
        return list(values) if case_sensitive else [value.lower() for value in values]
    raise TemplateError(
        f"{' and '.join(dict.fromkeys(map(described, values)))} cannot be sorted",
        hint="sort numbers or texts, or by `attribute`",
    )


def _identity(budget: Budget, value: Any, case_sensitive: bool) -> Any:
    """A key under which equal values fall together: a text, a number, true, false or null."""
    if isinstance(value, str):
        budget.spend(1 + len(value) // TEXT_PER_UNIT)
        refuse_secrets(value)
        return value if case_sensitive else value.lower()
    if value is None or isinstance(value, bool):
        return (str(value),)
    if is_number(value):
        return value
    if not isinstance(value, list | tuple | dict | range):
        refuse(value)
    raise TemplateError(f"{described(value)} cannot be grouped", hint="give the `attribute` to group by")
