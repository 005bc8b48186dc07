"""Saying something: the command's own output to stdout, all else to stderr, and nothing that steers a terminal."""

from __future__ import annotations

from contextlib import suppress

import click

from runner.plain import plain


def say(text: str = "") -> None:
    """A line for people, on stderr; where nobody listens any more it is lost."""
    with suppress(OSError):
        click.echo(plain(text), err=True)


def tell(text: str = "") -> None:
    """A line of the command's own output."""
    click.echo(plain(text))
