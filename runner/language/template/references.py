"""Finds what a template refers to: its free names with their paths. Names that it sets itself are not free."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import takewhile
from typing import Any

from jinja2 import nodes
from jinja2.visitor import NodeVisitor

from runner.ground.errors import TemplateError, did_you_mean
from runner.language.reference import Reference
from runner.language.template.lookup import TAKE_MISSING
from runner.language.template.methods import FUNCTIONS

_FUNCTION_HINTS = {
    **{name: f"write `x | {name}`" for name in ("float", "int", "length", "max", "min", "string", "sum")},
    "size": "write `x | length`",
    "len": "write `x | length`",
    "str": "write `x | string`",
    "double": "write `x | float`",
    "sorted": "write `x | sort`",
    "has": "write `x is defined`",
    "now": "templates have no clock; decisions rest on recorded facts",
}


def references(tree: nodes.Template) -> tuple[Reference, ...]:
    """The free names of a template, in the order in which they stand."""
    finder = _Finder()
    finder.visit(tree, set())
    return tuple(sorted(finder.found, key=lambda reference: reference.offset))


class _Finder(NodeVisitor):
    """Goes through the tree with the set of names that are bound at each point."""

    def __init__(self) -> None:
        self.found: list[Reference] = []

    def get_visitor(self, node: nodes.Node) -> Callable[..., Any] | None:
        """Jinja would look for `visit_Name`."""
        return getattr(self, f"see_{type(node).__name__.lower()}", None)

    def see_name(self, node: nodes.Name, bound: set[str]) -> None:
        if node.ctx != "load":
            bound.add(node.name)
        else:
            self._path(node, bound)

    def see_call(self, node: nodes.Call, bound: set[str]) -> None:
        called = node.node
        if isinstance(called, nodes.Name) and called.name not in bound:
            _need_function(called)
        else:
            self.visit(called, bound)
        self._see_all((child for child in node.iter_child_nodes() if child is not called), bound)

    def see_assign(self, node: nodes.Assign, bound: set[str]) -> None:
        self.visit(node.node, bound)
        self.visit(node.target, bound)

    def see_nsref(self, node: nodes.NSRef, bound: set[str]) -> None:
        if node.name not in bound:
            raise TemplateError(
                f"'{node.name}' cannot be changed here",
                node.lineno,
                f"`{{% set {node.name} = namespace() %}}` before makes something that can; state is written by `set:`",
                len(node.name),
            )

    def see_assignblock(self, node: nodes.AssignBlock, bound: set[str]) -> None:
        self._see_all(filter(None, [node.filter, *node.body]), set(bound))
        self.visit(node.target, bound)

    def see_filterblock(self, node: nodes.FilterBlock, bound: set[str]) -> None:
        self._see_all([*node.body, node.filter], set(bound))

    def see_if(self, node: nodes.If, bound: set[str]) -> None:
        self.visit(node.test, bound)
        branches = [set(bound) for _ in range(2)]
        self._see_all(node.body, branches[0])
        self._see_all([*node.elif_, *node.else_], branches[1])
        bound.update(*branches)

    def see_for(self, node: nodes.For, bound: set[str]) -> None:
        self.visit(node.iter, bound)
        inner = set(bound)
        self.visit(node.target, inner)
        if node.test is not None:
            self.visit(node.test, inner)
        self._see_all(node.body, inner | {"loop"})
        self._see_all(node.else_, set(bound))

    def see_macro(self, node: nodes.Macro, bound: set[str]) -> None:
        bound.add(node.name)
        self._function(node, bound)

    def see_callblock(self, node: nodes.CallBlock, bound: set[str]) -> None:
        self.visit(node.call, bound)
        self._function(node, bound)

    def see_with(self, node: nodes.With, bound: set[str]) -> None:
        self._see_all(node.values, bound)
        self._see_all([*node.targets, *node.body], set(bound))

    def _function(self, node: nodes.Macro | nodes.CallBlock, bound: set[str]) -> None:
        inner = {*bound, "caller", "varargs", "kwargs"}
        self._see_all([*node.defaults, *node.args, *node.body], inner)

    def _use(self, node: nodes.Filter | nodes.Test, bound: set[str]) -> None:
        subject = node.node
        if node.name in TAKE_MISSING and isinstance(subject, nodes.Name | nodes.Getattr | nodes.Getitem):
            self._path(subject, bound, guarded=True)
        elif subject is not None:
            self.visit(subject, bound)
        self._see_all((child for child in node.iter_child_nodes() if child is not subject), bound)

    see_filter = see_test = _use

    def _path(self, node: nodes.Expr, bound: set[str], guarded: bool = False) -> None:
        """A name and the keys after it, as far as they are written out; what stands between brackets is visited."""
        keys: list[str | None] = []
        while isinstance(node, nodes.Getattr | nodes.Getitem):
            keys.append(_written_key(node))
            if isinstance(node, nodes.Getitem):
                self.visit(node.arg, bound)
            node = node.node
        if not isinstance(node, nodes.Name):
            self.visit(node, bound)
        elif node.name not in bound:
            known: Iterable[Any] = takewhile(lambda key: key is not None, reversed(keys))
            self.found.append(Reference((node.name, *known), node.lineno, guarded))

    see_getattr = see_getitem = _path

    def _see_all(self, children: Iterable[nodes.Node], bound: set[str]) -> None:
        for child in children:
            self.visit(child, bound)


def _written_key(node: nodes.Getattr | nodes.Getitem) -> str | None:
    if isinstance(node, nodes.Getattr):
        return node.attr
    return node.arg.value if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str) else None


def _need_function(name: nodes.Name) -> None:
    if name.name not in FUNCTIONS:
        hint = _FUNCTION_HINTS.get(name.name, "")
        near = "" if hint else did_you_mean(name.name, list(FUNCTIONS))
        raise TemplateError(f"there is no function '{name.name}'{near}", name.lineno, hint, len(name.name))
