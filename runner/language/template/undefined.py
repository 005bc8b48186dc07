"""What a template names and does not exist: strictly undefined, and able to say why."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NoReturn

from jinja2 import StrictUndefined, UndefinedError
from jinja2.utils import missing

from runner.language.template.json_value import Unresolved
from runner.language.template.lookup import missing_member, missing_name

TAKE_MISSING = frozenset({"default", "d", "defined", "undefined"})
"""The filters and tests that may be given what does not exist."""


class UseOfMissing(UndefinedError):
    """Something that does not exist was used."""

    def __init__(self, what: Missing, message: str) -> None:
        super().__init__(message)
        self.what = what


class Missing(StrictUndefined, Unresolved):
    """What does not exist. Any use of it, `is defined` and `default` apart, raises UseOfMissing."""

    __slots__ = ()

    def __init__(self, hint: str | None = None, obj: Any = missing, name: Any = None, **_exception: Any) -> None:
        super().__init__(hint, obj, name, exc=partial(UseOfMissing, self))  # type: ignore[arg-type] # called only

    def fail(self) -> NoReturn:
        self._fail_with_undefined_error()

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
        return self._undefined_obj is missing

    def explained(self, owner: str, scope: Mapping[str, Any]) -> tuple[str, str]:
        """Message and hint; `owner` is how the template wrote the value that was asked."""
        if self._undefined_hint:
            return self._undefined_hint, ""
        if self.is_root:
            return missing_name(self.asked, scope)
        return missing_member(owner, self._undefined_obj, self._undefined_name)
