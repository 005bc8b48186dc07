"""A value of CEL as plain JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from runner.ground.errors import ExpressionError
from runner.language.expression.conversions import CONVERSIONS
from runner.language.expression.faults import Fault
from runner.language.expression.limits import COPIED_A_STEP
from runner.language.expression.scope import Scope
from runner.language.expression.values import Duration, Timestamp, Uint, admit, is_list, is_map, name_of


def to_json(value: Any) -> Any:
    """The value as JSON, in fresh lists and dicts; times become text, as CEL says.

    Raises ExpressionError for what JSON has no form for: bytes, types, infinite doubles, keys that are no strings.
    """
    try:
        return _json(value, Scope({}))
    except Fault as fault:
        raise fault.error() from None
    except RecursionError:
        raise ExpressionError("the value is nested too deeply for JSON") from None


def _json(value: Any, scope: Scope) -> Any:
    kind = type(value)
    scope.spend(1 + len(value) // COPIED_A_STEP if kind is str else 1)
    if kind is str or value is None or kind is bool:
        return value
    if is_map(value):
        return _object(value, scope)
    if is_list(value):
        return [_json(item, scope) for item in value]
    return _other(admit(value))


def _object(value: Mapping[Any, Any], scope: Scope) -> dict[str, Any]:
    return {_name(key): _json(item, scope) for key, item in value.items()}


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
    if type(value) in (Timestamp, Duration):
        return CONVERSIONS["string"](value)
    what = "an infinite double or no number" if type(value) is float else name_of(value)
    hint = "write string(x)" if type(value) in (float, bytes) else "compare types: type(x) == int"
    raise Fault(f"JSON has no form for {what}", hint)
