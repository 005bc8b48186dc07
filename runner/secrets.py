"""Secrets stand in events as references; they are resolved at use, and masked by value in what comes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from runner.errors import UsageError

Json = Any

SHORTEST = 8
"""A secret shorter than this would mask ordinary text, and is refused; the empty one is no secret."""


class Secrets:
    """One run's secrets by input name. `nonce` makes references that nobody else can write."""

    def __init__(self, nonce: str, values: Mapping[str, str]) -> None:
        self.nonce = nonce
        self._by_reference: dict[str, str] = {}
        for name, value in values.items():
            if 0 < len(value) < SHORTEST:
                raise UsageError(
                    f"secret input '{name}' is shorter than {SHORTEST} characters",
                    "masking it would mask ordinary text",
                )
            if value:
                self._by_reference[reference(name, nonce)] = value

    def reveal(self, value: Json) -> Json:
        """Put the secrets in the place of their references, at any depth."""
        return _mapped(value, self._reveal_text) if self._by_reference else value

    def mask(self, value: Json) -> Json:
        """Put references in the place of secrets, wherever they stand, at any depth, in keys too."""
        return _mapped(value, self._mask_text) if self._by_reference else value

    def _reveal_text(self, text: str) -> str:
        for mark, secret in self._by_reference.items():
            text = text.replace(mark, secret)
        return text

    def _mask_text(self, text: str) -> str:
        for mark, secret in self._by_reference.items():
            text = text.replace(secret, mark)
        return text


def reference(name: str, nonce: str) -> str:
    """What stands for a secret in events, templates and conditions."""
    return f"⟦secret:{name}:{nonce}⟧"


def _mapped(value: Json, change: Callable[[str], str]) -> Json:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list | tuple):
        return type(value)(_mapped(item, change) for item in value)
    if isinstance(value, dict):
        return {change(key): _mapped(item, change) for key, item in value.items()}
    return value
