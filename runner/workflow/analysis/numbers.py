"""Unquoted numbers whose text is not kept, `3.10` or `007`: told where no number is asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from runner.ground.json_value import Json, is_number
from runner.language.template import ValueTemplate
from runner.workflow.analysis.findings import Findings
from runner.workflow.model import Use
from runner.workflow.reach import JsonPath

_DECIMAL = re.compile(r"[-+]?[0-9]+\.?[0-9]*")
"""A number as a person counts: not one in another base, with an exponent, or without a digit before its point."""

_NUMBERS = frozenset({"number", "integer"})


def check_numbers(findings: Findings) -> None:
    """Warn of numbers that would be written with other digits than they have in the file."""
    workflow = findings.workflow
    for use in chain(workflow.uses, *(node.uses for node in workflow.nodes)):
        if isinstance(use.value, ValueTemplate) and not _asks_for_number(use, findings):
            _check(use.value.source, use.at, findings)
    for section, entries in (("inputs", workflow.inputs), ("state", workflow.state)):
        for name, entry in entries.items():
            if not _is_number(entry.schema):
                _check(entry.default, (section, name, "default"), findings)


def _asks_for_number(use: Use, findings: Findings) -> bool:
    key = findings.workflow.state.get(str(use.at[-1])) if use.role == "set" else None
    return key is not None and _is_number(key.schema)


def _is_number(schema: Mapping[str, Any]) -> bool:
    """Whether a schema's type allows a number, said by name."""
    names = schema.get("type", ())
    return not _NUMBERS.isdisjoint([names] if isinstance(names, str) else names)


def _check(value: Json, at: JsonPath, findings: Findings) -> None:
    for path, number in _numbers(value, at):
        place = findings.source.place(path)
        written, read = place.token, json.dumps(number)
        if written != read and _DECIMAL.fullmatch(written):
            words, hint = (
                f"{written} is read as the number {read}",
                f'if a text is meant, put it in quotes: "{written}"',
            )
            findings.note(words, place, hint, "number", "warning")


def _numbers(value: Json, at: JsonPath) -> Iterator[tuple[JsonPath, int | float]]:
    if is_number(value):
        yield at, value
    elif isinstance(value, list | dict):
        for step, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _numbers(inner, (*at, step))
