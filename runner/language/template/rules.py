"""What a template may not contain, found before anything is rendered: each refusal says what to write instead."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NoReturn

from jinja2 import nodes

from runner.ground.errors import TemplateError, did_you_mean
from runner.language.template.filters import FILTERS
from runner.language.template.methods import METHODS
from runner.language.template.operators import in_range
from runner.language.template.predicates import PREDICATES
from runner.language.template.visiting import Visitor

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


def check(tree: nodes.Template) -> None:
    """Raise a TemplateError for the first thing that no template may contain."""
    _Checker().visit(tree)


class _Checker(Visitor):
    """Goes through the tree, and knows how deep it is."""

    def __init__(self) -> None:
        self._depth = 0
        self._loops = 0

    def visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> None:
        refusal = _REFUSED.get(type(node).__name__)
        if refusal:
            raise TemplateError(refusal, node.lineno)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise TemplateError(f"the template is nested more than {MAX_DEPTH} deep", node.lineno)
        super().visit(node, *args, **kwargs)
        self._depth -= 1

    def see_for(self, node: nodes.For) -> None:
        self._loops += 1
        if self._loops > MAX_LOOPS:
            raise TemplateError(f"more than {MAX_LOOPS} loops are nested", node.lineno)
        self.generic_visit(node)
        self._loops -= 1

    def see_name(self, node: nodes.Name) -> None:
        name = node.name
        if name.startswith("__") or name in _RESERVED:
            _refuse(f"'{name}' cannot be a name in a template", node, name)
        if name in _NOTHING and node.ctx == "load":
            _refuse(f"there is no '{name}' in a template", node, name, "write `none`")
        if name in _UNSETTABLE and node.ctx != "load":
            _refuse(f"'{name}' has a meaning of its own and cannot be set", node, name)

    def see_const(self, node: nodes.Const) -> None:
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

    def see_getattr(self, node: nodes.Getattr) -> None:
        if node.attr.startswith("__"):
            hint = f'a key of that name is written `["{node.attr}"]`'
            raise TemplateError(f"names that begin with `__`, such as '{node.attr}', are refused", node.lineno, hint)
        self.generic_visit(node)

    def see_getitem(self, node: nodes.Getitem) -> None:
        if isinstance(node.arg, nodes.Tuple):
            raise TemplateError("one key or index stands between `[` and `]`", node.lineno)
        self.generic_visit(node)

    def see_call(self, node: nodes.Call) -> None:
        called = node.node
        if isinstance(called, nodes.Getattr) and called.attr not in METHODS and called.attr != "cycle":
            name = called.attr
            hint = _METHOD_HINTS.get(name, "")
            near = "" if hint else did_you_mean(name, list(METHODS))
            raise TemplateError(f"there is no method '{name}'{near}", called.lineno, hint)
        self.generic_visit(node)

    def see_keyword(self, node: nodes.Keyword) -> None:
        if node.key.startswith("_"):
            raise TemplateError(f"'{node.key}' cannot be the name of an argument", node.lineno)
        self.generic_visit(node)

    def see_filter(self, node: nodes.Filter) -> None:
        _check_use(node, FILTERS, "filter", _FILTER_HINTS)
        self.generic_visit(node)

    def see_test(self, node: nodes.Test) -> None:
        _check_use(node, PREDICATES, "test", {})
        self.generic_visit(node)


def _refuse(message: str, node: nodes.Node, name: str, hint: str = "") -> NoReturn:
    raise TemplateError(message, node.lineno, hint, width=len(name))


def _check_use(
    node: nodes.Filter | nodes.Test, known: Mapping[str, Callable[..., Any]], kind: str, hints: Mapping[str, str]
) -> None:
    """The filter or test exists, and takes what it is given."""
    if node.name not in known:
        hint = hints.get(node.name, "")
        near = "" if hint else did_you_mean(node.name, list(known))
        _refuse(f"there is no {kind} '{node.name}'{near}", node, node.name, hint)
    if node.dyn_args is None and node.dyn_kwargs is None:
        named = {str(keyword.key): keyword for keyword in node.kwargs}
        try:
            _signature(known[node.name]).bind(None, node.node, *node.args, **named)
        except TypeError:
            _refuse(f"the {kind} '{node.name}' does not take these arguments", node, node.name)


@cache
def _signature(function: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(function)
