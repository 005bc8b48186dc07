"""The tool calls of a model's reply that are not made: it wants a tool that it was not given, or calls one wrongly."""

from __future__ import annotations

from collections.abc import Iterator

from runner.ground.json_value import Json
from runner.language.schema import compile_schema
from runner.record.gates import Gate
from runner.world.calls import AnyCall, CallDone, ModelCall, Outcome

_MOST = 100
"""Calls of one reply that are looked at: no more are made."""


def calls_in_vain(call: AnyCall, outcome: Outcome) -> Iterator[Gate]:
    """What is recorded of them."""
    if not isinstance(call, ModelCall) or not isinstance(outcome, CallDone) or not isinstance(outcome.output, dict):
        return
    schemas = {str(tool["name"]): tool["schema"] for tool in call.tools}
    for wanted in (outcome.output.get("tool_calls") or ())[:_MOST]:
        if why := _why_not(wanted, schemas):
            yield Gate("tool", str(wanted["tool"]), allowed=False, why=why)


def _why_not(wanted: dict[str, Json], schemas: dict[str, Json]) -> str:
    if wanted["tool"] not in schemas:
        return "the agent has no such tool"
    if not isinstance(wanted["with"], dict):
        return "its arguments are no JSON object"
    errors = compile_schema(schemas[wanted["tool"]]).errors(wanted["with"])
    return f"its arguments don't fit: {errors[0].message}" if errors else ""
