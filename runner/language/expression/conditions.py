"""Where a bool is needed: nothing is true or false but a bool, and of several one decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from runner.language.expression.evaluation import FAULT_STEPS, EvaluationScope, Exhausted, Fault
from runner.language.expression.tree import SyntaxNode
from runner.language.expression.values import NUMBERS, is_list, is_map, name_of

Evaluate = Callable[[EvaluationScope], Any]
"""A node as a closure."""

Condition = tuple[Evaluate, SyntaxNode]
"""A condition, and the node at which it is at fault where it gives no bool."""


def not_bool(needs: str, value: Any, *, negated: bool = False) -> Fault:
    """The fault of a value that is no bool; `needs` starts the message: `'!' needs`."""
    return Fault(f"{needs} a bool, and this is {name_of(value)}", _question(value, "==" if negated else "!="))


def _question(value: Any, operator: str) -> str:
    if value is None:
        return f"write x {operator} null"
    if type(value) in NUMBERS:
        return f"write x {operator} {'0.0' if type(value) is float else '0'}"
    if type(value) is str:
        return f'write x {operator} "", or compare with the text that you mean'
    if is_list(value) or is_map(value):
        return f"write size(x) {'==' if operator == '==' else '>'} 0"
    return "compare it with something"


def decided(
    deciding: bool,
    needs: str,
    operands: tuple[Condition, ...] = (),
    turns: Callable[[EvaluationScope], Iterable[Condition]] | None = None,
) -> Evaluate:
    """One of the operands, or of the turns, decides, wherever it stands; an error counts only if none does."""

    def evaluate(scope: EvaluationScope) -> bool:
        pending: Fault | None = None
        for operand, node in turns(scope) if turns else operands:
            try:
                value = operand(scope)
            except Exhausted:
                raise
            except Fault as fault:
                scope.spend(FAULT_STEPS)
                pending = pending or fault
                continue
            if value is deciding:
                return bool(value)
            if type(value) is not bool:
                pending = pending or not_bool(needs, value).at(node)
        if pending:
            raise pending
        return not deciding

    return evaluate
