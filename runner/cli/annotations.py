"""Problems as annotations of GitHub Actions, at the YAML's lines."""

from __future__ import annotations

import os
from collections.abc import Iterable

import click

from runner.ground.errors import Problem
from runner.ground.plain import plain


def in_actions() -> bool:
    """Whether this runs in GitHub Actions."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def annotate(problems: Iterable[Problem], *, err: bool = False) -> None:
    """Problems as annotations, on stdout or stderr: the runner reads both."""
    for problem in problems:
        place = problem.place
        where = f"file={_property(place.file)},line={place.line},col={place.column}," if place else ""
        words = f"{problem.message}. {problem.hint}" if problem.hint else problem.message
        click.echo(f"::{problem.severity} {where}title=wf::{_message(plain(words))}", err=err)


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
