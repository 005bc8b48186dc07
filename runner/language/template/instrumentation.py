"""Turns a parsed template into one in which every operation is counted: loops, calls, comparisons, joins, slices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

from runner.language.template.budget import TEXT_PER_UNIT

LONE = "lone"
"""The name under which a template that is exactly one `{{ … }}` leaves its value."""


def instrumented(tree: nodes.Template, lone: nodes.Expr | None) -> nodes.Template:
    """The tree to compile. With `lone`, it writes nothing and keeps the value of that expression."""
    if lone is not None:
        tree.body = [nodes.Assign(nodes.Name(LONE, "store"), lone, lineno=lone.lineno)]
    _Counting().generic_visit(tree)
    return tree


class _Counting(NodeTransformer):
    """A body that may run more than once begins by paying for itself; what costs more than a step becomes a filter."""

    def get_visitor(self, node: nodes.Node) -> Callable[..., Any] | None:
        """Jinja would look for `visit_For`."""
        return getattr(self, f"see_{type(node).__name__.lower()}", None)

    def _paying(self, node: nodes.For | nodes.Macro | nodes.CallBlock) -> nodes.Node:
        cost = sum(map(_cost, node.body))
        self.generic_visit(node)
        payment = _filter("~paid", nodes.Const(None, lineno=node.lineno), nodes.Const(cost))
        node.body.insert(0, nodes.ExprStmt(payment, lineno=node.lineno))
        return node

    see_macro = see_callblock = _paying

    def see_for(self, node: nodes.For) -> nodes.For:
        cost = _cost(node.test) if node.test else 0
        self._paying(node)
        node.iter = _filter("~each", node.iter)
        if node.test:
            node.test = _filter("~paid", node.test, nodes.Const(cost))
        return node

    def see_filterblock(self, node: nodes.FilterBlock) -> nodes.FilterBlock:
        """Jinja writes out what the filter gives, whatever it is."""
        self.generic_visit(node)
        node.filter = _filter("~text", node.filter)
        return node

    def see_compare(self, node: nodes.Compare) -> nodes.Filter:
        self.generic_visit(node)
        sides = [side for operand in node.ops for side in (nodes.Const(operand.op), operand.expr)]
        return _filter("~compare", node.expr, *sides)

    def see_concat(self, node: nodes.Concat) -> nodes.Filter:
        self.generic_visit(node)
        return _filter("~join", nodes.List(node.nodes, lineno=node.lineno))

    def see_dict(self, node: nodes.Dict) -> nodes.Filter:
        self.generic_visit(node)
        pairs: list[nodes.Expr] = [nodes.Tuple([pair.key, pair.value], "load") for pair in node.items]
        return _filter("~object", nodes.List(pairs, lineno=node.lineno))

    def see_getitem(self, node: nodes.Getitem) -> nodes.Expr:
        self.generic_visit(node)
        if not isinstance(node.arg, nodes.Slice):
            return node
        bounds = (node.arg.start, node.arg.stop, node.arg.step)
        return _filter("~slice", node.node, *(nodes.Const(None) if bound is None else bound for bound in bounds))


def _filter(name: str, subject: nodes.Node, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(subject, name, list(args), [], None, None, lineno=subject.lineno)


def _cost(node: nodes.Node) -> int:
    """One unit a node, and what its text costs."""
    own = 1 + len(node.data) // TEXT_PER_UNIT if isinstance(node, nodes.TemplateData) else 1
    return own + sum(map(_cost, node.iter_child_nodes()))
