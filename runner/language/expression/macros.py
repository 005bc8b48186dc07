"""The macros over lists and the keys of maps: `all exists exists_one map filter`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import Struct

from runner.language.expression.conditions import not_bool
from runner.language.expression.faults import Exhausted, Fault
from runner.language.expression.limits import FAULT_STEPS
from runner.language.expression.scope import Scope
from runner.language.expression.tree import Macro, MacroKind
from runner.language.expression.values import admit, is_list, is_map, name_of

Evaluate = Callable[[Scope], Any]


class Loop(Struct, frozen=True):
    """A macro whose parts are closures; each turn costs `price` steps."""

    node: Macro
    price: int
    source: Evaluate
    keep: Evaluate
    body: Evaluate

    def turns(self, scope: Scope) -> Iterable[Any]:
        """Each element in turn, set as the variable of the macro."""
        for element in self._elements(scope):
            try:
                scope.spend(self.price)
                value = admit(element)
            except Fault as fault:
                raise fault.at(self.node) from None
            scope.variables[self.node.variable.slot] = value
            yield value

    def _elements(self, scope: Scope) -> Iterable[Any]:
        source = self.source(scope)
        if is_list(source) or is_map(source):
            return source  # type: ignore[no-any-return]
        hint = "ask first: x != null" if source is None else "a macro goes through a list, or through the keys of a map"
        raise Fault(f"{self.node.kind}() needs a list or a map, not {name_of(source)}", hint).at(self.node)

    def holds(self, condition: Evaluate, scope: Scope) -> bool:
        """Whether a condition holds for the element whose turn it is."""
        value = condition(scope)
        if type(value) is bool:
            return value
        raise not_bool(f"the condition of {self.node.kind}() needs", value).at(self.node)


def _quantified(loop: Loop, deciding: bool) -> Evaluate:
    """One element decides; an error counts only if none does."""

    def evaluate(scope: Scope) -> bool:
        pending: Fault | None = None
        for _ in loop.turns(scope):
            try:
                if loop.holds(loop.body, scope) is deciding:
                    return deciding
            except Exhausted:
                raise
            except Fault as fault:
                scope.spend(FAULT_STEPS)
                pending = pending or fault
        if pending:
            raise pending
        return not deciding

    return evaluate


def _all(loop: Loop) -> Evaluate:
    return _quantified(loop, deciding=False)


def _exists(loop: Loop) -> Evaluate:
    return _quantified(loop, deciding=True)


def _exists_one(loop: Loop) -> Evaluate:
    return lambda scope: sum(loop.holds(loop.body, scope) for _ in loop.turns(scope)) == 1


def _map(loop: Loop) -> Evaluate:
    return lambda scope: [loop.body(scope) for _ in loop.turns(scope)]


def _keeping(loop: Loop) -> Evaluate:
    return lambda scope: [loop.body(scope) for _ in loop.turns(scope) if loop.holds(loop.keep, scope)]


def repeated(loop: Loop) -> Evaluate:
    """The closure of a macro."""
    return _keeping(loop) if loop.node.keep else _PLAIN[loop.node.kind](loop)


_PLAIN: Mapping[MacroKind, Callable[[Loop], Evaluate]] = {
    "all": _all,
    "exists": _exists,
    "exists_one": _exists_one,
    "map": _map,
}
