"""The JSON Schema of a commit's events, made from the event types.

`python -m runner.record.event_schema` writes it anew.
"""

from __future__ import annotations

import json

import msgspec

from runner.ground.json_value import Json
from runner.ground.resources import data
from runner.record.events import FORMAT, AnyEvent

FILE = "events.schema.json"


def event_schema() -> dict[str, Json]:
    """The schema (draft 2020-12) of the list of events that one row of the record holds."""
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Events",
        "description": f"What one commit of a run records, in order. Event format {FORMAT}.",
    }
    return head | msgspec.json.schema(tuple[AnyEvent, ...])


def schema_text() -> str:
    """The schema as its file has it."""
    return json.dumps(event_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    (data("schemas") / FILE).write_text(schema_text(), "utf-8")
