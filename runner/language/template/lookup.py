"""Looking into data: a key of an object, an index of a list, never an attribute or a method; and what is not there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from jinja2 import StrictUndefined, UndefinedError

from runner.ground.errors import TemplateError, did_you_mean
from runner.language.template.json_value import described, need_text, refuse_secrets

MISSING: Final = object()
TAKE_MISSING = frozenset({"default", "d", "defined", "undefined"})
"""The filters and tests that may be given what does not exist."""

_LISTED = 10
_SHOWN = 80
_COMPARED = 500


def member(value: object, key: object) -> Any:
    """`value[key]` where that is an object's key or the index of a list or text, else `MISSING`."""
    try:
        if isinstance(value, dict) and isinstance(key, str):
            return value[key]
        if isinstance(value, list | tuple | range | str) and type(key) is int:
            refuse_secrets(value)
            return value[key]
    except LookupError:
        return MISSING
    return MISSING


def getter(attribute: Any, default: Any = MISSING) -> Callable[[Any], Any]:
    """A function that gives `attribute`, such as `"author.name"`, of an item; the item itself if there is none."""
    if attribute is None:
        return lambda item: item
    keys: list[str | int] = [attribute] if isinstance(attribute, int) else []
    keys = keys or [int(part) if part.isdecimal() else part for part in need_text(attribute, "`attribute`").split(".")]

    def get(item: Any) -> Any:
        for key in keys:
            found = member(item, key)
            if found is MISSING and default is not MISSING:
                return default
            if found is MISSING:
                message, hint = missing_member("an item", item, key)
                raise TemplateError(message, hint=hint)
            item = found
        return item

    return get


def missing_member(owner: str, value: object, key: object) -> tuple[str, str]:
    """Why `value`, written `owner` in the template, has no `key`: message and hint."""
    if isinstance(value, dict):
        near, hint = _offered(key, [name for name in value if isinstance(name, str)])
        return f"{owner} has no {_quoted(key)}{near}", hint
    if isinstance(value, list | tuple | range | str) and type(key) is int:
        return f"{owner} has {len(value)} items, so none at index {key}", ""
    if isinstance(value, list | tuple | range):
        return f"{owner} is a list and has no {_quoted(key)}", "write an index, `[0]`, or `| map(attribute=…)`"
    return f"{owner} is {described(value)} and has no {_quoted(key)}", ""


def missing_name(name: str, scope: Mapping[str, Any]) -> tuple[str, str]:
    """Why a template has no such name: message and hint."""
    near, hint = _offered(name, list(scope))
    return f"'{name}' does not exist{near}", hint


def _offered(key: object, names: Sequence[str]) -> tuple[str, str]:
    """The nearest name, for the end of a message; if none is near, a hint with the first names."""
    comparable = isinstance(key, str) and len(key) <= _SHOWN  # comparing takes time
    near = did_you_mean(str(key), names[:_COMPARED]) if comparable else ""
    if near or not names:
        return near, ""
    more = " …" if len(names) > _LISTED else ""
    return "", f"there is: {', '.join(name[:_SHOWN] for name in names[:_LISTED])}{more}"


def _quoted(key: object) -> str:
    if isinstance(key, str):
        return f"'{key[:_SHOWN]}'"
    return f"item {key}" if isinstance(key, int) else f"item for {described(key)}"


class UseOfMissing(UndefinedError):
    """Something that does not exist was used."""

    def __init__(self, what: Missing, message: str) -> None:
        super().__init__(message)
        self.what = what


class Missing(StrictUndefined):
    """What does not exist. Any use of it, `is defined` and `default` apart, raises UseOfMissing."""

    __slots__ = ()

    def __init__(self, hint: str | None = None, obj: Any = MISSING, name: Any = None, **_exception: Any) -> None:
        super().__init__(hint, obj, name, exc=partial(UseOfMissing, self))  # type: ignore[arg-type] # called only

    @property
    def _undefined_message(self) -> str:
        """Jinja's words would show the key, whatever its size; `explained` has ours."""
        return "does not exist"

    @property
    def asked(self) -> str:
        """The name, key or index that was asked for, as a template writes it; nothing if it is none of these."""
        return str(self._undefined_name) if isinstance(self._undefined_name, str | int) else ""

    @property
    def is_root(self) -> bool:
        """Whether it is a name of the scope, not a part of a value."""
        return self._undefined_obj is MISSING

    def explained(self, owner: str, scope: Mapping[str, Any]) -> tuple[str, str]:
        """Message and hint; `owner` is how the template wrote the value that was asked."""
        if self._undefined_hint:
            return self._undefined_hint, ""
        if self.is_root:
            return missing_name(self.asked, scope)
        return missing_member(owner, self._undefined_obj, self._undefined_name)
