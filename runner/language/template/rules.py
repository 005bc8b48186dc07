"""What a template may not contain, found before anything is rendered: each refusal says what to write instead."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

from jinja2 import nodes

from runner.ground.errors import TemplateError, did_you_mean
from runner.language.template.filters import FILTERS
from runner.language.template.methods import METHODS
from runner.language.template.operators import in_range
from runner.language.template.predicates import PREDICATES

MAX_DEPTH = 60
MAX_LOOPS = 10

_NOTHING = frozenset({"null", "nil", "undefined"})
_RESERVED = frozenset({"self", "super"})
_UNSETTABLE = frozenset({"loop", "caller", "varargs", "kwargs"})
_METHOD_HINTS = {
    "items": "write `x | items`",
    "keys": "write `x | list`",
    "values": "write `x | items`, or `x | map(…)`",
    "get": "write `x.key | default(…)`",
    "append": "templates change nothing; `x + [y]` makes a longer list",
    "format": 'write `"%s" | format(x)` or `a ~ b`',
    "index": "write `in`, or loop with `loop.index`",
    "sort": "write `x | sort`",
}
_FILTER_HINTS = {
    "random": "templates have no randomness: a replay must give the same text",
    "safe": "nothing is escaped in templates; leave it out",
    "pprint": "write `tojson(indent=2)`",
    "json": "write `tojson`",
    "size": "write `length`",
    "attr": "write `x.name` or `x[name]`",
    "split": "write `x.split(…)`",
}
_REFUSED = {
    "Include": "a template includes no other file",
    "Import": "a template imports no other file",
    "FromImport": "a template imports no other file",
    "Extends": "a template extends no other file",
    "Block": "`{% block %}` needs a template to extend, and there is none",
    "ScopedEvalContextModifier": "nothing is escaped in templates; `x | escape` does it for one value",
}


def _check_name(node: nodes.Name) -> None:
    name = node.name
    if name.startswith("__") or name in _RESERVED:
        raise TemplateError(f"'{name}' cannot be a name in a template", node.lineno, width=len(name))
    if name in _NOTHING and node.ctx == "load":
        raise TemplateError(f"there is no '{name}' in a template", node.lineno, "write `none`", len(name))
    if name in _UNSETTABLE and node.ctx != "load":
        raise TemplateError(f"'{name}' has a meaning of its own and cannot be set", node.lineno, width=len(name))


def _check_constant(node: nodes.Const) -> None:
    value = node.value
    try:
        if isinstance(value, str):
            value.encode()
        elif isinstance(value, int | float):
            in_range(value)
    except UnicodeEncodeError:
        raise TemplateError("the text holds half of a character pair", node.lineno) from None
    except TemplateError as error:
        raise TemplateError("this number is too large", node.lineno, error.hint) from None


def _check_attribute(node: nodes.Getattr) -> None:
    if node.attr.startswith("__"):
        hint = f'a key of that name is written `["{node.attr}"]`'
        raise TemplateError(f"names that begin with `__`, such as '{node.attr}', are refused", node.lineno, hint)


def _check_item(node: nodes.Getitem) -> None:
    if isinstance(node.arg, nodes.Tuple):
        raise TemplateError("one key or index stands between `[` and `]`", node.lineno)


def _check_call(node: nodes.Call) -> None:
    called = node.node
    if isinstance(called, nodes.Getattr) and called.attr not in METHODS and called.attr != "cycle":
        name = called.attr
        hint = _METHOD_HINTS.get(name, "")
        near = "" if hint else did_you_mean(name, list(METHODS))
        raise TemplateError(f"there is no method '{name}'{near}", called.lineno, hint)


def _check_argument(node: nodes.Keyword) -> None:
    if node.key.startswith("_"):
        raise TemplateError(f"'{node.key}' cannot be the name of an argument", node.lineno)


def _check_use(
    node: nodes.Filter | nodes.Test, known: Mapping[str, Callable[..., Any]], kind: str, hints: Mapping[str, str]
) -> None:
    """The filter or test exists, and takes what it is given."""
    name = node.name
    if name not in known:
        hint = hints.get(name, "")
        near = "" if hint else did_you_mean(name, list(known))
        raise TemplateError(f"there is no {kind} '{name}'{near}", node.lineno, hint, len(name))
    if node.dyn_args is None and node.dyn_kwargs is None:
        named = {str(keyword.key): keyword for keyword in node.kwargs}
        try:
            _signature(known[name]).bind(node.node, *node.args, **named)
        except TypeError:
            message = f"the {kind} '{name}' does not take these arguments"
            raise TemplateError(message, node.lineno, width=len(name)) from None


@cache
def _signature(function: Callable[..., Any]) -> inspect.Signature:
    """What a filter or test takes: Jinja's own has the value first, ours the budget before it."""
    return inspect.signature(getattr(function, "__wrapped__", partial(function, None)))


_CHECKS: Mapping[type[nodes.Node], Callable[[Any], None]] = {
    nodes.Name: _check_name,
    nodes.Const: _check_constant,
    nodes.Getattr: _check_attribute,
    nodes.Getitem: _check_item,
    nodes.Call: _check_call,
    nodes.Keyword: _check_argument,
    nodes.Filter: lambda node: _check_use(node, FILTERS, "filter", _FILTER_HINTS),
    nodes.Test: lambda node: _check_use(node, PREDICATES, "test", {}),
}


def check(node: nodes.Node, depth: int = 1, loops: int = 0) -> None:
    """Raise a TemplateError for the first thing in the tree that no template may contain."""
    kind = type(node)
    if kind.__name__ in _REFUSED:
        raise TemplateError(_REFUSED[kind.__name__], node.lineno)
    if depth > MAX_DEPTH:
        raise TemplateError(f"the template is nested more than {MAX_DEPTH} deep", node.lineno)
    loops += kind is nodes.For
    if loops > MAX_LOOPS:
        raise TemplateError(f"more than {MAX_LOOPS} loops are nested", node.lineno)
    if kind in _CHECKS:
        _CHECKS[kind](node)
    for child in node.iter_child_nodes():
        check(child, depth + 1, loops)
