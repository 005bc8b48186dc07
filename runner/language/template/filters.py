"""All filters, `x | upper`, by name; and those that apply another filter or test to every item."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from runner.ground.errors import TemplateError, did_you_mean
from runner.language.template import list_filters, number_filters, text_filters
from runner.language.template.budget import Budget
from runner.language.template.json_value import Unresolved
from runner.language.template.lookup import MISSING
from runner.language.template.predicates import PREDICATES

Filter = Callable[..., Any]


def default_value(_budget: Budget, value: Any, default: Any = "", boolean: Any = False) -> Any:
    """`default` in place of what does not exist; with `boolean`, of what is empty or false, too."""
    return default if isinstance(value, Unresolved) or (boolean and not value) else value


def mapped(
    budget: Budget,
    value: Any,
    name: Any = None,
    *args: Any,
    attribute: Any = None,
    default: Any = MISSING,
    **named: Any,
) -> list[Any]:
    """Every item's `attribute`, or every item through the filter `name`."""
    items = list_filters.items_of(budget, value, "`map`")
    if name is None:
        return [*map(list_filters.getter(attribute, default), items)]
    if default is not MISSING:
        named["default"] = default
    if attribute is not None:
        named["attribute"] = attribute
    apply = _named(FILTERS, name, "filter")
    return [apply(budget, item, *args, **named) for item in items]


def selected(budget: Budget, value: Any, name: Any = None, *args: Any) -> list[Any]:
    """The items that are true, or for which the test `name` holds."""
    holds = _condition(budget, name, args)
    return [item for item in list_filters.items_of(budget, value, "`select`") if holds(item)]


def rejected(budget: Budget, value: Any, name: Any = None, *args: Any) -> list[Any]:
    """The other items."""
    holds = _condition(budget, name, args)
    return [item for item in list_filters.items_of(budget, value, "`reject`") if not holds(item)]


def selected_by(budget: Budget, value: Any, attribute: Any, name: Any = None, *args: Any) -> list[Any]:
    """The items whose `attribute` is true, or for which the test `name` holds of it."""
    holds, get = _condition(budget, name, args), list_filters.getter(attribute)
    return [item for item in list_filters.items_of(budget, value, "`selectattr`") if holds(get(item))]


def rejected_by(budget: Budget, value: Any, attribute: Any, name: Any = None, *args: Any) -> list[Any]:
    """The other items."""
    holds, get = _condition(budget, name, args), list_filters.getter(attribute)
    return [item for item in list_filters.items_of(budget, value, "`rejectattr`") if not holds(get(item))]


def _condition(budget: Budget, name: Any, args: tuple[Any, ...]) -> Callable[[Any], bool]:
    if name is None:
        return bool
    test = _named(PREDICATES, name, "test")
    return lambda item: bool(test(budget, item, *args))


def _named(known: Mapping[str, Filter], name: Any, kind: str) -> Filter:
    if isinstance(name, str) and name in known:
        return known[name]
    shown = name[:40] if isinstance(name, str) else "that"
    raise TemplateError(f"there is no {kind} '{shown}'{did_you_mean(shown, list(known))}")


FILTERS: Mapping[str, Filter] = {
    "abs": number_filters.absolute,
    "batch": list_filters.batched,
    "capitalize": text_filters.changed("capitalize", str.capitalize),
    "center": text_filters.centred,
    "count": list_filters.length,
    "d": default_value,
    "default": default_value,
    "dictsort": list_filters.ordered_pairs,
    "e": text_filters.escaped,
    "escape": text_filters.escaped,
    "first": list_filters.first,
    "float": number_filters.fraction,
    "format": text_filters.filled,
    "groupby": list_filters.grouped,
    "indent": text_filters.indented,
    "int": number_filters.whole,
    "items": list_filters.pairs,
    "join": list_filters.joined_items,
    "last": list_filters.last,
    "length": list_filters.length,
    "list": list_filters.as_list,
    "lower": text_filters.changed("lower", str.lower),
    "map": mapped,
    "max": list_filters.greatest,
    "min": list_filters.least,
    "reject": rejected,
    "rejectattr": rejected_by,
    "replace": text_filters.replaced,
    "reverse": list_filters.turned,
    "round": number_filters.rounded,
    "select": selected,
    "selectattr": selected_by,
    "slice": list_filters.parted,
    "sort": list_filters.ordered,
    "string": text_filters.as_text,
    "sum": list_filters.total,
    "title": text_filters.changed("title", text_filters.titled),
    "tojson": text_filters.as_json,
    "trim": text_filters.trimmed,
    "truncate": text_filters.truncated,
    "unique": list_filters.distinct,
    "upper": text_filters.changed("upper", str.upper),
    "urlencode": text_filters.url_encoded,
    "wordcount": text_filters.word_count,
    "wordwrap": text_filters.wrapped,
}
