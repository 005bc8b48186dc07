"""Settings: a flag, else `WF_…` in the environment, else `.wf/config.toml` in the current folder."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, cast, get_args

from runner.ground.errors import UsageError, did_you_mean
from runner.ground.plain import one_line
from runner.ground.plain_file import Unreadable, read_plain
from runner.record.retention import Rule
from runner.record.store.contract import LEASE_SECONDS
from runner.record.store.form import Codec, Compression, Form
from runner.record.store.lease import SHORTEST_LEASE
from runner.workflow.compiler.reader import parse_duration

FOLDER = Path(".wf")
CONFIG = FOLDER / "config.toml"
KNOWN = {
    "db": 'db = "runs/wf.db"',
    "durability": 'durability = "normal"',
    "codec": 'codec = "msgpack"',
    "compression": 'compression = "zlib"',
    "retention": 'retention = "30d"',
    "wait_limit": 'wait_limit = "5m"',
    "concurrency": "concurrency = 4",
    "lease": 'lease = "30s"',
}
"""Every setting, as the configuration file may make it."""

COUNTS = ("retention", "concurrency")
"""The settings that may be whole numbers there; all are texts else."""

MOST_DIGITS = 9
"""Digits of the largest number that a setting may be."""

LARGEST_BITS = 14_000
"""Bits of a number that is written out in a message: Python writes none of more than 4300 digits."""

LARGEST_CONFIG = 64 * 1024
LONGEST_SHOWN = 200
_NUMBER = re.compile(r"\d[\d_]*")

Durability = Literal["full", "normal"]


def configured(name: str, flag: str | None = None) -> str | None:
    """A setting's text, by precedence; None when nobody set it. Raises UsageError for an unreadable config file."""
    if flag is not None:
        return flag
    if given := os.environ.get(_variable(name)):
        return given
    value = _config().get(name)
    return None if value is None else str(value)


def _variable(name: str) -> str:
    return f"WF_{name.upper()}"


def _unusable(name: str, flag: str | None, why: str, hint: str = "") -> UsageError:
    """What is wrong with a setting, and where it comes from."""
    variable = _variable(name)
    given = variable if os.environ.get(variable) else str(CONFIG)
    words = name.replace("_", " ")
    return UsageError(f"{words} {why}" if flag is not None else f"{given}: {words} {why}", hint)


def _config() -> dict[str, Any]:
    text = ""
    try:
        text = read_plain(CONFIG, LARGEST_CONFIG).decode()
        found = tomllib.loads(text)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise UsageError(f"can't read {CONFIG}: {error.strerror}") from error
    except Unreadable as error:
        raise UsageError(f"can't read {CONFIG}: {error}") from error
    except RecursionError as error:
        raise UsageError(f"{CONFIG}: it is nested too deeply", "a setting is a text or a number") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{CONFIG}: {one_line(str(error), LONGEST_SHOWN)}") from error
    except ValueError as error:  # a number of more digits than Python takes
        raise _too_large(text) from error
    for name, value in found.items():
        _check_kind(name, value)
    return found


def _too_large(text: str) -> UsageError:
    """A number that no setting can be; where the longest one stands."""
    longest = max(_NUMBER.finditer(text), key=lambda number: len(number[0]))
    line, column = text.count("\n", 0, longest.start()) + 1, longest.start() - text.rfind("\n", 0, longest.start())
    digits = len(longest[0].replace("_", ""))
    return UsageError(
        f"{CONFIG}:{line}:{column}: a number of {digits} digits can't be used",
        f"a number has at most {MOST_DIGITS} digits here",
    )


