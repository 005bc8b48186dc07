"""Whether a value fits a schema: a linked schema as one function."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from typing import Any

from runner.ground.json_value import Json, equality_key, is_integer, is_number
from runner.language.schema.evaluated import additional_keys, evaluated_keys
from runner.language.schema.linked import Linked, Pattern, Reference

Check = Callable[[Json], bool]

_OF_TYPE: dict[str, Check] = {
    "array": lambda value: isinstance(value, list),
    "boolean": lambda value: isinstance(value, bool),
    "integer": is_integer,
    "null": lambda value: value is None,
    "number": is_number,
    "object": lambda value: isinstance(value, dict),
    "string": lambda value: isinstance(value, str),
}


def compile_check(schema: Linked) -> Check:
    """A function that says whether a value fits; it may raise TooComplex, RecursionError."""
    return _Compiler().check(schema)


class _Compiler:
    def __init__(self) -> None:
        self._known: dict[int, Check] = {}

    def check(self, schema: Linked) -> Check:
        if isinstance(schema, bool):
            return _always if schema else _never
        if id(schema) not in self._known:
            self._known[id(schema)] = _all([*self._checks(schema)])
        return self._known[id(schema)]

    def _checks(self, schema: dict[str, Any]) -> Iterator[Check]:
        """What the keywords check, the type first: after it, those that speak of that type need not ask again."""
        given = "number" if schema.get("type") == "integer" else schema.get("type")
        for keyword, (type_, build) in _BUILDERS.items():
            if keyword in schema:
                check = build(self, schema[keyword], schema)
                yield check if type_ in (_ANY, given) else _only(_OF_TYPE[type_], check)


def _always(_value: Json) -> bool:
    return True


def _never(_value: Json) -> bool:
    return False


def _only(is_of_type: Check, check: Check) -> Check:
    return lambda value: not is_of_type(value) or check(value)


def _all(checks: list[Check]) -> Check:
    match checks:
        case []:
            return _always
        case [check]:
            return check
        case [first, second]:
            return lambda value: first(value) and second(value)
    return lambda value: all(check(value) for check in checks)


def _type(_compiler: _Compiler, wanted: str | list[str], _schema: dict[str, Any]) -> Check:
    if isinstance(wanted, str):
        return _OF_TYPE[wanted]
    checks = [_OF_TYPE[name] for name in wanted]
    return lambda value: any(check(value) for check in checks)


def _enum(_compiler: _Compiler, values: list[Json], _schema: dict[str, Any]) -> Check:
    allowed = {equality_key(value) for value in values}
    return lambda value: equality_key(value) in allowed


def _const(_compiler: _Compiler, wanted: Json, _schema: dict[str, Any]) -> Check:
    known = equality_key(wanted)
    return lambda value: equality_key(value) == known


def _bound(holds: Callable[[Any, Any], bool]) -> Callable[..., Check]:
    return lambda _compiler, limit, _schema: lambda value: holds(value, limit)


def _length(holds: Callable[[int, int], bool]) -> Callable[..., Check]:
    return lambda _compiler, limit, _schema: lambda value: holds(len(value), limit)


def _multiple(_compiler: _Compiler, of: float, _schema: dict[str, Any]) -> Check:
    return lambda value: is_multiple(value, of)


def is_multiple(value: float, of: float) -> bool:
    """Whether a number is another a whole number of times, by the quotient of doubles if the other is a fraction."""
    try:
        if isinstance(of, int):
            return value % of == 0
        quotient = value / of
        return int(quotient) == quotient
    except OverflowError:  # then exactly, since no double holds it
        (above, below), (of_above, of_below) = value.as_integer_ratio(), of.as_integer_ratio()
        return above * of_below % (below * of_above) == 0


def _pattern(_compiler: _Compiler, pattern: Pattern, _schema: dict[str, Any]) -> Check:
    return pattern.found_in


def _unique(_compiler: _Compiler, wanted: bool, _schema: dict[str, Any]) -> Check:
    return lambda value: not wanted or len({equality_key(item) for item in value}) == len(value)


def _prefix(compiler: _Compiler, schemas: list[Linked], _schema: dict[str, Any]) -> Check:
    checks = [compiler.check(inner) for inner in schemas]
    return lambda value: all(check(item) for check, item in zip(checks, value, strict=False))


def _items(compiler: _Compiler, inner: Linked, schema: dict[str, Any]) -> Check:
    check, start = compiler.check(inner), len(schema.get("prefixItems", ()))
    return lambda value: all(check(item) for item in value[start:])


def _contains(compiler: _Compiler, inner: Linked, schema: dict[str, Any]) -> Check:
    check, least, most = compiler.check(inner), schema.get("minContains", 1), schema.get("maxContains", math.inf)
    return lambda value: least <= sum(map(check, value)) <= most


def _properties(compiler: _Compiler, schemas: dict[str, Linked], _schema: dict[str, Any]) -> Check:
    checks = [(name, compiler.check(inner)) for name, inner in schemas.items()]
    return lambda value: all(name not in value or check(value[name]) for name, check in checks)


def _patterns(compiler: _Compiler, schemas: list[tuple[Pattern, Linked]], _schema: dict[str, Any]) -> Check:
    checks = [(pattern, compiler.check(inner)) for pattern, inner in schemas]
    return lambda value: all(
        check(value[name]) for pattern, check in checks for name in value if pattern.found_in(name)
    )


def _additional(compiler: _Compiler, inner: Linked, schema: dict[str, Any]) -> Check:
    check = compiler.check(inner)
    return lambda value: all(check(value[name]) for name in additional_keys(schema, value))


def _unevaluated(compiler: _Compiler, inner: Linked, schema: dict[str, Any]) -> Check:
    check = compiler.check(inner)

    def is_valid(schema: Linked, value: Json) -> bool:
        return compiler.check(schema)(value)

    return lambda value: all(check(value[name]) for name in value.keys() - evaluated_keys(schema, value, is_valid))


def _names(compiler: _Compiler, inner: Linked, _schema: dict[str, Any]) -> Check:
    check = compiler.check(inner)
    return lambda value: all(check(name) for name in value)


def _required(_compiler: _Compiler, names: list[str], _schema: dict[str, Any]) -> Check:
    wanted = frozenset(names)
    return lambda value: wanted <= value.keys()


def _required_with(_compiler: _Compiler, needed: dict[str, list[str]], _schema: dict[str, Any]) -> Check:
    return lambda value: all(value.keys() >= set(needed[key]) for key in needed.keys() & value.keys())


def _schemas_with(compiler: _Compiler, schemas: dict[str, Linked], _schema: dict[str, Any]) -> Check:
    checks = [(name, compiler.check(inner)) for name, inner in schemas.items()]
    return lambda value: all(name not in value or check(value) for name, check in checks)


def _all_of(compiler: _Compiler, schemas: list[Linked], _schema: dict[str, Any]) -> Check:
    return _all([compiler.check(inner) for inner in schemas])


def _any_of(compiler: _Compiler, schemas: list[Linked], _schema: dict[str, Any]) -> Check:
    checks = [compiler.check(inner) for inner in schemas]
    return lambda value: any(check(value) for check in checks)


def _one_of(compiler: _Compiler, schemas: list[Linked], _schema: dict[str, Any]) -> Check:
    checks = [compiler.check(inner) for inner in schemas]
    return lambda value: sum(check(value) for check in checks) == 1


def _not(compiler: _Compiler, inner: Linked, _schema: dict[str, Any]) -> Check:
    check = compiler.check(inner)
    return lambda value: not check(value)


def _if(compiler: _Compiler, inner: Linked, schema: dict[str, Any]) -> Check:
    condition = compiler.check(inner)
    then, otherwise = compiler.check(schema.get("then", True)), compiler.check(schema.get("else", True))
    return lambda value: then(value) if condition(value) else otherwise(value)


def _reference(compiler: _Compiler, reference: Reference, _schema: dict[str, Any]) -> Check:
    def follow(value: Json) -> bool:
        """Compiles what is referred to when it is first needed: it may be what is being compiled."""
        reference.budget.spend()
        return compiler.check(reference.target)(value)

    return follow


_ANY = ""

_BUILDERS: dict[str, tuple[str, Callable[..., Check]]] = {
    "type": (_ANY, _type),
    "enum": (_ANY, _enum),
    "const": (_ANY, _const),
    "minimum": ("number", _bound(operator.ge)),
    "maximum": ("number", _bound(operator.le)),
    "exclusiveMinimum": ("number", _bound(operator.gt)),
    "exclusiveMaximum": ("number", _bound(operator.lt)),
    "multipleOf": ("number", _multiple),
    "minLength": ("string", _length(operator.ge)),
    "maxLength": ("string", _length(operator.le)),
    "pattern": ("string", _pattern),
    "minItems": ("array", _length(operator.ge)),
    "maxItems": ("array", _length(operator.le)),
    "uniqueItems": ("array", _unique),
    "prefixItems": ("array", _prefix),
    "items": ("array", _items),
    "contains": ("array", _contains),
    "minProperties": ("object", _length(operator.ge)),
    "maxProperties": ("object", _length(operator.le)),
    "required": ("object", _required),
    "dependentRequired": ("object", _required_with),
    "properties": ("object", _properties),
    "patternProperties": ("object", _patterns),
    "additionalProperties": ("object", _additional),
    "propertyNames": ("object", _names),
    "$ref": (_ANY, _reference),
    "allOf": (_ANY, _all_of),
    "anyOf": (_ANY, _any_of),
    "oneOf": (_ANY, _one_of),
    "not": (_ANY, _not),
    "if": (_ANY, _if),
    "dependentSchemas": ("object", _schemas_with),
    "unevaluatedProperties": ("object", _unevaluated),
}
"""The keywords, each with the type of the values that it speaks of, in the order in which they are asked."""
