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
from runner.store.form import Codec, Compression, Form

FOLDER = Path(".wf")
CONFIG = FOLDER / "config.toml"
KNOWN = ("db", "durability", "codec", "compression", "wait_limit")

Durability = Literal["full", "normal"]


def configured(name: str, flag: str | None) -> str | None:
    """A setting's text, by precedence; None when nobody set it. Raises UsageError for an unreadable config file."""
    if flag is not None:
        return flag
    if (given := os.environ.get(f"WF_{name.upper()}")) is not None:
        return given
    value = _config().get(name)
    return None if value is None else str(value)


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


def wait_limit(flag: str | None) -> float:
    """Seconds that a run nobody attends waits for what goes on by itself."""
    value = configured("wait_limit", flag) or "60s"
    seconds = parse_duration(value)
    if seconds is None:
        raise UsageError(f"wait limit '{value}' is no duration such as 60s or 5m")
    return seconds


def database_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--db FILE`, on every command that reads or writes runs."""
    return click.option("--db", metavar="FILE", help="The database (WF_DB; default .wf/wf.db).")(command)
