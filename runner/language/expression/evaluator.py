"""A syntax tree as Python closures, each of which takes a scope and gives a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from runner.language.expression import comparison
from runner.language.expression.arithmetic import calculate, negate
from runner.language.expression.conditions import Evaluate, decided, not_bool
from runner.language.expression.evaluation import EvaluationScope, Fault
from runner.language.expression.functions import function_of, misuse
from runner.language.expression.macros import Loop, repeated
from runner.language.expression.tree import (
    Binary,
    Conditional,
    Constant,
    FunctionCall,
    Has,
    Index,
    ListOf,
    Logic,
    Macro,
    MapOf,
    Name,
    Select,
    SyntaxNode,
    Unary,
    Variable,
    count,
    spelled,
)
from runner.language.expression.values import (
    ADMITTED,
    MAX_INT,
    MIN_INT,
    SCALARS,
    TYPE_NAMES,
    admit,
    holds_key,
    is_list,
    is_map,
    look_up,
    map_of,
    name_of,
)


def closure(node: SyntaxNode) -> Evaluate:
    """The closure of a tree. What goes wrong in it is a Fault, placed."""
    return _CLOSURES[type(node)](node)


def _constant(node: Constant) -> Evaluate:
    value = node.value
    return lambda scope: value


def _name(node: Name) -> Evaluate:
    name = node.name

    def evaluate(scope: EvaluationScope) -> Any:
        try:
            value = scope.names[name]
            kind = type(value)
            if kind in ADMITTED or (kind is int and MIN_INT <= value <= MAX_INT):
                return value
            return admit(value)
        except KeyError:
            raise Fault(f"unknown name '{name}'", word=name, known=scope.names).at(node) from None
        except Fault as fault:
            raise fault.at(node) from None

    return evaluate if name not in TYPE_NAMES else _type_name(name, evaluate)


def _type_name(name: str, evaluate: Evaluate) -> Evaluate:
    """A type, unless the scope knows that name."""
    kind = TYPE_NAMES[name]
    return lambda scope: evaluate(scope) if name in scope.names else kind


def _variable(node: Variable) -> Evaluate:
    slot = node.slot
    return lambda scope: scope.variables[slot]


def _select(node: Select) -> Evaluate:
    operand, field = closure(node.operand), node.field

    def evaluate(scope: EvaluationScope) -> Any:
        container = operand(scope)
        try:
            value = container[field] if isinstance(container, dict) else _field(container, field)
            return value if type(value) in ADMITTED else admit(value)
        except KeyError:
            raise _missing(node, field, container) from None
        except Fault as fault:
            raise fault.at(node) from None

    return evaluate


def _field(container: Any, field: str) -> Any:
    if is_map(container):
        return look_up(container, field)
    raise Fault(f"can't take the field '{field}' of {name_of(container)}", _field_advice(container, field))


def _field_advice(container: Any, field: str) -> str:
    if container is None:
        return "ask first: x != null"
    if field in ("length", "size", "count"):
        return "size(x) counts"
    return "take an element first: x[0], or all: x.map(e, e.field)" if is_list(container) else "only maps have fields"


def _missing(node: Select | Index, key: Any, container: Mapping[Any, Any]) -> Fault:
    path = spelled(node.operand)
    where = f" in {path}" if path else ""
    if type(key) is not str:
        return Fault(f"no such key{where}", "ask first: key in map").at(node)
    question = f"has({spelled(node)})" if isinstance(node, Select) and path else f'"{key}" in {path or "map"}'
    return Fault(f"no key '{key}'{where}", f"ask first: {question}", key, container).at(node)


def _has(node: Has) -> Evaluate:
    operand, field = _path(node.operand), node.field

    def evaluate(scope: EvaluationScope) -> bool:
        container = operand(scope)
        if container is None:
            return False
        if is_map(container):
            return holds_key(container, field)
        raise Fault(f"has() asks a map for a key, not {name_of(container)}", "ask first: x != null && has(x.y)").at(
            node
        )

    return evaluate


def _path(node: SyntaxNode) -> Evaluate:
    """What a path leads to; null where a key on the way is missing, or what should have it is null."""
    if not isinstance(node, Select | Index):
        return closure(node)
    operand = _path(node.operand)
    key = closure(node.key) if isinstance(node, Index) else closure(Constant(node.offset, node.width, node.field))
    take = _element if isinstance(node, Index) else _field

    def evaluate(scope: EvaluationScope) -> Any:
        container, wanted = operand(scope), key(scope)
        try:
            comparison.pay_for_key(wanted, scope)
            if is_map(container):
                return admit(look_up(container, wanted))
            if container is None or (is_list(container) and type(wanted) is int and wanted >= len(container)):
                return None
            return take(container, wanted)
        except KeyError:
            return None
        except Fault as fault:
            raise fault.at(node) from None

    return evaluate


def _index(node: Index) -> Evaluate:
    operand, key = closure(node.operand), closure(node.key)

    def evaluate(scope: EvaluationScope) -> Any:
        container, wanted = operand(scope), key(scope)
        try:
            comparison.pay_for_key(wanted, scope)
            return admit(look_up(container, wanted) if is_map(container) else _element(container, wanted))
        except KeyError:
            raise _missing(node, wanted, container) from None
        except Fault as fault:
            raise fault.at(node) from None

    return evaluate


def _element(container: Any, wanted: Any) -> Any:
    if not is_list(container):
        hint = "ask first: x != null" if container is None else "only lists and maps have elements"
        raise Fault(f"can't take an element of {name_of(container)}", hint)
    if type(wanted) in (bool, str) or not isinstance(wanted, int | float) or wanted != wanted // 1:
        raise Fault(f"an element of a list is taken by a whole number, not {name_of(wanted)}", "the first one is x[0]")
    if 0 <= wanted < len(container):
        return container[int(wanted)]
    hint = "the last one is x[size(x) - 1]" if wanted < 0 else "ask first: size(x) > 0"
    raise Fault(f"there is no such element: the list has {len(container)}, numbered from 0", hint)


def _call(node: FunctionCall) -> Evaluate:
    operands = [closure(operand) for operand in node.children]
    function = function_of(node)
    if function is None:
        return _misused(node)
    operate, cost = function.operate, function.cost

    def evaluate(scope: EvaluationScope) -> Any:
        values = [operand(scope) for operand in operands]
        try:
            scope.spend(cost(*values))
            if not function.passes_on:
                comparison.need_known(*values)
            return operate(*values)
        except Fault as fault:
            raise fault.at(node) from None

    return evaluate


def _misused(node: FunctionCall) -> Evaluate:
    """A call that calls nothing; it gets here only where nothing was checked before."""

    def evaluate(scope: EvaluationScope) -> Any:
        raise misuse(node)

    return evaluate


def _unary(node: Unary) -> Evaluate:
    operand = closure(node.operand)
    if node.operator == "-":
        return _guarded(node, lambda scope: negate(operand(scope)))

    def evaluate(scope: EvaluationScope) -> bool:
        value = operand(scope)
        if type(value) is bool:
            return not value
        raise not_bool("'!' needs", value, negated=True).at(node)

    return evaluate


def _guarded(node: SyntaxNode, operation: Evaluate) -> Evaluate:
    """The same; a fault is placed at the node, unless an operand has placed it."""

    def evaluate(scope: EvaluationScope) -> Any:
        try:
            return operation(scope)
        except Fault as fault:
            raise fault.at(node) from None

    return evaluate


def _binary(node: Binary) -> Evaluate:
    left, right, symbol = closure(node.left), closure(node.right), node.operator
    if symbol in ("==", "!="):
        return _equality(node, left, right)
    if symbol in comparison.ORDERS:
        return _order(node, left, right)
    if symbol == "in":
        return _membership(node, left, right)
    return _guarded(node, lambda scope: calculate(symbol, left(scope), right(scope), scope))


def _equality(node: Binary, left: Evaluate, right: Evaluate) -> Evaluate:
    wanted = node.operator == "=="

    def evaluate(scope: EvaluationScope) -> bool:
        one, other = left(scope), right(scope)
        kind = type(one)
        try:
            if kind is type(other) and kind in SCALARS:
                alike = comparison.same(one, other, scope) if kind in comparison.TEXTS else one == other
                return alike is wanted
            return comparison.equal(one, other, scope) is wanted
        except Fault as fault:
            raise fault.at(node) from None

    return evaluate


def _order(node: Binary, left: Evaluate, right: Evaluate) -> Evaluate:
    symbol, holds = node.operator, comparison.ORDERS[node.operator]

    def evaluate(scope: EvaluationScope) -> bool:
        one, other = left(scope), right(scope)
        kind = type(one)
        try:
            if kind is type(other) and kind in comparison.ORDERED:
                if kind in comparison.TEXTS:
                    comparison.pay_for_text(one, other, scope)
                    comparison.need_known(one, other)
                return holds(one, other)
            return comparison.compare(symbol, one, other)
        except Fault as fault:
            raise fault.at(node) from None

    return evaluate


def _membership(node: Binary, left: Evaluate, right: Evaluate) -> Evaluate:
    items = node.right.items if isinstance(node.right, ListOf) else ()
    texts = frozenset(item.value for item in items if isinstance(item, Constant) and type(item.value) is str)
    named = texts - {""}
    if not items or len(texts) < len(items):
        return _guarded(node, lambda scope: comparison.contains(left(scope), right(scope), scope))

    def evaluate(scope: EvaluationScope) -> bool:
        value = left(scope)
        if type(value) is not str or value in texts:
            return type(value) is str
        try:
            return bool(named) and comparison.need_known(value)
        except Fault as fault:
            raise fault.at(node) from None

    return evaluate


def _logic(node: Logic) -> Evaluate:
    operands = tuple((closure(operand), operand) for operand in node.operands)
    return decided(node.operator == "||", f"'{node.operator}' needs", operands)


def _conditional(node: Conditional) -> Evaluate:
    condition, yes, no = closure(node.condition), closure(node.yes), closure(node.no)

    def evaluate(scope: EvaluationScope) -> Any:
        value = condition(scope)
        if type(value) is bool:
            return yes(scope) if value else no(scope)
        raise not_bool("'? :' needs", value).at(node)

    return evaluate


def _list_of(node: ListOf) -> Evaluate:
    items = [closure(item) for item in node.items]
    return lambda scope: [item(scope) for item in items]


def _map_of(node: MapOf) -> Evaluate:
    entries = [(closure(key), closure(value)) for key, value in node.entries]

    def evaluate(scope: EvaluationScope) -> Any:
        pairs = [(key(scope), value(scope)) for key, value in entries]
        comparison.need_known(*(key for key, _ in pairs))
        return map_of(pairs)

    return _guarded(node, evaluate)


def _macro(node: Macro) -> Evaluate:
    keep = closure(node.keep) if node.keep else None
    return repeated(Loop(node, count(node), closure(node.source), keep, closure(node.body)))


_CLOSURES: Mapping[type[SyntaxNode], Callable[[Any], Evaluate]] = {
    Constant: _constant,
    Name: _name,
    Variable: _variable,
    Select: _select,
    Has: _has,
    Index: _index,
    FunctionCall: _call,
    Unary: _unary,
    Binary: _binary,
    Logic: _logic,
    Conditional: _conditional,
    ListOf: _list_of,
    MapOf: _map_of,
    Macro: _macro,
}
