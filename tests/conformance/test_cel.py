"""Expressions against the public conformance cases of CEL: the file that `CEL_CASES` names, or the shared one."""

from __future__ import annotations

import base64
import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from runner.ground.errors import ExpressionError
from runner.language.expression import CelDuration, Timestamp, Type, Uint, compile_expression, map_of
from runner.language.expression.conversions import CONVERSIONS
from tests.language.expression.sameness import same

_SHARED = Path(__file__).parents[2].parent / "shared" / "cel" / "cases.jsonl"
_FILE = Path(os.environ.get("CEL_CASES", _SHARED))


def _cases() -> list[dict[str, Any]]:
    if not _FILE.is_file():
        return []
    return [json.loads(line) for line in _FILE.read_text(encoding="utf-8").splitlines() if line.strip()]


_CASES = _cases()

_READERS: Mapping[str, Callable[[Any], Any]] = {
    "int": int,
    "uint": lambda text: Uint(int(text)),
    "double": float,
    "string": str,
    "bytes_b64": base64.b64decode,
    "bool": bool,
    "null": lambda _: None,
    "list": lambda items: [_value(item) for item in items],
    "map": lambda pairs: map_of([(_value(key), _value(value)) for key, value in pairs]),
    "timestamp": CONVERSIONS["timestamp"],
    "duration": CONVERSIONS["duration"],
    "type": Type,
}


def _value(typed: Mapping[str, Any]) -> Any:
    ((kind, content),) = typed.items()
    return _READERS[kind](content)


def _outcome(case: Mapping[str, Any]) -> Any:
    bindings = {name: _value(typed) for name, typed in case.get("bindings", {}).items()}
    expression = compile_expression(
        case["expr"],
        container=case.get("container", ""),
        names={*bindings, *case.get("types", {})},
        macros=not case.get("disable_macros", False),
        check=not case.get("disable_check", False),
    )
    return expression.evaluate(bindings)


@pytest.mark.skipif(not _CASES, reason=f"there are no cases at {_FILE}")
@pytest.mark.parametrize("case", _CASES, ids=lambda case: "/".join((case["file"], case["section"], case["name"])))
def test_conformance(case: dict[str, Any]) -> None:
    if "error" in case["expected"]:
        with pytest.raises(ExpressionError):
            _outcome(case)
    else:
        wanted = _value(case["expected"]["value"])
        found = _outcome(case)
        assert same(found, wanted), f"{case['expr']} gave {found!r}, not {wanted!r}"


def test_the_comparison_of_results_tells_types_apart() -> None:
    assert not same(1, Uint(1))
    assert not same(1, True)
    assert not same(1, 1.0)
    assert not same(-0.0, 0.0)
    assert not same([1], [Uint(1)])
    assert not same(map_of([(1, "a")]), map_of([(Uint(1), "a")]))
    assert not same(Timestamp(1), CelDuration(1))
    assert same(math.nan, math.nan)
