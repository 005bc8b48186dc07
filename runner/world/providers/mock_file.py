"""Reads a mock file: YAML by `schemas/mock.schema.json`, every mistake with its place."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from runner.ground import resources
from runner.ground.errors import InvalidWorkflow, Problem
from runner.language.schema.checker import Checker, Fault, checker
from runner.language.schema.linked import link
from runner.language.source import Source, in_file_order, read
from runner.world.providers.scripted import Script

_FORMS = "a reply holds one of: reply, tool_calls, error, or of a command stdout, stderr, exit_code"
_REPLY_DEPTH = 2


def read_script(path: Path, shown: str | None = None) -> Script:
    """The script in the mock file at `path`, called `shown` in messages. Raises InvalidWorkflow with all mistakes."""
    source = read(path, shown)
    if problems := [_problem(source, fault) for fault in _schema().faults(source.data)]:
        raise InvalidWorkflow(sorted(problems, key=in_file_order))
    places = {key: source.place((key,), key=True) for key in source.data}
    return Script(source.file, source.data, places)


@cache
def _schema() -> Checker:
    text = (resources.data("schemas") / "mock.schema.json").read_text(encoding="utf-8")
    return checker(link(json.loads(text)))


def _problem(source: Source, fault: Fault) -> Problem:
    is_about_key = fault.kind in {"unknown", "key"}
    owner = fault.path[:-1] if is_about_key else fault.path
    where = f"reply {int(owner[1]) + 1} of '{owner[0]}': " if len(owner) >= _REPLY_DEPTH else ""
    where = where or (f"'{owner[0]}': " if owner else "")
    hint = _FORMS if len(owner) == _REPLY_DEPTH else ""
    return Problem(f"{where}{fault.words}", source.place(fault.path, key=is_about_key), hint, rule="mock")
