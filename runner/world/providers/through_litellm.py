"""Models that litellm reaches: a call made by it, once, without streaming."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from runner.ground.errors import Failure
from runner.ground.json_value import Json
from runner.record.usage import Usage
from runner.world.calls import Attempt, CallDone, CallFailed, Context, ModelCall, Outcome
from runner.world.providers import library
from runner.world.providers.contract import model_call
from runner.world.providers.endpoints import Endpoint
from runner.world.providers.faults import failure_of, used_by
from runner.world.providers.prices import listed
from runner.world.providers.wire import Answer, ToolNames, reply_of, request_of


class LiteLLM:
    """Asks the models that litellm knows. The deadline is the caller's: it cancels."""

    def load(self) -> None:
        """Load litellm, which takes seconds."""
        library.load_litellm()

    async def ask(self, attempt: Attempt, context: Context, endpoint: Endpoint) -> Outcome:
        """Answer the attempt's model call, which `endpoint` is for. See Provider."""
        call = model_call(attempt)
        litellm = await asyncio.to_thread(library.load_litellm)
        names = ToolNames(tuple(tool["name"] for tool in call.tools))
        takes_schema = endpoint.takes_schema or bool(listed(endpoint.model).get("supports_response_schema"))
        request = request_of(call, names, takes_schema=takes_schema)
        try:
            response = await litellm.acompletion(**request, **_settings(endpoint, call.idle_timeout))
        except litellm.UnsupportedParamsError as error:
            return CallFailed(_not_taken(litellm, endpoint, request) or _failure(error, endpoint, context))
        except Exception as error:  # noqa: BLE001 - litellm lets anything through that happens within it
            return CallFailed(_failure(error, endpoint, context), usage=used_by(error, endpoint))
        outcome = _outcome(response, call, names, _usage(litellm, response, endpoint))
        if isinstance(outcome, CallDone) and outcome.output["text"]:
            context.stream(attempt.step, outcome.output["text"])
        return outcome


def _failure(error: Exception, endpoint: Endpoint, context: Context) -> Failure:
    return failure_of(error, endpoint, context.environment, context.clock.now())


def _not_taken(litellm: Any, endpoint: Endpoint, request: Mapping[str, Json]) -> Failure | None:
    """What litellm, without asking anybody, knows that a model does not take of a request; None if it takes each."""
    provider = endpoint.model.partition("/")[0]
    for key, (words, remedy) in _PARAMETERS.items():
        if key not in request:
            continue
        try:
            litellm.get_optional_params(model=endpoint.name, custom_llm_provider=provider, **{key: request[key]})
        except litellm.UnsupportedParamsError:
            value = f" of {request[key]:g}" if key == "temperature" else ""
            message = f"{endpoint.model} takes no {words}{value}: {remedy}; nothing was sent"
            return Failure("input_invalid", message)
    return None


_PARAMETERS = {
    "temperature": ("temperature", "remove `temperature`"),
    "tools": ("tools", "remove `tools`, or choose another model"),
    "response_format": ("JSON Schema", "remove `output_schema`, or choose another model"),
    "max_tokens": ("bound for its replies", "choose another model"),
}
"""What of a request a model may not take: what it is called, and what to do then."""


def _settings(endpoint: Endpoint, longest_silence: float) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "model": endpoint.model,
        "timeout": longest_silence,
        "num_retries": 0,  # else it asks a failing server three times
        "_skip_mcp_handler": True,  # else a call with tools imports litellm's proxy, which needs packages we lack
    }
    if endpoint.base:
        settings["api_base"] = endpoint.base
    if endpoint.key:
        settings["api_key"] = endpoint.key
    return settings


def _outcome(response: Any, call: ModelCall, names: ToolNames, usage: Usage) -> Outcome:
    if not response.choices:
        return CallFailed(Failure("llm_down", f"{call.model}: the provider's answer holds no reply"), usage=usage)
    reply = reply_of(_answer(response.choices[0]), call, names)
    return CallFailed(reply, usage=usage) if isinstance(reply, Failure) else CallDone(reply, usage)


def _answer(choice: Any) -> Answer:
    message = choice.message
    extra = getattr(message, "provider_specific_fields", None) or {}
    calls = tuple(
        (call.id or "", call.function.name or "", call.function.arguments or "") for call in message.tool_calls or ()
    )
    return Answer(message.content or "", extra.get("refusal") or "", calls, choice.finish_reason or "stop")


def _usage(litellm: Any, response: Any, endpoint: Endpoint) -> Usage:
    """What the provider counted. What it did not count is unknown: nobody is to take it for zero."""
    counted = getattr(response, "usage", None)
    if counted is None or not (counted.prompt_tokens or counted.completion_tokens):
        return Usage(endpoint.model, counted=False)
    cost = _cost(litellm, response, endpoint)
    return Usage(endpoint.model, counted.prompt_tokens or 0, counted.completion_tokens or 0, cost)


def _cost(litellm: Any, response: Any, endpoint: Endpoint) -> float | None:
    """The price in USD by litellm's list, or None where the list has none: unknown is not free."""
    if listed(endpoint.model).get("input_cost_per_token") is None:
        return None
    try:
        return float(litellm.completion_cost(completion_response=response, model=endpoint.model))
    except Exception:  # noqa: BLE001 - a price that can't be worked out is unknown, whatever the reason
        return None
