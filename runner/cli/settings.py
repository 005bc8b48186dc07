"""Settings: a flag, else `WF_…` in the environment, else `.wf/config.toml` in the current folder."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, cast, get_args

import click

from runner.compiler.reader import parse_duration
from runner.errors import UsageError
from runner.retention import Rule
from runner.store.contract import LEASE_SECONDS
from runner.store.form import Codec, Compression, Form
from runner.store.lease import SHORTEST_LEASE

FOLDER = Path(".wf")
CONFIG = FOLDER / "config.toml"
KNOWN = ("db", "durability", "codec", "compression", "retention", "wait_limit", "concurrency", "lease")

MOST_DIGITS = 9
"""Digits of the largest number of runs that can be kept."""

Durability = Literal["full", "normal"]


def configured(name: str, flag: str | None) -> str | None:
    """A setting's text, by precedence; None when nobody set it. Raises UsageError for an unreadable config file."""
    if flag is not None:
        return flag
    if given := os.environ.get(f"WF_{name.upper()}"):
        return given
    value = _config().get(name)
    return None if value is None else str(value)


def _source(name: str) -> str:
    """Where a setting that has no flag comes from."""
    variable = f"WF_{name.upper()}"
    return variable if os.environ.get(variable) else str(CONFIG)


def _config() -> dict[str, Any]:
    if not CONFIG.is_file():
        return {}
    try:
        found = tomllib.loads(CONFIG.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise UsageError(f"{CONFIG}: {error}") from error
    unknown = [name for name in found if name not in KNOWN]
    if unknown:
        raise UsageError(f"{CONFIG}: unknown setting '{unknown[0]}'", f"the settings are: {', '.join(KNOWN)}")
    return found


def database(flag: str | None) -> Path:
    """Where the database is."""
    return Path(configured("db", flag) or FOLDER / "wf.db")


def durability(flag: str | None) -> Durability:
    """How much a commit survives: `full` a power loss, `normal` the process's death."""
    value = configured("durability", flag) or "full"
    if value not in ("full", "normal"):
        raise UsageError(f"durability '{value}' is neither full nor normal")
    return cast(Durability, value)


def form() -> Form:
    """How new events and snapshots are written; those that are there are read in whichever form they have."""
    return Form(
        cast(Codec, _one_of("codec", get_args(Codec), "json")),
        cast(Compression, _one_of("compression", get_args(Compression), "none")),
    )


def _one_of(name: str, values: Sequence[str], default: str) -> str:
    value = configured(name, None) or default
    if value not in values:
        raise UsageError(f"{name} '{value}' is none of {', '.join(values)}")
    return value


def retention() -> Rule:
    """Which ended runs `wf gc` removes: those older than a duration, or all but so many."""
    value = configured("retention", None)
    if value is None:
        return Rule()
    if value.isdecimal() and len(value) <= MOST_DIGITS:
        return Rule(keep=int(value))
    return Rule(older_than=seconds("retention", value, "30d, or a number of runs such as 100"))


def wait_limit(flag: str | None) -> float:
    """Seconds that a run nobody attends waits for what goes on by itself."""
    return seconds("wait limit", configured("wait_limit", flag) or "60s", "60s or 5m")


def lease() -> float:
    """Seconds of silence after which another process may take a run over from this one. Raises UsageError."""
    value = configured("lease", None)
    if value is None:
        return LEASE_SECONDS
    found = parse_duration(value)
    if found is None or found < SHORTEST_LEASE:
        why = "is no duration" if found is None else "is too short"
        raise UsageError(f"{_source('lease')}: lease '{value}' {why}", "it is 1s or longer, such as 30s (the default)")
    return found


def refuse_unusable(most: str | None) -> None:
    """Refuse what a run would be driven by, before anything is made for it. Raises UsageError."""
    lease()
    concurrency(most)


def seconds(what: str, value: str, such_as: str) -> float:
    """A duration in seconds. Raises UsageError."""
    found = parse_duration(value)
    if found is None:
        raise UsageError(f"{what} '{value}' is no duration such as {such_as}")
    return found


def concurrency(flag: str | None) -> int | None:
    """How many attempts may run at once, where a workflow allows more; None when nobody set it."""
    value = configured("concurrency", flag)
    if value is None:
        return None
    if not (value.isascii() and value.isdigit() and int(value)):
        raise UsageError(f"concurrency '{value}' is no number from 1 on")
    return int(value)


def database_words() -> tuple[str, ...]:
    """What must be added to a printed command so that it finds this command's database from another shell."""
    context = click.get_current_context(silent=True)
    given = (context.params.get("db") if context is not None else None) or os.environ.get("WF_DB")
    return ("--db", str(given)) if given else ()


def concurrency_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--concurrency N`, on commands that drive a run."""
    help_ = "How much runs at once, where the workflow allows more (WF_CONCURRENCY)."
    return click.option("--concurrency", "most", metavar="N", help=help_)(command)


def durability_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--durability`, on commands that drive a run."""
    help_ = "What a commit survives (WF_DURABILITY; default full: power loss)."
    return click.option("--durability", "durable", type=click.Choice(["full", "normal"]), help=help_)(command)


def database_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--db FILE`, on every command that reads or writes runs."""
    return click.option("--db", metavar="FILE", help="The database (WF_DB; default .wf/wf.db).")(command)
