"""A person's answer, checked against what was asked."""

from __future__ import annotations

import json
from collections.abc import Mapping

from runner.ground.errors import UsageError, did_you_mean
from runner.ground.json_text import NotJson, is_begun_json, parse_json
from runner.ground.json_value import Json
from runner.language.schema import compile_schema, example
from runner.record.address import Segment, segments
from runner.record.events import APPROVED, StepWaiting

_FIRST = Segment(name="", visit="1", attempt="1", items="")
"""What is meant where an address does not say which visit or attempt."""


_QUOTES = 'in a shell, JSON stands in single quotes: \'{"name": "Ann"}\''


def parse_answer(asked: StepWaiting, text: str) -> Json:
    """What was typed, as a value: a choice by its text, a text as it is, another form as JSON. Raises UsageError.

    Where a form may be text, among others, what is no JSON that fits is text.
    """
    by_text = {as_typed(choice): choice for choice in asked.choices}
    if text in by_text:
        return by_text[text]
    if not asked.choices and is_for_text(asked.schema):
        return check_answer(asked, text)
    try:
        value = parse_json(text)
    except NotJson as error:
        if is_begun_json(text) and not (asked.choices or _fits(asked.schema or {}, text)):
            raise UsageError(f"that answer to '{asked.step}' is no JSON: {error}", _QUOTES) from None
        return check_answer(asked, text)
    is_text = asked.schema is not None and not _fits(asked.schema, value) and _fits(asked.schema, text)
    return check_answer(asked, text if is_text else value)


def _fits(schema: Mapping[str, Json], value: Json) -> bool:
    return not compile_schema(schema).errors(value)


def is_for_text(schema: Mapping[str, Json] | None) -> bool:
    """Whether nothing but a text can be an answer."""
    if schema is None or schema.get("type") in ("string", ["string"]):
        return True
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    if "type" not in schema and values:
        return all(isinstance(value, str) for value in values)
    either = schema.get("anyOf", schema.get("oneOf", ()))
    return bool(either) and all(isinstance(form, dict) and is_for_text(form) for form in either)


def check_answer(asked: StepWaiting, value: Json) -> Json:
    """An answer that fits what was asked. Raises UsageError; the run still waits."""
    if asked.choices:
        return _choice(asked, value)
    if asked.schema is not None:
        compiled = compile_schema(asked.schema)
        value = compiled.received(value)
        errors = compiled.errors(value)
        if errors:
            raise UsageError(f"that answer does not fit the form of '{asked.step}': {errors[0].message}")
        return compiled.normalise(value)
    if not isinstance(value, str):
        raise UsageError(f"'{asked.step}' asks for a text")
    return value


def sealed(asked: StepWaiting, value: Json) -> Json:
    """An answer as it is sent: with an approval goes the seal of the call that was shown."""
    approval = asked.approval
    return {APPROVED: approval.seal} if approval is not None and value == APPROVED else value


def unsealed(asked: StepWaiting, value: Json) -> Json:
    """The answer that was sent, if it is about the call that is asked about now. Raises UsageError."""
    if asked.approval is None or (isinstance(value, dict) and APPROVED not in value):
        return value
    if not (isinstance(value, dict) and value[APPROVED] == asked.approval.seal):
        raise UsageError("it approves another call than the one that waits now")
    return APPROVED


def _choice(asked: StepWaiting, value: Json) -> Json:
    for choice in asked.choices:
        if value == choice and type(value) is type(choice):
            return choice
    known = [as_typed(choice) for choice in asked.choices]
    shown = as_typed(value)
    near = did_you_mean(shown, known)
    raise UsageError(f"'{shown}' is no answer to '{asked.step}'{near}", f"answer one of: {', '.join(known)}")


def as_typed(value: Json) -> str:
    """A value as a person types it: a text as it is, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def example_answer(asked: StepWaiting) -> str:
    """An answer that would be taken, as it is typed; VALUE where any text is one."""
    if asked.approval is not None:
        return APPROVED
    if asked.choices:
        return as_typed(asked.choices[0])
    if asked.schema is None:
        return "VALUE"
    try:
        found = example(asked.schema)
        is_plain = isinstance(found, str) and parse_answer(asked, found) == found
        return found if is_plain else json.dumps(found, ensure_ascii=False)
    except ValueError:
        return "JSON"


def answer_for(step: str, answers: Mapping[str, str]) -> str | None:
    """The answer given beforehand for a step, by its path or the end of it: the one whose key says most.

    `approve` is every visit, `approve#2` the second one, `each[3]/approve` that of one item, `each/approve` of all.
    """
    fitting = [key for key in answers if names_step(key, step)]
    return answers[max(fitting, key=_precision)] if fitting else None


def node_of(step: str) -> str:
    """The node at the end of a step's path: `approve` of `each[3]/approve#2`."""
    return _segments(step)[-1].name


def _segments(path: str) -> list[Segment]:
    return [segment or Segment("", "", "", "") for segment in segments(path)]


def names_step(key: str, step: str) -> bool:
    """Whether `key` is a step's path, or the end of it, with or without the visit and the item that it was.

    One that begins with a slash is the whole path.
    """
    asked, given = _segments(step), _segments(key.removeprefix("/"))
    if key.startswith("/") and len(given) != len(asked):
        return False
    return len(given) <= len(asked) and all(map(_includes, given, asked[-len(given) :]))


def _includes(given: Segment, asked: Segment) -> bool:
    """Whether a segment of a key is that of the path, or leaves open which visit, attempt or item is meant."""
    return all(not said or said == (meant or first) for said, meant, first in zip(given, asked, _FIRST, strict=True))


def _precision(key: str) -> tuple[int, int]:
    return len(_segments(key)), sum(bool(value) for segment in _segments(key) for value in segment)
