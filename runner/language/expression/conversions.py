"""From one type to another: `int(x)`, `string(x)`, `timestamp(x)` and the like, and to plain JSON."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from runner.ground.errors import ExpressionError
from runner.language.expression import times
from runner.language.expression.evaluation import COPIED_A_STEP, EvaluationScope, Fault
from runner.language.expression.values import (
    MAX_INT,
    MAX_UINT,
    MIN_INT,
    CelDuration,
    Timestamp,
    Uint,
    admit,
    is_list,
    is_map,
    name_of,
    type_of,
)

_WHOLE = re.compile(r"[+-]?[0-9]{1,40}")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_NO_DECIMAL = {
    f"{sign}{word}": float(f"{sign}{word}") for sign in ("", "+", "-") for word in ("NaN", "Inf", "Infinity", "inf")
}
_BOOLS = {
    **dict.fromkeys(("1", "t", "T", "true", "True", "TRUE"), True),
    **dict.fromkeys(("0", "f", "F", "false", "False", "FALSE"), False),
}

Conversion = Callable[[Any], Any]


def _same(value: Any) -> Any:
    return value


def _int_from_number(value: float) -> int:
    # Of doubles, the least int is refused too: others that are out of range round to it.
    if MIN_INT <= value <= MAX_INT and not (type(value) is float and value == MIN_INT):
        return int(value)
    raise Fault("the number is out of range: it does not fit an int of 64 bits")


def _uint_from_number(value: float) -> Uint:
    if 0 <= value <= MAX_UINT:
        return Uint(value)
    raise Fault("the number is out of range: a uint is 0 or more, and fits 64 bits")


def _whole(text: str) -> int:
    if _WHOLE.fullmatch(text):
        return int(text)
    raise Fault("this text is not a whole number", "for a fraction: int(double(x))")


def _double_from_text(text: str) -> float:
    value = _NO_DECIMAL.get(text)
    if value is not None:
        return value
    if not _DECIMAL.fullmatch(text):
        raise Fault("this text is not a number", 'write it like "0.75"')
    value = float(text)
    if math.isinf(value):
        raise Fault("the number is out of range: it is too large for a double")
    return value


def _text_of_double(value: float) -> str:
    if math.isfinite(value):
        return repr(value).removesuffix(".0")
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _text_of_bytes(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise Fault("these bytes are not text in UTF-8") from None


def _bytes_of_text(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Fault("this text holds half a character, and has no form in UTF-8") from None


def _bool_of_text(text: str) -> bool:
    if text in _BOOLS:
        return _BOOLS[text]
    raise Fault("this text is neither true nor false", 'write "true" or "false"')


def _convert(wanted: str, ways: Mapping[type, Conversion], value: Any) -> Any:
    way = ways.get(type(value))
    if way is None:
        raise Fault(f"{wanted}() can't convert {name_of(value)}", _advice(wanted, value))
    return way(value)


def _advice(wanted: str, value: Any) -> str:
    if value is None:
        return "ask first: x != null"
    if type(value) is bool and wanted in {"int", "uint", "double"}:
        return "write x ? 1 : 0"
    if wanted == "bool":
        return 'compare it: x != 0, x != "", size(x) > 0'
    return ""


_WAYS: Mapping[str, Mapping[type, Conversion]] = {
    "bool": {bool: _same, str: _bool_of_text},
    "bytes": {bytes: _same, str: _bytes_of_text},
    "double": {float: _same, int: float, Uint: float, str: _double_from_text},
    "duration": {CelDuration: _same, str: times.parse_duration},
    "int": {
        int: _same,
        Uint: _int_from_number,
        float: _int_from_number,
        str: lambda text: _int_from_number(_whole(text)),
        Timestamp: lambda value: value.nanoseconds // times.SECOND,
    },
    "string": {
        str: _same,
        bool: lambda value: "true" if value else "false",
        int: str,
        Uint: str,
        float: _text_of_double,
        bytes: _text_of_bytes,
        Timestamp: times.format_timestamp,
        CelDuration: times.format_duration,
    },
    "timestamp": {Timestamp: _same, str: times.parse_timestamp, int: times.timestamp},
    "uint": {
        Uint: _same,
        int: _uint_from_number,
        float: _uint_from_number,
        str: lambda text: _uint_from_number(_whole(text)),
    },
}

CONVERSIONS: Mapping[str, Conversion] = {
    **{name: partial(_convert, name, ways) for name, ways in _WAYS.items()},
    "dyn": _same,
    "type": type_of,
}


def to_json(value: Any) -> Any:
    """The value as JSON, in fresh lists and dicts; times become text, as CEL says.

    Raises ExpressionError for what JSON has no form for: bytes, types, infinite doubles, keys that are no strings.
    """
    try:
        return _json(value, EvaluationScope({}))
    except Fault as fault:
        raise fault.error() from None
    except RecursionError:
        raise ExpressionError("the value is nested too deeply for JSON") from None


def _json(value: Any, scope: EvaluationScope) -> Any:
    kind = type(value)
    scope.spend(1 + len(value) // COPIED_A_STEP if kind is str else 1)
    if kind is str or value is None or kind is bool:
        return value
    if is_map(value):
        return {_name(key): _json(item, scope) for key, item in value.items()}
    if is_list(value):
        return [_json(item, scope) for item in value]
    return _other(admit(value))


def _name(key: Any) -> str:
    if isinstance(key, str):
        return key
    raise Fault(f"the keys of JSON are strings, and this one is {name_of(key)}", "write string(key)")


def _other(value: Any) -> Any:
    if type(value) in (int, Uint):
        return int(value)
    if type(value) is str:
        return value
    if type(value) is float and math.isfinite(value):
        return value
    if type(value) in (Timestamp, CelDuration):
        return CONVERSIONS["string"](value)
    what = "an infinite double or no number" if type(value) is float else name_of(value)
    hint = "write string(x)" if type(value) in (float, bytes) else "compare types: type(x) == int"
    raise Fault(f"JSON has no form for {what}", hint)
