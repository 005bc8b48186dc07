"""Time and fresh ids: the only place that reads a clock or draws randomness, so that tests and replays can set both."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from typing import Protocol


def moment(at: float) -> str:
    """A time as text: UTC, to the second."""
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return "a time past all calendars"


class Clock(Protocol):
    """What the rest may ask about time."""

    def now(self) -> float:
        """Wall time in seconds since the epoch; it never runs backwards within one process."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start, for durations."""
        ...

    def fresh_id(self) -> str:
        """A new id that sorts by time: nine characters of time (ms), nine of chance, from `0-9a-z`."""
        ...


_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


def _in_base36(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 36)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


class SystemClock:
    """The machine's clocks. Wall time is read once, then carried by the monotonic clock: no jump reaches a run."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    monotonic = staticmethod(time.monotonic)

    def now(self) -> float:
        return time.monotonic() + self._offset

    def fresh_id(self) -> str:
        chance = int.from_bytes(os.urandom(8), "big")
        return _in_base36(int(time.time() * 1000), 9) + _in_base36(chance, 9)
