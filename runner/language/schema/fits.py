"""Whether a value fits a schema: a linked schema as one function."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from runner.ground.json_value import Json, equality_key, is_integer, is_number, same_json
from runner.language.schema.evaluated import additional_keys, evaluated_keys
from runner.language.schema.linked import LISTS, MAPPINGS, PATTERNS, SINGLE, Linked, Pattern, SchemaReference

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
            return lambda _value: schema
        if id(schema) not in self._known:
            self._known[id(schema)] = _all([*self._checks(schema)])
        return self._known[id(schema)]

    def _checks(self, schema: dict[str, Any]) -> Iterator[Check]:
        """What the keywords check, the type first: after it, those that speak of that type need not ask again."""
        given = "number" if schema.get("type") == "integer" else schema.get("type")
        for keyword, (type_, build) in _KEYWORDS.items():
            if keyword in schema:
                check = build(self, self._said(keyword, schema[keyword]), schema)
                yield check if type_ in (_ANY, given) else _only(_OF_TYPE[type_], check)

    def _said(self, keyword: str, value: Any) -> Any:
        """What a keyword says, with a check in the place of every schema."""
        if keyword in SINGLE:
            return self.check(value)
        if keyword in LISTS:
            return [self.check(inner) for inner in value]
        if keyword in MAPPINGS:
            return [(name, self.check(inner)) for name, inner in value.items()]
        return [(pattern, self.check(inner)) for pattern, inner in value] if keyword == PATTERNS else value


def _only(is_of_type: Check, check: Check) -> Check:
    return lambda value: not is_of_type(value) or check(value)


def _all(checks: list[Check]) -> Check:
    match checks:
        case []:
            return lambda _value: True
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


def is_multiple(of: float, value: float) -> bool:
    """Whether a number is another a whole number of times, by the quotient of doubles if the other is a fraction."""
    try:
        if isinstance(of, int):
            return value % of == 0
        quotient = value / of
        return int(quotient) == quotient
    except OverflowError:  # then exactly, since no double holds it
        (above, below), (of_above, of_below) = value.as_integer_ratio(), of.as_integer_ratio()
        return above * of_below % (below * of_above) == 0


def _is_as_long(least: int, value: Any) -> bool:
    return len(value) >= least


def _is_as_short(most: int, value: Any) -> bool:
    return len(value) <= most


def _items(_compiler: _Compiler, check: Check, schema: dict[str, Any]) -> Check:
    start = len(schema.get("prefixItems", ()))
    return lambda value: all(check(item) for item in value[start:])


def _contains(_compiler: _Compiler, check: Check, schema: dict[str, Any]) -> Check:
    least, most = schema.get("minContains", 1), schema.get("maxContains", math.inf)
    return lambda value: least <= sum(map(check, value)) <= most


def _required(_compiler: _Compiler, names: list[str], _schema: dict[str, Any]) -> Check:
    wanted = frozenset(names)
    return lambda value: wanted <= value.keys()


def _required_with(needed: dict[str, list[str]], value: dict[str, Json]) -> bool:
    return all(value.keys() >= set(names) for key, names in needed.items() if key in value)


def _properties(_compiler: _Compiler, checks: list[tuple[str, Check]], _schema: dict[str, Any]) -> Check:
    return lambda value: all(name not in value or check(value[name]) for name, check in checks)


def _patterns(checks: list[tuple[Pattern, Check]], value: dict[str, Json]) -> bool:
    return all(check(value[name]) for pattern, check in checks for name in value if pattern.found_in(name))


def _additional(_compiler: _Compiler, check: Check, schema: dict[str, Any]) -> Check:
    return lambda value: all(check(value[name]) for name in additional_keys(schema, value))


def _unevaluated(compiler: _Compiler, check: Check, schema: dict[str, Any]) -> Check:
    def is_valid(schema: Linked, value: Json) -> bool:
        return compiler.check(schema)(value)

    return lambda value: all(check(value[name]) for name in value.keys() - evaluated_keys(schema, value, is_valid))


def _if(compiler: _Compiler, condition: Check, schema: dict[str, Any]) -> Check:
    then, otherwise = compiler.check(schema.get("then", True)), compiler.check(schema.get("else", True))
    return lambda value: then(value) if condition(value) else otherwise(value)


def _reference(compiler: _Compiler, reference: SchemaReference, _schema: dict[str, Any]) -> Check:
    def follow(value: Json) -> bool:
        """Compiles what is referred to when it is first needed: it may be what is being compiled."""
        reference.budget.spend()
        return compiler.check(reference.target)(value)

    return follow


def _asks(holds: Callable[[Any, Any], bool]) -> Callable[..., Check]:
    """For a keyword that has all it needs in what it says: whether that holds of a value."""
    return lambda _compiler, said, _schema: partial(holds, said)


_ANY = ""

_KEYWORDS: dict[str, tuple[str, Callable[..., Check]]] = {
    "type": (_ANY, _type),
    "enum": (_ANY, _enum),
    "const": (_ANY, _asks(same_json)),
    "minimum": ("number", _asks(operator.le)),
    "maximum": ("number", _asks(operator.ge)),
    "exclusiveMinimum": ("number", _asks(operator.lt)),
    "exclusiveMaximum": ("number", _asks(operator.gt)),
    "multipleOf": ("number", _asks(is_multiple)),
    "minLength": ("string", _asks(_is_as_long)),
    "maxLength": ("string", _asks(_is_as_short)),
    "pattern": ("string", _asks(Pattern.found_in)),
    "minItems": ("array", _asks(_is_as_long)),
    "maxItems": ("array", _asks(_is_as_short)),
    "uniqueItems": ("array", _asks(lambda wanted, value: not wanted or len({*map(equality_key, value)}) == len(value))),
    "prefixItems": ("array", _asks(lambda checks, value: all(map(operator.call, checks, value)))),
    "items": ("array", _items),
    "contains": ("array", _contains),
    "minProperties": ("object", _asks(_is_as_long)),
    "maxProperties": ("object", _asks(_is_as_short)),
    "required": ("object", _required),
    "dependentRequired": ("object", _asks(_required_with)),
    "properties": ("object", _properties),
    "patternProperties": ("object", _asks(_patterns)),
    "additionalProperties": ("object", _additional),
    "propertyNames": ("object", _asks(lambda check, value: all(map(check, value)))),
    "$ref": (_ANY, _reference),
    "allOf": (_ANY, lambda _compiler, checks, _schema: _all(checks)),
    "anyOf": (_ANY, _asks(lambda checks, value: any(check(value) for check in checks))),
    "oneOf": (_ANY, _asks(lambda checks, value: sum(check(value) for check in checks) == 1)),
    "not": (_ANY, _asks(lambda check, value: not check(value))),
    "if": (_ANY, _if),
    "dependentSchemas": (
        "object",
        _asks(lambda checks, value: all(check(value) for name, check in checks if name in value)),
    ),
    "unevaluatedProperties": ("object", _unevaluated),
}
"""The keywords, each with the type of the values that it speaks of, in the order in which they are asked."""