def _check_kind(name: str, value: object) -> None:
    if name not in KNOWN:
        near = did_you_mean(name, list(KNOWN))
        raise UsageError(f"{CONFIG}: unknown setting '{one_line(name)}'{near}", f"the settings are: {', '.join(KNOWN)}")
    counts = name in COUNTS
    if isinstance(value, int) and value.bit_length() > LARGEST_BITS:  # in hexadecimal it may have any number of digits
        words = f"{CONFIG}: {name} is too large a number"
        raise UsageError(words, f"a number has at most {MOST_DIGITS} digits here")
    if type(value) not in ((str, int) if counts else (str,)):
        allowed = "a text in quotes, or a whole number" if counts else "a text in quotes"
        shown = one_line(str(value).lower() if isinstance(value, bool) else str(value))
        raise UsageError(f"{CONFIG}: {name} = {shown} can't be used", f"it is {allowed}, as in {KNOWN[name]}")


def database(flag: str | None) -> Path:
    """Where the database is."""
    given = configured("db", flag)
    if given is not None and "\0" in given:
        raise _unusable("db", flag, "holds a NUL, which no path can")
    return Path(given or FOLDER / "wf.db")


def durability(flag: str | None) -> Durability:
    """How much a commit survives: `full` a power loss, `normal` the process's death."""
    value = configured("durability", flag) or "full"
    if value not in ("full", "normal"):
        raise _unusable("durability", flag, f"'{one_line(value)}' is neither full nor normal")
    return cast(Durability, value)


def form() -> Form:
    """How new events and snapshots are written; those that are there are read in whichever form they have."""
    return Form(
        cast(Codec, _one_of("codec", get_args(Codec), "json")),
        cast(Compression, _one_of("compression", get_args(Compression), "none")),
    )


def _one_of(name: str, values: Sequence[str], default: str) -> str:
    value = configured(name) or default
    if value not in values:
        raise _unusable(name, None, f"'{one_line(value)}' is none of {', '.join(values)}")
    return value


def retention() -> Rule:
    """Which ended runs `wf gc` removes: those older than a duration, or all but so many."""
    value = configured("retention")
    if value is None:
        return Rule()
    if value.isascii() and value.isdecimal() and len(value) <= MOST_DIGITS:
        return Rule(keep=int(value))
    found = parse_duration(value)
    if found is None:
        raise _unusable(
            "retention", None, f"'{one_line(value)}' is no duration such as 30d, nor a number of runs such as 100"
        )
    return Rule(older_than=found)


def wait_limit(flag: str | None) -> float:
    """Seconds that a run nobody attends waits for what goes on by itself."""
    value = configured("wait_limit", flag) or "60s"
    found = parse_duration(value)
    if found is None:
        raise _unusable("wait_limit", flag, f"'{one_line(value)}' is no duration such as 60s or 5m")
    return found


def lease() -> float:
    """Seconds of silence after which another process may take a run over from this one. Raises UsageError."""
    value = configured("lease")
    if value is None:
        return LEASE_SECONDS
    found = parse_duration(value)
    if found is None or found < SHORTEST_LEASE:
        why = "is no duration" if found is None else "is too short"
        raise _unusable("lease", None, f"'{one_line(value)}' {why}", "it is 1s or longer, such as 30s (the default)")
    return found


def refuse_unusable(limit: str | None, most: str | None) -> None:
    """Refuse what a run would be driven by, before anything is made for it. Raises UsageError."""
    wait_limit(limit)
    lease()
    concurrency(most)


def concurrency(flag: str | None) -> int | None:
    """How many attempts may run at once, where a workflow allows more; None when nobody set it."""
    value = configured("concurrency", flag)
    if value is None:
        return None
    if not (value.isascii() and value.isdigit() and len(value) <= MOST_DIGITS and int(value)):
        raise _unusable("concurrency", flag, f"'{one_line(value)}' is no number from 1 on")
    return int(value)


def in_use() -> tuple[str, ...]:
    """The settings that the environment or the configuration file makes, as they are written there.

    Raises UsageError for the first that can't be used.
    """
    database(None), durability(None), form(), retention(), wait_limit(None), lease(), concurrency(None)
    return tuple(f"{name} {value}" for name in KNOWN if (value := configured(name)) is not None)


def database_words(flag: str | None) -> tuple[str, ...]:
    """What must be added to a printed command so that it finds this command's database from another shell."""
    given = flag or os.environ.get(_variable("db"))
    return ("--db", given) if given else ()
