"""A clock that tests set."""

from __future__ import annotations


class FixedClock:
    """It stands until it is moved, and its ids count up."""

    def __init__(self, now: float = 1_750_000_000.0) -> None:
        self._now = now
        self._ids = 0

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    def fresh_id(self) -> str:
        self._ids += 1
        return f"id{self._ids:06d}"

    def move(self, seconds: float) -> None:
        """Let `seconds` pass."""
        self._now += seconds
