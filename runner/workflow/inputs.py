"""A workflow's inputs: what was given, checked against what is declared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from runner.ground.errors import UsageError, did_you_mean
from runner.ground.json_text import NotJson, parse_json
from runner.ground.json_value import Json
from runner.language.schema import compile_schema
from runner.workflow.model import Input

_EXAMPLES = {
    "array": """'["a", "b"]'""",
    "boolean": "true",
    "integer": "3",
    "null": "null",
    "number": "0.5",
    "object": """'{"key": 1}'""",
}


class InputsInvalid(UsageError):
    """A given input is unknown, missing, or does not fit its schema."""


def check_inputs(declared: Mapping[str, Input], given: Mapping[str, Json]) -> dict[str, Json]:
    """The inputs of a run: given values, else defaults. Raises InputsInvalid."""
    refuse_unknown_inputs(declared, given)
    values: dict[str, Json] = {}
    for name, entry in declared.items():
        if name not in given and entry.required:
            raise InputsInvalid(f"input '{name}' is required", _how_to_give(entry))
        values[name] = _checked(entry, given[name]) if name in given else entry.default
    return values


def _how_to_give(entry: Input) -> str:
    """A secret is best not typed: others can read what stands in a command."""
    by_option = f"give it with -i {entry.name}={'@FILE' if entry.secret else '…'}"
    return f"set {entry.env}, or {by_option}" if entry.env else by_option


def refuse_unknown_inputs(declared: Mapping[str, Input], given: Iterable[str]) -> None:
    """Raises InputsInvalid when one of these names is no input."""
    for name in given:
        if name not in declared:
            known = f"the inputs are: {', '.join(declared)}" if declared else "it takes none"
            raise InputsInvalid(f"unknown input '{name}'{did_you_mean(name, list(declared))}", known)


def _checked(entry: Input, value: Json) -> Json:
    compiled = compile_schema(entry.schema)
    value = compiled.received(value)
    errors = compiled.errors(value)
    if errors:
        shown = "" if entry.secret else f": {errors[0].message}"
        raise InputsInvalid(f"input '{entry.name}' does not fit its schema{shown}")
    return compiled.normalise(value)


def parse_input(declared: Mapping[str, Input], name: str, text: str) -> Json:
    """An input given as text: as it is if its type is string, else JSON. Raises InputsInvalid.

    Where the type may be string, among others, what is no JSON is text.
    """
    _check_characters(name, text)
    entry = declared.get(name)
    types = entry.schema.get("type") if entry is not None else "string"
    if entry is None or types == "string":
        return text
    try:
        return parse_json(text)
    except NotJson as error:
        if types is None or "string" in types:
            return text
        kind = types if isinstance(types, str) else " or ".join(types)
        why = "that is no JSON" if entry.secret else f"'{text}' is no JSON: {error}"
        hint = f"for example -i {name}={_EXAMPLES[kind]}" if kind in _EXAMPLES else ""
        raise InputsInvalid(f"input '{name}' is of type {kind}, and {why}", hint) from None


def _check_characters(name: str, text: str) -> None:
    """Bytes of a command line or an environment that are not UTF-8 come as halves of character pairs."""
    try:
        text.encode()
    except UnicodeEncodeError:
        hint = "give other bytes in a file, and its path as the input"
        raise InputsInvalid(f"input '{name}' is not text in UTF-8", hint) from None
