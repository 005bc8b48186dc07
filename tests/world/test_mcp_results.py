"""What MCP servers send, judged: lists of tools, and results of calls."""

from __future__ import annotations

from typing import Any

import pytest

from runner.world.calls import CallDone, CallFailed, McpCall
from runner.world.mcp_results import LARGEST_LIST, LONGEST_DESCRIPTION, MOST_TOOLS, judged_result, listed, trouble_with

CALL = McpCall("s", tool="t")


def tool(**more: Any) -> dict[str, Any]:
    return {"name": "t", "description": "", "schema": {"type": "object"}, **more}


@pytest.mark.parametrize(
    ("tools", "said"),
    [
        ([tool(name=f"t{number}") for number in range(MOST_TOOLS + 1)], "it lists 1001 tools, more than 1000"),
        ([tool(description="x" * LARGEST_LIST)], "its list of tools is longer than 4 MiB"),
        ([tool(), tool()], "it lists two tools called 't'"),
        ([tool(name="")], 'the name of its tool 1 can\'t be used: ""'),
        ([tool(), tool(name="a/b")], 'the name of its tool 2 can\'t be used: "a/b"'),
        ([tool(name="x" * 129)], "the name of its tool 1 can't be used"),
        ([tool(name="a\u202eb")], "the name of its tool 1 can't be used"),
    ],
)
def test_a_list_that_can_not_be_used_is_refused(tools: list[dict[str, Any]], said: str) -> None:
    found, trouble = listed(tools)
    assert (found, trouble.startswith(said)) == ([], True), trouble


def test_a_description_that_is_too_long_is_refused() -> None:
    assert trouble_with(tool(description="x" * LONGEST_DESCRIPTION)) == ""
    assert "is described by more than" in trouble_with(tool(description="x" * (LONGEST_DESCRIPTION + 1)))


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "result",
    [
        {"structuredContent": {"n": float("nan")}},
        {"structuredContent": {"n": deep(5000)}},
        {"structuredContent": {"n": 10**400}},
    ],
)
def test_what_is_no_json_of_ours_is_no_result(result: dict[str, Any]) -> None:
    outcome = judged_result(CALL, result)
    assert isinstance(outcome, CallFailed)
    assert outcome.failure.type == "output_invalid"


def test_nothing_is_an_empty_text() -> None:
    assert judged_result(CALL, {}) == CallDone("")
    assert judged_result(CALL, {"content": [], "structuredContent": None}) == CallDone("")


def test_a_failure_that_says_nothing_is_told_so() -> None:
    outcome = judged_result(CALL, {"isError": True, "content": []})
    assert isinstance(outcome, CallFailed)
    assert outcome.failure.message == "tool 's/t': it does not say why"


@pytest.mark.parametrize(
    "request_",
    [
        {"method": "elicitation/create", "params": {"mode": "url", "message": "m", "url": "https://x.example"}},
        {"method": "sampling/createMessage", "params": {"messages": []}},
        {"method": "roots/list"},
        {"method": "elicitation/create", "params": {"message": "m", "requestedSchema": {"type": 3}}},
    ],
)
def test_what_no_form_can_answer_is_no_turn_of_a_person(request_: dict[str, Any]) -> None:
    outcome = judged_result(CALL, {"resultType": "input_required", "inputRequests": {"a": request_}})
    assert isinstance(outcome, CallFailed)
    assert outcome.failure.type == "tool_failed"
    assert "asks" not in outcome.failure.details


def test_several_forms_are_asked_together() -> None:
    form = {"method": "elicitation/create", "params": {"message": "m", "requestedSchema": {"type": "object"}}}
    asking = {"resultType": "input_required", "requestState": "s", "inputRequests": {"a": form, "b": form}}
    outcome = judged_result(CALL, asking)
    assert isinstance(outcome, CallFailed)
    shown = {"message": "m", "schema": {"type": "object"}}
    assert outcome.failure.details == {"server": "s", "tool": "t", "asks": {"a": shown, "b": shown}, "state": "s"}
