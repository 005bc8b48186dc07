"""What models cost, by litellm's price list: read as a file, since to import litellm takes seconds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from runner.ground.json_value import Json
from runner.record.usage import Usage

_LIST = "model_prices_and_context_window_backup.json"


def listed(model: str) -> Mapping[str, Json]:
    """The entry of `provider/name` in the price list: prices in USD per token, and what the model can; {} if none."""
    entries = _entries()
    provider, _, name = model.partition("/")
    plain = entries.get(name, {})
    return entries.get(model) or (plain if plain.get("litellm_provider") == provider else {})


def price(entry: Mapping[str, Json], usage: Mapping[str, Json]) -> float | None:
    """The price in USD of what an answer says was used, or None where the list has none: unknown is not free.

    Of the prompt's tokens, those that the provider had cached cost what the list says of such.
    """
    per_prompt, per_reply = entry.get("input_cost_per_token"), entry.get("output_cost_per_token")
    if per_prompt is None or per_reply is None:
        return None
    prompt, reply = usage["prompt_tokens"], usage["completion_tokens"]
    told = usage.get("prompt_tokens_details") or {}
    cached = min(told.get("cached_tokens", 0), prompt)
    per_cached = entry.get("cache_read_input_token_cost", per_prompt)
    return float((prompt - cached) * per_prompt + cached * per_cached + reply * per_reply)


def usage_of(model: str, entry: Mapping[str, Json], counted: Mapping[str, Json] | None) -> Usage:
    """What a provider counted. What it did not count is unknown: nobody is to take it for zero."""
    if not counted or not (counted["prompt_tokens"] or counted["completion_tokens"]):
        return Usage(model, counted=False)
    return Usage(model, counted["prompt_tokens"], counted["completion_tokens"], price(entry, counted))


@cache
def _entries() -> Mapping[str, Mapping[str, Json]]:
    package = find_spec("litellm")
    try:
        text = Path(package.origin or "").with_name(_LIST).read_text("utf-8") if package else "{}"
        entries: dict[str, Mapping[str, Json]] = json.loads(text)
    except (OSError, ValueError):
        return {}
    return entries
