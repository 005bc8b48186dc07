"""All filters, `x | upper`, by name: Jinja's own where nothing can grow, ours where Jinja's would, or differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial, update_wrapper, wraps
from typing import Any

from jinja2.filters import FILTERS as JINJA

from runner.ground.errors import TemplateError, did_you_mean
from runner.language.template import list_filters, scalar_filters
from runner.language.template.budget import TEXT_PER_UNIT, Budget
from runner.language.template.json_value import items_in, json_text, refuse_secrets, text_in, text_of
from runner.language.template.lookup import MISSING, Missing, getter
from runner.language.template.predicates import PREDICATES

Filter = Callable[..., Any]


def charged(function: Filter, name: str, take: Callable[[Budget, Any, str], Any] = text_in) -> Filter:
    """`function`, whose result cannot outgrow its value: `take` pays for the value, and the result is paid for here."""
    what = f"`{name}`"

    @wraps(function)
    def apply(budget: Budget, value: Any, *args: Any, **named: Any) -> Any:
        result = function(take(budget, value, what), *args, **named)
        if isinstance(result, str):
            if len(result) > TEXT_PER_UNIT:  # a shorter one is paid for with the value
                budget.text(len(result))
            return str(result)
        if isinstance(result, list | tuple):
            budget.spend(len(result))
            return list(result)
        return result

    return apply


def default_value(_budget: Budget, value: Any, default: Any = "", boolean: Any = False) -> Any:
    """`default` in place of what does not exist; with `boolean`, of what is empty or false, too."""
    return default if isinstance(value, Missing) or (boolean and not value) else value


def mapped(budget: Budget, value: Any, name: Any = None, *args: Any, **named: Any) -> list[Any]:
    """Every item's `attribute`, or every item through the filter `name`."""
    items = items_in(budget, value, "`map`")
    if name is None:
        return [*map(getter(named.get("attribute"), named.get("default", MISSING)), items)]
    apply = _named(FILTERS, name, "filter")
    return [apply(budget, item, *args, **named) for item in items]


def selecting_by(what: str, wanted: bool) -> Filter:
    """`selectattr` or `rejectattr`: the items whose `attribute` is true or false, or the test `name` of it."""

    def apply(budget: Budget, value: Any, attribute: Any, name: Any = None, *args: Any) -> list[Any]:
        get, test = getter(attribute), _named(PREDICATES, name, "test") if name is not None else None
        items = items_in(budget, value, what)
        if test is None:
            return [item for item in items if bool(get(item)) is wanted]
        return [item for item in items if bool(test(budget, get(item), *args)) is wanted]

    return apply


def selecting(what: str, wanted: bool) -> Filter:
    """`select` or `reject`: the same of the items themselves."""
    by = selecting_by(what, wanted)
    return lambda budget, value, name=None, *args: by(budget, value, None, name, *args)


def _named(known: Mapping[str, Filter], name: Any, kind: str) -> Filter:
    if isinstance(name, str) and name in known:
        return known[name]
    shown = name[:40] if isinstance(name, str) else "that"
    raise TemplateError(f"there is no {kind} '{shown}'{did_you_mean(shown, list(known))}")


def on_plain(apply: Filter) -> Filter:
    """A filter, or a method, that takes no text with a secret: it would not pass it on whole."""

    def on(budget: Budget, value: Any, *args: Any, **named: Any) -> Any:
        refuse_secrets(value, *args, *named.values())
        return apply(budget, value, *args, **named)

    # What it takes is looked up there, without the budget.
    return update_wrapper(on, getattr(apply, "__wrapped__", partial(apply, None)))


def _plain_of(budget: Budget, value: Any) -> str:
    """The text of any value, if no secret is in it."""
    text = text_of(budget, value)
    refuse_secrets(text)
    return text


_PASSING_ON = frozenset({"batch", "d", "default", "format", "join", "map", "slice", "string", "sum", "tojson"})
"""Those that pass the texts on whole that they are given."""

_FILTERS: Mapping[str, Filter] = {
    **{name: charged(JINJA[name], name) for name in ("capitalize", "lower", "title", "upper", "wordcount")},
    **dict.fromkeys(
        ("escape", "e"), charged(JINJA["escape"], "escape", lambda budget, value, _: _plain_of(budget, value))
    ),
    **dict.fromkeys(("default", "d"), default_value),
    **dict.fromkeys(("length", "count"), list_filters.length),
    "abs": scalar_filters.absolute,
    "batch": list_filters.batched,
    "center": scalar_filters.centred,
    "dictsort": list_filters.ordered_pairs,
    "first": list_filters.at_end(0, "first"),
    "float": scalar_filters.fraction,
    "format": scalar_filters.filled,
    "groupby": list_filters.grouped,
    "indent": scalar_filters.indented,
    "int": scalar_filters.whole,
    "items": list_filters.pairs,
    "join": list_filters.joined_items,
    "last": list_filters.at_end(-1, "last"),
    "list": list_filters.as_list,
    "map": mapped,
    "max": list_filters.extreme(max, "max"),
    "min": list_filters.extreme(min, "min"),
    "reject": selecting("`reject`", wanted=False),
    "rejectattr": selecting_by("`rejectattr`", wanted=False),
    "replace": scalar_filters.replaced,
    "reverse": list_filters.turned,
    "round": scalar_filters.rounded,
    "select": selecting("`select`", wanted=True),
    "selectattr": selecting_by("`selectattr`", wanted=True),
    "slice": list_filters.parted,
    "sort": list_filters.ordered,
    "string": text_of,
    "sum": list_filters.total,
    "tojson": json_text,
    "trim": scalar_filters.stripping(str.strip, "trim"),
    "truncate": scalar_filters.truncated,
    "unique": list_filters.distinct,
    "urlencode": scalar_filters.url_encoded,
    "wordwrap": scalar_filters.wrapped,
}

FILTERS: Mapping[str, Filter] = {
    name: apply if name in _PASSING_ON else on_plain(apply) for name, apply in _FILTERS.items()
}
