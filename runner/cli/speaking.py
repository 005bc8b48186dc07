"""Saying something: the command's own output to stdout, all else to stderr, and nothing that steers a terminal."""

from __future__ import annotations

import re
from contextlib import suppress

import click

from runner.cli.annotations import in_actions
from runner.ground.plain import plain

_COMMAND = re.compile(r"^\s*:(?=:)|#(?=#\[)", re.MULTILINE)
"""How lines begin that the runner of GitHub Actions takes for commands of its own."""


def say(text: str = "") -> None:
    """A line for people, on stderr; where nobody listens any more it is lost."""
    with suppress(OSError):
        click.echo(_harmless(text), err=True)


def tell(text: str = "") -> None:
    """A line of the command's own output."""
    click.echo(_harmless(text))


def _harmless(text: str) -> str:
    """The text without what steers a terminal, or the runner of GitHub Actions."""
    shown = plain(text)
    return _COMMAND.sub("\\g<0>\u200b", shown) if in_actions() else shown
