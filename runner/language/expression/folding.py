"""What is constant is calculated once; what is constantly wrong is found before a run."""

from __future__ import annotations

from runner.ground.errors import ExpressionError
from runner.language.expression.evaluator import closure
from runner.language.expression.faults import Fault
from runner.language.expression.patterns import search_of
from runner.language.expression.scope import Scope
from runner.language.expression.tree import Binary, Call, Constant, Node, Unary
from runner.language.expression.values import SCALARS


def folded(node: Node, faults: list[ExpressionError]) -> Node:
    """The node, or what it always comes to; what it always fails with joins the faults, and is raised only when met."""
    if not isinstance(node, Binary | Call | Unary):
        return node
    try:
        _check_pattern(node)
        if not all(isinstance(part, Constant) for part in node.children):
            return node
        value = closure(node)(Scope({}))
    except Fault as fault:
        faults.append(fault.at(node).error())
        return node
    return Constant(node.offset, node.width, value) if type(value) in SCALARS else node


def _check_pattern(node: Node) -> None:
    if isinstance(node, Call) and node.function == "matches" and node.arguments:
        pattern = node.arguments[-1]
        if isinstance(pattern, Constant) and type(pattern.value) is str:
            search_of(pattern.value)
