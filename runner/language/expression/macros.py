"""The macros over lists and the keys of maps: `all exists exists_one map filter`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct

from runner.language.expression.conditions import Condition, Evaluate, decided, not_bool
from runner.language.expression.evaluation import EvaluationScope, Fault
from runner.language.expression.tree import Macro
from runner.language.expression.values import admit, is_list, is_map, name_of


class Loop(Struct, frozen=True):
    """A macro whose parts are closures; each turn costs `price` steps."""

    node: Macro
    price: int
    source: Evaluate
    keep: Evaluate | None
    body: Evaluate

    def turns(self, scope: EvaluationScope) -> Iterator[Condition]:
        """For each element in turn, set as the variable of the macro, what is asked of it."""
        asked = self.body, self.node
        for element in self._elements(scope):
            try:
                scope.spend(self.price)
                value = admit(element)
            except Fault as fault:
                raise fault.at(self.node) from None
            scope.variables[self.node.variable.slot] = value
            yield asked

    def _elements(self, scope: EvaluationScope) -> Iterable[Any]:
        source = self.source(scope)
        if is_list(source) or is_map(source):
            return source  # type: ignore[no-any-return]
        hint = "ask first: x != null" if source is None else "a macro goes through a list, or through the keys of a map"
        raise Fault(f"{self.node.kind}() needs a list or a map, not {name_of(source)}", hint).at(self.node)

    def holds(self, condition: Evaluate, scope: EvaluationScope) -> bool:
        """Whether a condition holds for the element whose turn it is."""
        value = condition(scope)
        if type(value) is bool:
            return value
        raise not_bool(f"the condition of {self.node.kind}() needs", value).at(self.node)


def repeated(loop: Loop) -> Evaluate:
    """The closure of a macro."""
    kind, keep, body = loop.node.kind, loop.keep, loop.body
    if kind in ("all", "exists"):
        return decided(kind == "exists", f"the condition of {kind}() needs", turns=loop.turns)
    if kind == "exists_one":
        return lambda scope: sum(loop.holds(body, scope) for _ in loop.turns(scope)) == 1
    if keep is None:
        return lambda scope: [body(scope) for _ in loop.turns(scope)]
    return lambda scope: [body(scope) for _ in loop.turns(scope) if loop.holds(keep, scope)]
