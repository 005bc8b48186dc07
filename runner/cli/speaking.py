"""Saying something: the command's own output to stdout, all else to stderr, and nothing that steers a terminal."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TypeVar

import click
import msgspec

from runner.ground.errors import Problem
from runner.ground.json_value import Json
from runner.ground.plain import commanding_nothing, harmless_json, plain

Row = TypeVar("Row", bound=msgspec.Struct)

_NUMBER = re.compile(r"(\d+)")


def say(text: str = "") -> None:
    """A line for people, on stderr; where nobody listens any more it is lost."""
    with suppress(OSError):
        say_or_fail(text)


def say_or_fail(text: str) -> None:
    """As `say`. Raises OSError where nobody listens any more."""
    _write(_harmless(text), err=True)


def tell(text: str = "") -> None:
    """A line of the command's own output."""
    _write(_harmless(text))


def tell_script(text: str) -> None:
    """A script of our own making, as the command's output: nothing in it is foreign."""
    _write(text)


def tell_json(value: Json) -> None:
    """A JSON document that a person can read, as the command's output. A struct in it becomes an object."""
    text = json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False, default=msgspec.to_builtins)
    _write(harmless_json(text))


def tell_rows(rows: Sequence[Row], line: Callable[[Row], str], *, as_document: bool, none: str = "") -> None:
    """A list as the command's output: one JSON document, or a line for each. `none` is said when it is empty."""
    if as_document:
        tell_json(rows)
        return
    for row in rows:
        tell(line(row))
    if none and not rows:
        say(none)


def natural(place: str) -> list[tuple[int, str]]:
    """What to sort paths by, so that `each[10]` comes after `each[9]`."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in _NUMBER.split(place)]


def in_actions() -> bool:
    """Whether this runs in GitHub Actions."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def annotate(problems: Iterable[Problem], *, err: bool = False) -> None:
    """Problems as annotations of GitHub Actions, at the YAML's lines, on stdout or stderr: the runner reads both."""
    for problem in problems:
        place = problem.place
        where = f"file={_property(place.file)},line={place.line},col={place.column}," if place else ""
        words = f"{problem.message}. {problem.hint}" if problem.hint else problem.message
        _write(f"::{problem.severity} {where}title=wf::{_message(words)}", err=err)


def _write(text: str, *, err: bool = False) -> None:
    """The one place that writes to stdout and stderr, but for what draws in a terminal. The text is harmless here."""
    click.echo(text, err=err)


def _message(text: str) -> str:
    """Foreign text as data of an annotation: on one line, and no command itself."""
    return commanding_nothing(plain(text)).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")


def _harmless(text: str) -> str:
    """The text without what steers a terminal, or the runner of GitHub Actions."""
    shown = plain(text)
    return commanding_nothing(shown) if in_actions() else shown
