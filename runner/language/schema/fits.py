"""Whether a value fits a schema: a linked schema as one function."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sized
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
            self._known[id(schema)] = self._all_of(schema)
        return self._known[id(schema)]

    def _all_of(self, schema: dict[str, Any]) -> Check:
        checks = [
            check
            for keyword, build in _BUILDERS.items()
            if keyword in schema and (check := build(self, schema[keyword], schema)) is not None
        ]
        if not checks:
            return _always
        return checks[0] if len(checks) == 1 else _both(checks)


def _always(_value: Json) -> bool:
    return True


def _never(_value: Json) -> bool:
    return False


def _both(checks: list[Check]) -> Check:
    if len(checks) == 2:  # noqa: PLR2004 - two is the usual number
        first, second = checks
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
    return lambda _compiler, limit, _schema: lambda value: not is_number(value) or holds(value, limit)


def _length(kind: type[Sized], holds: Callable[[int, int], bool]) -> Callable[..., Check]:
    return lambda _compiler, limit, _schema: lambda value: not isinstance(value, kind) or holds(len(value), limit)


def _multiple(_compiler: _Compiler, of: float, _schema: dict[str, Any]) -> Check:
    return lambda value: not is_number(value) or is_multiple(value, of)


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
    return lambda value: not isinstance(value, str) or pattern.found_in(value)


def _unique(_compiler: _Compiler, wanted: bool, _schema: dict[str, Any]) -> Check | None:
    if not wanted:
        return None
    return lambda value: not isinstance(value, list) or len({equality_key(item) for item in value}) == len(value)


def _prefix(compiler: _Compiler, schemas: list[Linked], _schema: dict[str, Any]) -> Check:
    checks = [compiler.check(inner) for inner in schemas]
    return lambda value: (
        not isinstance(value, list) or all(check(item) for check, item in zip(checks, value, strict=False))
    )


def _items(compiler: _Compiler, inner: Linked, schema: dict[str, Any]) -> Check:
    check, start = compiler.check(inner), len(schema.get("prefixItems", ()))
    return lambda value: not isinstance(value, list) or all(check(item) for item in value[start:])


def _contains(compiler: _Compiler, inner: Linked, schema: dict[str, Any]) -> Check:
    check, least, most = compiler.check(inner), schema.get("minContains", 1), schema.get("maxContains", math.inf)
    return lambda value: not isinstance(value, list) or least <= sum(map(check, value)) <= most


def _properties(compiler: _Compiler, schemas: dict[str, Linked], _schema: dict[str, Any]) -> Check:
    checks = [(name, compiler.check(inner)) for name, inner in schemas.items()]
    return lambda value: (
        not isinstance(value, dict) or all(name not in value or check(value[name]) for name, check in checks)
    )


def _patterns(compiler: _Compiler, schemas: list[tuple[Pattern, Linked]], _schema: dict[str, Any]) -> Check:
    checks = [(pattern, compiler.check(inner)) for pattern, inner in schemas]
    return lambda value: (
        not isinstance(value, dict)
        or all(check(value[name]) for pattern, check in checks for name in value if pattern.found_in(name))
    )


def _additional(compiler: _Compiler, inner: Linked, schema: dict[str, Any]) -> Check:
    check = compiler.check(inner)
    return lambda value: (
        not isinstance(value, dict) or all(check(value[name]) for name in additional_keys(schema, value))
    )


def _unevaluated(compiler: _Compiler, inner: Linked, schema: dict[str, Any]) -> Check:
    check = compiler.check(inner)

    def is_valid(schema: Linked, value: Json) -> bool:
        return compiler.check(schema)(value)

    def holds(value: Json) -> bool:
        if not isinstance(value, dict):
            return True
        return all(check(value[name]) for name in value.keys() - evaluated_keys(schema, value, is_valid))

    return holds


def _names(compiler: _Compiler, inner: Linked, _schema: dict[str, Any]) -> Check:
    check = compiler.check(inner)
    return lambda value: not isinstance(value, dict) or all(check(name) for name in value)


def _required(_compiler: _Compiler, names: list[str], _schema: dict[str, Any]) -> Check:
    wanted = frozenset(names)
    return lambda value: not isinstance(value, dict) or wanted <= value.keys()


def _required_with(_compiler: _Compiler, needed: dict[str, list[str]], _schema: dict[str, Any]) -> Check:
    return lambda value: (
        not isinstance(value, dict) or all(value.keys() >= set(needed[key]) for key in needed.keys() & value.keys())
    )


def _schemas_with(compiler: _Compiler, schemas: dict[str, Linked], _schema: dict[str, Any]) -> Check:
    checks = [(name, compiler.check(inner)) for name, inner in schemas.items()]
    return lambda value: not isinstance(value, dict) or all(name not in value or check(value) for name, check in checks)


def _all_of(compiler: _Compiler, schemas: list[Linked], _schema: dict[str, Any]) -> Check:
    return _both([compiler.check(inner) for inner in schemas])


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


_BUILDERS: dict[str, Callable[..., Check | None]] = {
    "type": _type,
    "enum": _enum,
    "const": _const,
    "minimum": _bound(operator.ge),
    "maximum": _bound(operator.le),
    "exclusiveMinimum": _bound(operator.gt),
    "exclusiveMaximum": _bound(operator.lt),
    "multipleOf": _multiple,
    "minLength": _length(str, operator.ge),
    "maxLength": _length(str, operator.le),
    "pattern": _pattern,
    "minItems": _length(list, operator.ge),
    "maxItems": _length(list, operator.le),
    "uniqueItems": _unique,
    "prefixItems": _prefix,
    "items": _items,
    "contains": _contains,
    "minProperties": _length(dict, operator.ge),
    "maxProperties": _length(dict, operator.le),
    "required": _required,
    "dependentRequired": _required_with,
    "properties": _properties,
    "patternProperties": _patterns,
    "additionalProperties": _additional,
    "propertyNames": _names,
    "$ref": _reference,
    "allOf": _all_of,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "not": _not,
    "if": _if,
    "dependentSchemas": _schemas_with,
    "unevaluatedProperties": _unevaluated,
}
