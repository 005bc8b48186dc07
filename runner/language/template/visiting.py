"""Walks over Jinja's trees by methods in lower case, `see_getattr` where Jinja's own are named `visit_Getattr`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jinja2 import nodes
from jinja2.visitor import NodeTransformer, NodeVisitor


class Visitor(NodeVisitor):
    """Looks at every node; a method `see_<kind>` looks at those of one kind, and at what is in them."""

    def get_visitor(self, node: nodes.Node) -> Callable[..., Any] | None:
        return _method(self, node)


class Transformer(NodeTransformer):
    """Replaces every node by what the method `see_<kind>` gives."""

    def get_visitor(self, node: nodes.Node) -> Callable[..., Any] | None:
        return _method(self, node)


def _method(visitor: object, node: nodes.Node) -> Callable[..., Any] | None:
    found: Callable[..., Any] | None = getattr(visitor, f"see_{type(node).__name__.lower()}", None)
    return found
