"""What a check costs: each step is paid before it is taken, so that none takes for ever."""

from __future__ import annotations

from typing import Any

import pytest

from runner.language.schema.fits import compile_check
from runner.language.schema.linked import (
    MOST_STEPS,
    MOST_STEPS_EXPLAINED,
    STEPS_OF_A_REFERENCE,
    LinkingBudget,
    TooComplex,
    link,
)

NAMES = [f"name{number}" for number in range(16)]
KEYS = dict.fromkeys("abcde")
WHOLE, NULL = {"type": "integer"}, {"type": "null"}
PATTERN = 17
"""A short search."""


def steps_of(schema: Any, value: Any) -> int:
    ready = link(schema)
    assert ready.problems == []
    compile_check(ready.schema, ready.budget)(value)
    return MOST_STEPS - ready.budget.left


@pytest.mark.parametrize(
    ("schema", "value", "steps"),
    [
        (True, 1, 1),
        ({}, 1, 1),
        ({"minimum": 0, "maximum": 2}, 1, 3),
        ({"required": NAMES[:7]}, KEYS, 2),
        ({"required": NAMES}, KEYS, 4),
        ({"not": {}}, 1, 3),
        ({"if": {}, "then": {}, "else": {}}, 1, 7),
        ({"allOf": [{}, WHOLE]}, 1, 5),
        ({"anyOf": [{}, WHOLE]}, 1, 5),
        ({"oneOf": [{}, WHOLE]}, 1, 5),
        ({"prefixItems": [{}, WHOLE]}, [1], 5),
        ({"properties": {"a": {}, "b": WHOLE}}, KEYS, 5),
        ({"dependentSchemas": {"a": {}, "b": WHOLE}}, KEYS, 5),
        ({"$defs": {"a": {}, "b": WHOLE}}, KEYS, 2),
        ({"items": WHOLE}, [], 2),
        ({"items": WHOLE}, [1] * 10, 2 + 10 * 2),
        ({"contains": WHOLE}, [1] * 10, 2 + 10 * 2),
        ({"uniqueItems": True}, [1, [2, {"a": 3}]], 2 + 7),
        ({"uniqueItems": False}, [1] * 10, 2),
        ({"propertyNames": {"minLength": 1}}, KEYS, 2 + 5 * 2),
        ({"additionalProperties": NULL}, KEYS, 2 + 5 + 5 * 2),
        ({"unevaluatedProperties": NULL}, KEYS, 2 + 32 + 5 + 5 * 2),
        ({"pattern": "a"}, "a", 2 + PATTERN),
        ({"patternProperties": {"a": NULL}}, KEYS, 2 + 5 * PATTERN + 2),
        ({"$ref": "#/$defs/a", "$defs": {"a": NULL}}, None, 3 + STEPS_OF_A_REFERENCE + 2),
        ({"properties": {"a": {"$ref": "#"}}}, {"a": {"a": {}}}, 3 * 4 + 2 * STEPS_OF_A_REFERENCE),
    ],
    ids=lambda value: str(value)[:40],
)
def test_each_keyword_has_its_price(schema: Any, value: Any, steps: int) -> None:
    assert steps_of(schema, value) == steps


def test_the_last_step_may_be_taken_and_no_other() -> None:
    budget = LinkingBudget()
    budget.spend(MOST_STEPS)
    with pytest.raises(TooComplex):
        budget.spend()
    budget.renew(MOST_STEPS_EXPLAINED)
    budget.spend(MOST_STEPS_EXPLAINED)
    with pytest.raises(TooComplex):
        budget.spend()
