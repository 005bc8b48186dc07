"""Problems of files, as JSON, as annotations; and what both `run` and `validate` read from the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from runner.ground.errors import Problem, UsageError
from runner.ground.json_text import NotJson, parse_json
from runner.ground.json_value import Json
from runner.ground.plain import harmless_json

KINDS = ("commands", "read", "write", "network", "env")


def as_json(value: Json) -> str:
    """A JSON document that a person can read."""
    return harmless_json(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False))


def problem_json(problem: Problem) -> dict[str, Json]:
    """A problem as JSON."""
    place = problem.place
    return {
        "file": place.file if place else None,
        "line": place.line if place else None,
        "column": place.column if place else None,
        "severity": problem.severity,
        "rule": problem.rule,
        "message": problem.message,
        "hint": problem.hint,
    }


def parse_allowed(pairs: tuple[str, ...]) -> dict[str, list[str]]:
    """`KIND:VALUE` arguments, by kind. Raises UsageError."""
    allowed: dict[str, list[str]] = {}
    for pair in pairs:
        kind, sign, value = pair.partition(":")
        if not sign or not value or kind not in KINDS:
            raise UsageError(
                f"--allow {pair}: not of the form KIND:VALUE", f"kinds are: {', '.join(KINDS)}; e.g. commands:git"
            )
        allowed.setdefault(kind, []).append(value)
    return allowed


def json_object(file: str) -> dict[str, Json]:
    """The JSON object in a file, or on stdin for `-`. Raises UsageError."""
    try:
        content = parse_json(sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"can't read {file}: {getattr(error, 'strerror', None) or error}") from error
    except NotJson as error:
        raise UsageError(f"{'stdin' if file == '-' else file} is no JSON: {error}") from error
    if not isinstance(content, dict):
        raise UsageError(f"{file} holds no JSON object", 'write {"name": value, …}')
    return content
