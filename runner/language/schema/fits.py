"""Whether a value fits a schema: a linked schema as one function."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any

from runner.ground.json_value import Json, equality_key, is_integer, is_number, same_json
from runner.language.schema.evaluated import additional_keys, evaluated_keys
from runner.language.schema.linked import (
    LISTS,
    MAPPINGS,
    PATTERNS,
    SINGLE,
    STEPS_OF_A_REFERENCE,
    Linked,
    LinkingBudget,
    Pattern,
    SchemaReference,
    weight,
)

Check = Callable[[Json], bool]

_STEPS_OF_AN_EVALUATION = 32
"""What it takes at least to find the keys that other keywords have looked at."""

_OF_TYPE: dict[str, Check] = {
    "array": lambda value: isinstance(value, list),
    "boolean": lambda value: isinstance(value, bool),
    "integer": is_integer,
    "null": lambda value: value is None,
    "number": is_number,
    "object": lambda value: isinstance(value, dict),
    "string": lambda value: isinstance(value, str),
}


def compile_check(schema: Linked, budget: LinkingBudget) -> Check:
    """A function that says whether a value fits; it may raise TooComplex, RecursionError."""
    return _Compiler(budget).whole(schema)


class _Compiler:
    """Whatever is asked for each item or key of a value, or again, is paid for when it is asked."""

    def __init__(self, budget: LinkingBudget) -> None:
        self.budget = budget
        self._known: dict[int, Check] = {}
        self._whole: dict[int, Check] = {}

    def whole(self, schema: Linked) -> Check:
        """A check that pays for itself."""
        if id(schema) not in self._whole:
            self._whole[id(schema)] = self._paid(self.check(schema), weight(schema))
        return self._whole[id(schema)]

    def _paid(self, check: Check, price: int) -> Check:
        spend = self.budget.spend

        def fits(value: Json) -> bool:
            spend(price)
            return check(value)

        return fits

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
    """Only what may be equal is compared: of a large value no more is read than of the one that it is compared with."""
    plain = {equality_key(value) for value in values if not isinstance(value, list | dict)}
    nested = [value for value in values if isinstance(value, list | dict)]

    def fits(value: Json) -> bool:
        if isinstance(value, list | dict):
            return any(_is_same(one, value) for one in nested)
        return equality_key(value) in plain

    return fits


def _is_same(one: Json, other: Json) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_is_same(item, other[key]) for key, item in one.items())
    return not isinstance(other, list | dict) and same_json(one, other)


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


def _items(compiler: _Compiler, check: Check, schema: dict[str, Any]) -> Check:
    start, price, spend = len(schema.get("prefixItems", ())), weight(schema["items"]), compiler.budget.spend

    def fit(value: list[Json]) -> bool:
        spend(price * len(value))
        return all(map(check, islice(value, start, None)))

    return fit


def _contains(compiler: _Compiler, check: Check, schema: dict[str, Any]) -> Check:
    least, most = schema.get("minContains", 1), schema.get("maxContains", math.inf)
    price, spend = weight(schema["contains"]), compiler.budget.spend

    def fits(value: list[Json]) -> bool:
        spend(price * len(value))
        return bool(least <= sum(map(check, value)) <= most)

    return fits


def _unique(compiler: _Compiler, wanted: bool, _schema: dict[str, Any]) -> Check:
    def fits(value: list[Json]) -> bool:
        compiler.budget.spend(_parts(value))
        return len({*map(equality_key, value)}) == len(value)

    return fits if wanted else lambda _value: True


def _parts(value: Json) -> int:
    """How many values a value is made of, itself one of them."""
    if isinstance(value, dict):
        return 1 + len(value) + sum(map(_parts, value.values()))
    return 1 + sum(map(_parts, value)) if isinstance(value, list) else 1


def _names(compiler: _Compiler, check: Check, schema: dict[str, Any]) -> Check:
    price, spend = weight(schema["propertyNames"]), compiler.budget.spend

    def fit(value: dict[str, Json]) -> bool:
        spend(price * len(value))
        return all(map(check, value))

    return fit


def _required(_compiler: _Compiler, names: list[str], _schema: dict[str, Any]) -> Check:
    wanted = frozenset(names)
    return lambda value: wanted <= value.keys()


def _required_with(needed: dict[str, list[str]], value: dict[str, Json]) -> bool:
    return all(value.keys() >= set(names) for key, names in needed.items() if key in value)


def _properties(_compiler: _Compiler, checks: list[tuple[str, Check]], _schema: dict[str, Any]) -> Check:
    return lambda value: all(name not in value or check(value[name]) for name, check in checks)


def _patterns(compiler: _Compiler, _checks: Any, schema: dict[str, Any]) -> Check:
    checks = [(pattern, compiler.whole(inner)) for pattern, inner in schema[PATTERNS]]
    return lambda value: all(
        check(value[name]) for pattern, check in checks for name in value if pattern.found_in(name)
    )


def _additional(compiler: _Compiler, _check: Check, schema: dict[str, Any]) -> Check:
    check, spend = compiler.whole(schema["additionalProperties"]), compiler.budget.spend

    def fit(value: dict[str, Json]) -> bool:
        spend(len(value))
        return all(check(value[name]) for name in additional_keys(schema, value))

    return fit


def _unevaluated(compiler: _Compiler, _check: Check, schema: dict[str, Any]) -> Check:
    check, spend = compiler.whole(schema["unevaluatedProperties"]), compiler.budget.spend

    def is_valid(schema: Linked, value: Json) -> bool:
        return compiler.whole(schema)(value)

    def fit(value: dict[str, Json]) -> bool:
        spend(_STEPS_OF_AN_EVALUATION + len(value))
        return all(check(value[name]) for name in value.keys() - evaluated_keys(schema, value, is_valid))

    return fit


def _if(compiler: _Compiler, condition: Check, schema: dict[str, Any]) -> Check:
    then, otherwise = compiler.check(schema.get("then", True)), compiler.check(schema.get("else", True))
    return lambda value: then(value) if condition(value) else otherwise(value)


def _reference(compiler: _Compiler, reference: SchemaReference, _schema: dict[str, Any]) -> Check:
    def follow(value: Json) -> bool:
        """Compiles what is referred to when it is first needed: it may be what is being compiled."""
        reference.budget.spend(STEPS_OF_A_REFERENCE)
        return compiler.whole(reference.target)(value)

    return follow


def _asks(holds: Callable[[Any, Any], bool]) -> Callable[..., Check]:
    """For a keyword that has all it needs in what it says: whether that holds of a value."""
    return lambda _compiler, said, _schema: partial(holds, said)


_ANY = ""

_KEYWORDS: dict[str, tuple[str, Callable[..., Check]]] = {
    "type": (_ANY, _type),
    "enum": (_ANY, _enum),
    "const": (_ANY, _asks(_is_same)),
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
    "uniqueItems": ("array", _unique),
    "prefixItems": ("array", _asks(lambda checks, value: all(map(operator.call, checks, value)))),
    "items": ("array", _items),
    "contains": ("array", _contains),
    "minProperties": ("object", _asks(_is_as_long)),
    "maxProperties": ("object", _asks(_is_as_short)),
    "required": ("object", _required),
    "dependentRequired": ("object", _asks(_required_with)),
    "properties": ("object", _properties),
    "patternProperties": ("object", _patterns),
    "additionalProperties": ("object", _additional),
    "propertyNames": ("object", _names),
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
