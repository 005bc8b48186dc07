"""What is told for a request in the place of its answer."""

from __future__ import annotations

from typing import Any

import pytest

from runner.ground.json_value import Json
from runner.world.calls import CallDone, CallFailed, HttpCall
from runner.world.told_outputs import told_output

SCHEMA: dict[str, Json] = {"type": "object", "required": ["paid"]}


def told(output: Json, **more: Any) -> Any:
    outcome = told_output(HttpCall("POST", "https://bank.example/pay", **more), output)
    if isinstance(outcome, CallFailed):
        return outcome.failure.type
    assert isinstance(outcome, CallDone)
    return outcome.output


def test_what_is_told_is_an_answer_and_the_rest_follows() -> None:
    body = '{"paid": 5}'
    assert told({"body": "well"}) == {"status": 200, "headers": {}, "body": "well", "json": None}
    assert told({"body": body, "headers": {"Content-Type": "application/json"}, "status": 201})["json"] == {"paid": 5}
    assert told({"body": body, "json": {"paid": 6}})["json"] == {"paid": 5}, "by the body"
    assert told({"body": body}, output_schema=SCHEMA)["json"] == {"paid": 5}


@pytest.mark.parametrize(
    ("output", "more", "failure"),
    [
        ("paid", {}, "output_invalid"),
        ({"status": 200}, {}, "output_invalid"),
        ({"body": "", "status": 99}, {}, "output_invalid"),
        ({"body": "", "more": 1}, {}, "output_invalid"),
        ({"body": "[]"}, {"output_schema": SCHEMA}, "output_invalid"),
        ({"body": "", "status": 503}, {}, "provider_unavailable"),
    ],
)
def test_what_is_no_answer_or_a_bad_one_is_told(output: Json, more: dict[str, Any], failure: str) -> None:
    assert told(output, **more) == failure
