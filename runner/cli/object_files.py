"""An object that a command is given in a file: JSON, or YAML of the kind that workflow files are written in."""

from __future__ import annotations

from runner.cli.options import content_of, why_unreadable
from runner.ground.errors import InvalidWorkflow, UsageError
from runner.ground.json_text import NotJson, is_begun_json, parse_json
from runner.ground.json_value import Json
from runner.language.source import LARGEST_FILE, parse


def read_object(file: str) -> dict[str, Json]:
    """The object in a file or pipe, or on stdin for `-`. Raises UsageError; InvalidWorkflow with places in YAML."""
    name = "stdin" if file == "-" else file
    try:
        text = content_of(file).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise UsageError(f"can't read {file}: {why_unreadable(error)}") from error
    content = _parsed(text, name)
    if not isinstance(content, dict):
        raise UsageError(f"{name} holds no object", 'write {"name": value, …}, or in YAML a line name: value for each')
    return content


def _parsed(text: str, name: str) -> Json:
    """JSON is tried first: of YAML, less is read. What begins as JSON and is neither is told as JSON is."""
    try:
        return parse_json(text)
    except NotJson as error:
        if name.endswith(".json") or len(text) > LARGEST_FILE:
            raise UsageError(f"{name} is no JSON: {error}") from error
        not_json = error
    try:
        return parse(text, name).data
    except InvalidWorkflow as error:
        if is_begun_json(text):
            raise UsageError(f"{name} is no JSON: {not_json}") from error
        raise
