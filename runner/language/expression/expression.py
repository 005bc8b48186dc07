"""An expression, compiled once and evaluated over any scope."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from msgspec import Struct

from runner.ground.errors import ExpressionError
from runner.language.expression.conditions import Evaluate, not_bool
from runner.language.expression.conversions import to_json
from runner.language.expression.evaluation import EvaluationScope, Fault
from runner.language.expression.evaluator import closure
from runner.language.expression.parser import parse
from runner.language.expression.resolver import Resolver
from runner.language.expression.tree import SyntaxNode
from runner.language.reference import Reference


class Expression(Struct, frozen=True, eq=False):
    """A compiled expression. Whatever goes wrong in its methods is an ExpressionError.

    `references` are the names of the scope that it reads, in the order of the source; `faults` are the errors that
    constant parts of it raise whenever they are met, such as `duration("2d")`.
    """

    source: str
    tree: SyntaxNode
    references: tuple[Reference, ...]
    faults: tuple[ExpressionError, ...]
    _closure: Evaluate
    _slots: int

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and (self.source, self.tree) == (other.source, other.tree)

    def __hash__(self) -> int:
        return hash(self.source)

    def __repr__(self) -> str:
        return f"Expression({self.source!r})"

    def evaluate(self, scope: Mapping[str, Any]) -> Any:
        """The value over these names: one of JSON, or a `Uint`, bytes, `Timestamp`, `Duration`, `Type` or `Map`."""
        try:
            return self._closure(EvaluationScope(scope, [None] * self._slots))
        except Fault as fault:
            raise fault.error() from None
        except RecursionError:
            raise ExpressionError("the data is nested too deeply for this expression") from None

    def test(self, scope: Mapping[str, Any]) -> bool:
        """The value of a condition; any value but a bool is an error."""
        value = self.evaluate(scope)
        if type(value) is bool:
            return value
        raise not_bool("a condition gives", value).at(self.tree).error()

    def json(self, scope: Mapping[str, Any]) -> Any:
        """The value as plain JSON."""
        return to_json(self.evaluate(scope))


def compile_expression(
    text: str, *, container: str = "", names: Collection[str] = (), macros: bool = True, check: bool = True
) -> Expression:
    """The expression of a text. Raises ExpressionError, and nothing else.

    `names` are names of the scope with dots in them, looked up in `container` (longest prefix first), as CEL has it
    for namespaces. Without `macros`, `has` and `all` are calls like any other; without `check`, calling an unknown
    function is an error only when it is met.
    """
    try:
        resolver = Resolver(container, frozenset(names), macros=macros, check=check)
        tree = resolver.resolve(parse(text), {})
        return Expression(text, tree, tuple(resolver.references), tuple(resolver.faults), closure(tree), resolver.slots)
    except RecursionError:
        raise ExpressionError("the expression is nested too deeply here", hint="use fewer levels") from None
