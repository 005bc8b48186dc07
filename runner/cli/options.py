"""What several commands read from the command line: their common options, pairs, permissions, files."""

from __future__ import annotations

import sys
from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from runner.cli.settings import database_words
from runner.engine.run_options import Tape
from runner.ground.advice import advising
from runner.ground.errors import UsageError
from runner.ground.plain_file import bounded, read_plain
from runner.ground.resources import data
from runner.world.providers.cassette import read_cassette, recording_to
from runner.world.providers.scripted import Script, read_script

KINDS = ("commands", "read", "write", "python", "network", "env")

LARGEST_INPUTS = 8 * 1024 * 1024
"""Bytes of a JSON file that a command is given."""

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def together(*options: Decorator) -> Decorator:
    """Several options as one decorator, in the order that the help lists them in."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _advised(context: click.Context, _parameter: click.Parameter, db: str | None) -> str | None:
    """The database that was given; the commands that this one advises name it too."""
    context.with_resource(advising(database_words(db)))
    return db


database_option = click.option(
    "--db", metavar="FILE", callback=_advised, help="The database (WF_DB; default .wf/wf.db)."
)
"""On every command that reads or writes runs."""


class Money(click.ParamType[float]):
    """An amount in USD, from 0 on."""

    name = "usd"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The amount. Raises click.BadParameter."""
        try:
            amount = float(str(value).removeprefix("$"))
        except ValueError:
            amount = -1.0
        if not 0 <= amount < inf:
            self.fail(f"'{value}' is no amount of USD such as 0.50", param, ctx)
        return amount


max_cost_option = click.option(
    "--max-cost", "max_cost_usd", type=Money(), metavar="USD", help="What all model calls of the run may cost."
)
"""On the commands that begin a run, or go on with one."""

waiting_options = together(
    click.option("--no-input", is_flag=True, help="Never ask; pause when only a person can go on."),
    click.option("--wait-limit", metavar="DURATION", help="How long to stay while only time goes on (60s)."),
)
"""How long a command that drives a run stays for people and for time."""

reply_options = together(
    click.option("--mock", metavar="FILE", help="Scripted replies in the place of models."),
    click.option(
        "--record", metavar="FILE", help="Write a cassette: what models, tools and servers are asked, and give."
    ),
    click.option("--record-commands", is_flag=True, help="What commands and scripts give, too."),
    click.option("--replay", metavar="FILE", help="Replies from a cassette: nobody is asked."),
)
"""Who replies in a run, from now on, and what becomes of that."""

driving_options = together(
    click.option("--json", "as_document", is_flag=True, help="One JSON document on stdout, and nothing else."),
    click.option("--events", is_flag=True, help="Every event as a line of JSON on stdout."),
    click.option("--quiet", is_flag=True, help="No progress; outputs and errors only."),
    click.option(
        "--concurrency",
        "most",
        metavar="N",
        help="How much runs at once, where the workflow allows more (WF_CONCURRENCY).",
    ),
    click.option(
        "--durability",
        "durable",
        type=click.Choice(["full", "normal"]),
        help="What a commit survives (WF_DURABILITY; default full: power loss).",
    ),
    database_option,
)
"""How a command that drives a run shows it, and keeps it."""


class Whole(click.IntRange):
    """A whole number from `min` on, or up to `max`, refused in words that say which would do."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number. Raises click.BadParameter."""
        try:
            return int(super().convert(value, param, ctx))
        except click.BadParameter:
            upto = "on" if self.max is None else f"to {self.max}"
            self.fail(f"'{value}' is no whole number from {self.min} {upto}", param, ctx)


