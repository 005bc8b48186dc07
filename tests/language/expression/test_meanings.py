"""Expressions beside what they mean, in the order of CEL's language definition: `meanings.txt`.

A line is an expression, `=>`, and another one that gives the same value of the same type; or `error`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runner.ground.errors import ExpressionError
from runner.language.expression import compile_expression
from tests.language.expression.sameness import same

_CORPUS = (Path(__file__).parent / "meanings.txt").read_text(encoding="utf-8")
_SECTIONS = [part.partition("\n") for part in _CORPUS.split("==== ")[1:]]


@pytest.mark.parametrize("lines", [pytest.param(lines.splitlines(), id=name) for name, _, lines in _SECTIONS])
def test_expressions_mean_what_the_language_says(lines: list[str]) -> None:
    assert [line for line in lines if line and not _holds(*line.split("  =>  "))] == []


def _holds(source: str, meaning: str) -> bool:
    value = _value(source)
    return isinstance(value, ExpressionError) if meaning == "error" else same(value, _value(meaning))


def _value(source: str) -> Any:
    try:
        return compile_expression(source).evaluate({})
    except ExpressionError as error:
        return error
