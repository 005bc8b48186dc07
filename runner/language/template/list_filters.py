"""Filters on lists and objects. Each takes the budget and the value, and pays for every item before it looks at it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from runner.ground.errors import TemplateError
from runner.language.template.budget import Budget
from runner.language.template.comparison import identity, sort_keys
from runner.language.template.json_value import described, refuse
from runner.language.template.lookup import MISSING, member, missing_member
from runner.language.template.operators import add, joined
from runner.language.template.text_filters import need_text, need_whole

_PAIR = 3
"""What a pair costs: it is a list of its own."""


def items_of(budget: Budget, value: Any, what: str) -> Sequence[Any]:
    """The items of a list, or the keys of an object; `what` says who asks."""
    if isinstance(value, list | tuple | range):
        budget.spend(1 + len(value))
        return value
    if isinstance(value, dict):
        budget.spend(1 + len(value))
        return list(value)
    if not isinstance(value, str | int | float | None):
        refuse(value)
    hint = "`| list` gives the characters of a text" if isinstance(value, str) else ""
    raise TemplateError(f"{what} needs a list, not {described(value)}", hint=hint)


def each(budget: Budget, value: Any) -> Sequence[Any]:
    """What a loop goes through."""
    return items_of(budget, value, "`for`")


def pairs(budget: Budget, value: Any) -> list[list[Any]]:
    """The `[key, value]` pairs of an object."""
    if not isinstance(value, dict):
        raise TemplateError(f"`items` needs an object, not {described(value)}")
    budget.spend(_PAIR * len(value))
    return [[key, item] for key, item in value.items()]


def as_list(budget: Budget, value: Any) -> list[Any]:
    """The items of a list, the keys of an object, the characters of a text."""
    if isinstance(value, str):
        budget.spend(len(value))
        return list(value)
    return list(items_of(budget, value, "`list`"))


def length(_budget: Budget, value: Any) -> int:
    """How many items, keys or characters."""
    if isinstance(value, str | list | tuple | range | dict):
        return len(value)
    raise TemplateError(f"{described(value)} has no length")


def first(budget: Budget, value: Any) -> Any:
    """The first item or character."""
    return _end(budget, value, 0, "first")


def last(budget: Budget, value: Any) -> Any:
    """The last item or character."""
    return _end(budget, value, -1, "last")


def turned(budget: Budget, value: Any) -> Any:
    """Backwards: a list or a text."""
    if isinstance(value, str):
        budget.text(len(value))
        return value[::-1]
    return items_of(budget, value, "`reverse`")[::-1]


def getter(attribute: Any, default: Any = MISSING) -> Callable[[Any], Any]:
    """A function that gives `attribute`, such as `"author.name"`, of an item; the item itself if there is none."""
    if attribute is None:
        return lambda item: item
    keys: list[str | int] = [attribute] if isinstance(attribute, int) else []
    keys = keys or [int(part) if part.isdecimal() else part for part in need_text(attribute, "`attribute`").split(".")]

    def get(item: Any) -> Any:
        for key in keys:
            found = member(item, key)
            if found is MISSING and default is not MISSING:
                return default
            if found is MISSING:
                raise TemplateError(*_no_attribute(item, key))
            item = found
        return item

    return get


def ordered(
    budget: Budget, value: Any, reverse: Any = False, case_sensitive: Any = False, attribute: Any = None
) -> list[Any]:
    """In order, by the item itself or by `attribute`, or by several: `"age,name"`."""
    items = list(items_of(budget, value, "`sort`"))
    names = attribute.split(",") if isinstance(attribute, str) else [attribute]
    for name in reversed(names):
        get = getter(name)
        keys = sort_keys(budget, [get(item) for item in items], bool(case_sensitive))
        places = sorted(range(len(items)), key=keys.__getitem__, reverse=bool(reverse))
        items = [items[place] for place in places]
    return items


def ordered_pairs(
    budget: Budget, value: Any, case_sensitive: Any = False, by: Any = "key", reverse: Any = False
) -> list[Any]:
    """The pairs of an object, in the order of its keys, or `by="value"`."""
    if by not in ("key", "value"):
        raise TemplateError('`dictsort` sorts by "key" or by "value"')
    return ordered(budget, pairs(budget, value), reverse, case_sensitive, attribute=0 if by == "key" else 1)


def distinct(budget: Budget, value: Any, case_sensitive: Any = False, attribute: Any = None) -> list[Any]:
    """Equal items once, where they first stand."""
    get = getter(attribute)
    seen: dict[Any, Any] = {}
    for item in items_of(budget, value, "`unique`"):
        seen.setdefault(identity(budget, get(item), bool(case_sensitive)), item)
    return list(seen.values())


def grouped(
    budget: Budget, value: Any, attribute: Any, default: Any = MISSING, case_sensitive: Any = False
) -> list[list[Any]]:
    """`[key, items]` for every value of `attribute`, in the order of these values."""
    get = getter(attribute, default)
    groups: dict[Any, list[Any]] = {}
    for item in items_of(budget, value, "`groupby`"):
        budget.spend(_PAIR)
        key = get(item)
        group = groups.setdefault(identity(budget, key, bool(case_sensitive)), [key, []])
        group[1].append(item)
    return ordered(budget, list(groups.values()), case_sensitive=case_sensitive, attribute=0)


def least(budget: Budget, value: Any, case_sensitive: Any = False, attribute: Any = None) -> Any:
    """The smallest item."""
    return _extreme(budget, value, "min", case_sensitive, attribute)


def greatest(budget: Budget, value: Any, case_sensitive: Any = False, attribute: Any = None) -> Any:
    """The largest item."""
    return _extreme(budget, value, "max", case_sensitive, attribute)


def total(budget: Budget, value: Any, attribute: Any = None, start: Any = 0) -> Any:
    """The sum of numbers; with `start=[]`, lists put together."""
    get = getter(attribute)
    for item in items_of(budget, value, "`sum`"):
        budget.spend(1)
        start = add(budget, start, get(item))
    return start


def joined_items(budget: Budget, value: Any, separator: Any = "", attribute: Any = None) -> str:
    """The items as text, with `separator` between."""
    get = getter(attribute)
    items = [get(item) for item in items_of(budget, value, "`join`")]
    return joined(budget, items, need_text(separator, "`join`"))


def batched(budget: Budget, value: Any, linecount: Any, fill_with: Any = None) -> list[list[Any]]:
    """Lists of `linecount` items; the last one filled up with `fill_with`, if given."""
    size = need_whole(linecount, "`batch`", least=1)
    items = items_of(budget, value, "`batch`")
    batches = [list(items[start : start + size]) for start in range(0, len(items), size)]
    budget.spend(_PAIR * len(batches))
    if fill_with is not None and batches:
        budget.spend(size)
        batches[-1] += [fill_with] * (size - len(batches[-1]))
    return batches


def parted(budget: Budget, value: Any, slices: Any, fill_with: Any = None) -> list[list[Any]]:
    """`slices` lists of about equal length; the shorter ones filled up with `fill_with`, if given."""
    count = need_whole(slices, "`slice`", least=1)
    items = items_of(budget, value, "`slice`")
    budget.spend(_PAIR * count)
    size, longer = divmod(len(items), count)
    starts = [number * size + min(number, longer) for number in range(count + 1)]
    parts = [list(items[start:end]) for start, end in pairwise(starts)]
    if fill_with is None or not longer:
        return parts
    return [part if number < longer else [*part, fill_with] for number, part in enumerate(parts)]


def _end(budget: Budget, value: Any, index: int, what: str) -> Any:
    items = value if isinstance(value, str) else items_of(budget, value, f"`{what}`")
    if not items:
        raise TemplateError(f"{described(items)} without items has no {what} one", hint="ask `{% if … %}` before")
    return items[index]


def _extreme(budget: Budget, value: Any, name: str, case_sensitive: Any, attribute: Any) -> Any:
    items = items_of(budget, value, f"`{name}`")
    if not items:
        raise TemplateError(f"an empty list has no `{name}`", hint="ask `{% if … %}` before")
    get = getter(attribute)
    keys = sort_keys(budget, [get(item) for item in items], bool(case_sensitive))
    place = (min if name == "min" else max)(range(len(items)), key=keys.__getitem__)
    return items[place]


def _no_attribute(item: Any, key: object) -> tuple[str, int, str]:
    message, hint = missing_member("an item", item, key)
    return message, 0, hint
