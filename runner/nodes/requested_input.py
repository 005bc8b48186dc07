"""What follows a call whose MCP server asks a person something first: that person's turn, then the call again. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from runner.ground.json_value import Json
from runner.nodes.contract import Ask, SubAsk, SubCall
from runner.record.address import numbered
from runner.record.run_state import Child
from runner.world.calls import McpCall

MOST_ROUNDS = 5
"""How often the server of one call may ask."""

DECLINED = "decline"


def after_input(call: SubCall, number: int, children: Mapping[str, Child], ended: Child) -> Child | SubAsk | SubCall:
    """How a call has ended; else the question that is due, or the call that goes on with the answer."""
    for round_ in range(1, MOST_ROUNDS + 1):
        asks, state = _asked(ended)
        if not asks or not isinstance(call.call, McpCall):
            break
        question, following = numbered(f"input{round_}", number), numbered(f"answered{round_}", number)
        answer = children.get(question)
        if answer is None:
            return SubAsk(question, _question(call.call, asks))
        again = replace(call.call, responses=_responses(asks, answer.output), state=state)
        if (later := children.get(following)) is None:
            return replace(call, key=following, call=again)
        ended = later
    return ended


def _asked(ended: Child) -> tuple[Mapping[str, Any], str]:
    details = (ended.error or {}).get("details", {})
    return details.get("asks") or {}, details.get("state", "")


def _question(call: McpCall, asks: Mapping[str, Any]) -> Ask:
    said = [f"MCP server '{call.server}' asks, before its tool '{call.tool}' goes on:"]
    said += [str(form["message"]) for form in asks.values()]
    return Ask("person", prompt="\n".join(said), schema={"anyOf": [_schema(asks), {"const": DECLINED}]})


def _schema(asks: Mapping[str, Any]) -> Json:
    """What can be answered: the one form that is asked for, or one of each name."""
    forms = {key: form["schema"] for key, form in asks.items()}
    if len(forms) == 1:
        return next(iter(forms.values()))
    return {"type": "object", "properties": forms, "required": [*forms], "additionalProperties": False}


def _responses(asks: Mapping[str, Any], answer: Json) -> dict[str, Json]:
    if answer == DECLINED:
        return {key: {"action": DECLINED} for key in asks}
    given = {next(iter(asks)): answer} if len(asks) == 1 else answer
    return {key: {"action": "accept", "content": given[key]} for key in asks}