def given_replies(given: dict[str, Any]) -> tuple[Script | None, Tape | None]:
    """What `reply_options` say: scripted replies, or a cassette. Raises UsageError, InvalidWorkflow."""
    named = [name for name in ("mock", "record", "replay") if given[name]]
    if len(named) > 1:
        words = f"--{named[0]} and --{named[1]} exclude each other"
        raise UsageError(words, _WHY_NOT_BOTH[named[0], named[1]])
    if given["record_commands"] and not given["record"]:
        raise UsageError("--record-commands is for --record", "add --record FILE")
    if given["mock"]:
        return read_script(Path(given["mock"]), given["mock"]), None
    if given["replay"]:
        return None, read_cassette(Path(given["replay"]), given["replay"])
    return None, recording_to(given["record"], commands=given["record_commands"]) if given["record"] else None


_WHY_NOT_BOTH = {
    ("mock", "record"): "a cassette holds what models and tools really said: leave one of them away",
    ("mock", "replay"): "each of them says what calls are given: leave one of them away",
    ("record", "replay"): "what is replayed is recorded already: leave one of them away",
}


def offer_flows(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """What the shell offers in the place of a workflow: files, and the bundled patterns."""
    patterns = (f"pattern:{path.stem}" for path in sorted(data("patterns").glob("*.yaml")))
    found = [CompletionItem(pattern) for pattern in patterns if incomplete and pattern.startswith(incomplete)]
    return found or [CompletionItem(incomplete, type="file")]


def parse_pairs(pairs: tuple[str, ...], form: str) -> dict[str, str]:
    """`name=value` arguments; the last of a name wins. Raises UsageError."""
    found = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name:
            raise UsageError(f"'{pair}' is not of the form {form}")
        found[name] = value
    return found


def parse_answers(pairs: tuple[str, ...]) -> dict[str, str]:
    """`--answer STEP=VALUE` arguments; a step has one answer. Raises UsageError."""
    answers = parse_pairs(pairs, "--answer STEP=VALUE")
    steps = [pair.partition("=")[0] for pair in pairs]
    repeated = next((step for step in answers if steps.count(step) > 1), None)
    if repeated is not None:
        raise UsageError(f"--answer {repeated}=…: '{repeated}' is answered twice", "keep one of them")
    return answers


def parse_inputs(pairs: tuple[str, ...]) -> dict[str, str]:
    """`-i NAME=VALUE` arguments; `@FILE` is a file's content, `@-` what stdin gives, `@@…` a text that begins with `@`.

    The line break that ends a single line belongs to the file, not to the value. Raises UsageError.
    """
    return {name: _given(name, value) for name, value in parse_pairs(pairs, "-i NAME=VALUE").items()}


def _given(name: str, value: str) -> str:
    if not value.startswith("@"):
        return value
    if value.startswith("@@"):
        return value[1:]
    try:
        text = content_of(value[1:]).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        words = f"-i {name}={value}: can't read that file: {why_unreadable(error)}"
        raise UsageError(words, f"a text that begins with @ is written -i {name}=@{value}") from error
    line = text.removesuffix("\n").removesuffix("\r")
    return text if "\n" in line else line


def why_unreadable(error: OSError | ValueError) -> str:
    """Why `content_of` failed, or what it gave is no text."""
    if isinstance(error, UnicodeDecodeError):
        return "it is no text in UTF-8"
    return getattr(error, "strerror", None) or str(error)


def parse_allowed(pairs: tuple[str, ...], option: str = "--allow") -> dict[str, list[str]]:
    """`KIND:VALUE` arguments of an option, by kind. Raises UsageError."""
    allowed: dict[str, list[str]] = {}
    for pair in pairs:
        kind, sign, value = pair.partition(":")
        if not sign or not value or kind not in KINDS:
            raise UsageError(
                f"{option} {pair}: not of the form KIND:VALUE", f"kinds are: {', '.join(KINDS)}; e.g. commands:git"
            )
        allowed.setdefault(kind, []).append(value)
    return allowed


def content_of(file: str) -> bytes:
    """What a file or pipe holds, or stdin for `-`. Raises OSError, ValueError."""
    if file == "-":
        return bounded(sys.stdin.buffer.read(LARGEST_INPUTS + 1), LARGEST_INPUTS)
    return read_plain(Path(file), LARGEST_INPUTS, piped=True)
