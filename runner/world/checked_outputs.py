"""What a program or a tool gave, checked against its `output_schema`."""

from __future__ import annotations

from typing import Any

from runner.ground.errors import Failure
from runner.ground.json_value import Json
from runner.language.schema import compile_schema
from runner.world.calls import CallDone, CallFailed, CommandCall, McpCall, Outcome, PythonCall

CHECKED = (CommandCall, PythonCall, McpCall)
"""The calls whose outputs are checked here. A request's is as it is read; a model's reply by its conversation."""

MOST_TOLD = 5
"""How many mistakes are told."""


def checked(call: Any, outcome: Outcome) -> Outcome:
    """The outcome, if what was parsed, else what was given, fits; `output_invalid` if it does not."""
    if not isinstance(call, CHECKED) or call.output_schema is None or not isinstance(outcome, CallDone):
        return outcome
    schema = compile_schema(call.output_schema)
    part = call.parse if isinstance(call, CommandCall) else ""
    value = schema.received(outcome.output[part] if part else outcome.output)
    if errors := [error.message for error in schema.errors(value)[:MOST_TOLD]]:
        words = f"what {_name(call)} gave does not fit `output_schema`: {errors[0]}"
        kept: Json = outcome.output if isinstance(call, CommandCall) else None
        return CallFailed(Failure("output_invalid", words, {"errors": errors}), kept)
    fitting = schema.normalise(value)
    return CallDone({**outcome.output, part: fitting} if part else fitting, outcome.usage, outcome.left)


def _name(call: CommandCall | PythonCall | McpCall) -> str:
    if isinstance(call, CommandCall):
        return f"'{call.argv[0]}'"
    return f"tool '{call.tool if isinstance(call, PythonCall) else f'{call.server}/{call.tool}'}'"
