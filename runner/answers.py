"""A person's answer, checked against what was asked."""

from __future__ import annotations

import json
from typing import Any

from runner.errors import UsageError, did_you_mean
from runner.events import StepWaiting
from runner.json_text import NotJson, parse_json
from runner.schema import compile_schema

Json = Any


def parse_answer(asked: StepWaiting, text: str) -> Json:
    """What was typed, as a value: a choice by its text, a form as JSON, else the text itself. Raises UsageError."""
    if asked.schema is None and not asked.choices:
        return text
    by_text = {choice if isinstance(choice, str) else json.dumps(choice): choice for choice in asked.choices}
    if text in by_text:
        return by_text[text]
    try:
        value = parse_json(text)
    except NotJson:
        value = text
    return check_answer(asked, value)


def check_answer(asked: StepWaiting, value: Json) -> Json:
    """An answer that fits what was asked. Raises UsageError; the run still waits."""
    if asked.choices:
        return _choice(asked, value)
    if asked.schema is not None:
        compiled = compile_schema(asked.schema)
        errors = compiled.errors(value)
        if errors:
            raise UsageError(f"that answer does not fit the form of '{asked.step}': {errors[0].message}")
        return compiled.normalise(value)
    if not isinstance(value, str):
        raise UsageError(f"'{asked.step}' asks for a text")
    return value


def _choice(asked: StepWaiting, value: Json) -> Json:
    for choice in asked.choices:
        if value == choice and type(value) is type(choice):
            return choice
    known = [choice if isinstance(choice, str) else json.dumps(choice) for choice in asked.choices]
    near = did_you_mean(value, known) if isinstance(value, str) else ""
    shown = value if isinstance(value, str) else json.dumps(value)
    raise UsageError(f"'{shown}' is no answer to '{asked.step}'{near}", f"answer one of: {', '.join(known)}")
