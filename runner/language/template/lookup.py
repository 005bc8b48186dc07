"""Looking into data: a key of an object, an index of a list; never an attribute or a method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from runner.ground.errors import did_you_mean
from runner.language.template.json_value import described

MISSING: Final = object()

_LISTED = 10
_SHOWN = 80
_COMPARED = 500


def member(value: object, key: object) -> Any:
    """`value[key]` where that is an object's key or the index of a list or text, else `MISSING`."""
    try:
        if isinstance(value, dict) and isinstance(key, str):
            return value[key]
        if isinstance(value, list | tuple | range | str) and type(key) is int:
            return value[key]
    except LookupError:
        return MISSING
    return MISSING


def missing_member(owner: str, value: object, key: object) -> tuple[str, str]:
    """Why `value`, written `owner` in the template, has no `key`: message and hint."""
    if isinstance(value, dict):
        return missing_key(owner, list(value), key)
    if isinstance(value, list | tuple | range | str) and type(key) is int:
        return f"{owner} has {len(value)} items, so none at index {key}", ""
    if isinstance(value, list | tuple | range):
        return f"{owner} is a list and has no {_quoted(key)}", "write an index, `[0]`, or `| map(attribute=…)`"
    return f"{owner} is {described(value)} and has no {_quoted(key)}", ""


def missing_key(owner: str, keys: Sequence[object], key: object) -> tuple[str, str]:
    """Why an object with these keys has no such key: message and hint."""
    known = [name for name in keys if isinstance(name, str)]
    near = _near(key, known) if isinstance(key, str) else ""
    return f"{owner} has no {_quoted(key)}{near}", "" if near else _listed(known)


def missing_name(name: str, scope: Mapping[str, Any]) -> tuple[str, str]:
    """Why a template has no such name: message and hint."""
    near = _near(name, list(scope))
    return f"'{name}' does not exist{near}", "" if near else _listed(list(scope))


def _near(name: str, known: Sequence[str]) -> str:
    """Comparing takes time, so a long name and all but the first names are left out."""
    return did_you_mean(name, known[:_COMPARED]) if len(name) <= _SHOWN else ""


def _listed(names: Sequence[str]) -> str:
    if not names:
        return ""
    more = " …" if len(names) > _LISTED else ""
    return f"there is: {', '.join(name[:_SHOWN] for name in names[:_LISTED])}{more}"


def _quoted(key: object) -> str:
    if isinstance(key, str):
        return f"'{key[:_SHOWN]}'"
    return f"item {key}" if isinstance(key, int) else f"item for {described(key)}"
