"""A workflow's inputs: what was given, checked against what is declared."""

from __future__ import annotations

from collections.abc import Mapping

from runner.errors import UsageError, did_you_mean
from runner.model import Input, Json
from runner.schema import compile_schema


class InputsInvalid(UsageError):
    """A given input is unknown, missing, or does not fit its schema."""


def check_inputs(declared: Mapping[str, Input], given: Mapping[str, Json]) -> dict[str, Json]:
    """The inputs of a run: given values, else defaults. Raises InputsInvalid."""
    for name in given:
        if name not in declared:
            known = f"the inputs are: {', '.join(declared)}" if declared else "it takes none"
            raise InputsInvalid(f"unknown input '{name}'{did_you_mean(name, list(declared))}", known)
    values: dict[str, Json] = {}
    for name, entry in declared.items():
        if name not in given and entry.required:
            raise InputsInvalid(f"input '{name}' is required", f"give it with -i {name}=…")
        values[name] = _checked(entry, given[name]) if name in given else entry.default
    return values


def _checked(entry: Input, value: Json) -> Json:
    compiled = compile_schema(entry.schema)
    errors = compiled.errors(value)
    if errors:
        shown = "" if entry.secret else f": {errors[0].message}"
        raise InputsInvalid(f"input '{entry.name}' does not fit its schema{shown}")
    return compiled.normalise(value)
