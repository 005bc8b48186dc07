"""Masks text that comes in pieces: the end of what has come may be the beginning of a secret, and is held back."""

from __future__ import annotations

from collections.abc import Callable

from runner.world.secrets import Secrets

_WIDEST = 8
"""Characters that a form has at most for one of the secret: those of an address in an address, and of blanks."""


class Streams:
    """Shows what steps stream. With secrets, `end` shows what is held back of a step."""

    def __init__(self, secrets: Secrets, show: Callable[[str, str], None]) -> None:
        self._secrets = secrets
        self._show = show
        self._held: dict[str, str] = {}
        self._longest = _WIDEST * secrets.longest

    def piece(self, step: str, text: str) -> None:
        """Show the next piece of a step's text, as far as it can't be a part of a secret."""
        whole = self._held.pop(step, "") + text
        safe = max(0, len(whole) - self._longest)
        if self._secrets.mask(whole) != self._secrets.mask(whole[:safe]) + self._secrets.mask(whole[safe:]):
            safe = 0  # a secret stands across the cut
        if safe:
            self._show(step, str(self._secrets.shown(whole[:safe])))
        if whole[safe:]:
            self._held[step] = whole[safe:]

    def end(self, step: str) -> None:
        """Show the rest of a step's text."""
        if held := self._held.pop(step, ""):
            self._show(step, str(self._secrets.shown(held)))
