"""What a model replied, as the value its schema asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping

from runner.ground.json_text import NotJson, parse_json
from runner.ground.json_value import Json
from runner.language.schema import compile_schema

_FENCED = re.compile(r"\A\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*\Z", re.DOTALL)
MAX_REPLY = 1 << 20


def parse_reply(text: str, schema: Mapping[str, Json]) -> tuple[Json, str]:
    """The value of a JSON reply (a code fence around it is taken off), and what is wrong with it, if anything."""
    if len(text) > MAX_REPLY:
        return None, f"the reply is longer than {MAX_REPLY} characters"
    fenced = _FENCED.match(text)
    try:
        value = parse_json(fenced.group(1) if fenced else text)
    except NotJson as error:
        return None, f"the reply is no JSON: {error}"
    compiled = compile_schema(schema)
    errors = compiled.errors(value)
    if errors:
        return None, "; ".join(error.message for error in errors[:5])
    return compiled.normalise(value), ""
