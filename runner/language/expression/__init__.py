"""The expression language: CEL, from source text to value."""

from runner.language.expression.conversions import to_json
from runner.language.expression.expression import Expression, compile_expression
from runner.language.expression.mistakes import RESERVED_WORDS
from runner.language.expression.values import TYPE_NAMES, CelDuration, Map, Timestamp, Type, Uint, map_of

__all__ = [
    "RESERVED_WORDS",
    "TYPE_NAMES",
    "CelDuration",
    "Expression",
    "Map",
    "Timestamp",
    "Type",
    "Uint",
    "compile_expression",
    "map_of",
    "to_json",
]
