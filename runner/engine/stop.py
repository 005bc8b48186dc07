"""Whether this process is to let go of its run: why, how urgently, and how long what is in flight may still go on."""

from __future__ import annotations

from math import inf

from runner.ground.clock import Clock


class Stop:
    """The wish that a run stops: a graceful one when it is asked for first, at once when it is asked for again."""

    def __init__(self, clock: Clock, grace: float) -> None:
        self.asked = False
        self.at_once = False
        self.why = ""
        self._clock = clock
        self._grace = grace
        self._by = inf

    def ask(self, why: str) -> None:
        """Stop, for a reason that the pause is recorded with."""
        self.at_once = self.asked
        self.asked = True
        self.why = why
        self._by = self._clock.monotonic() + self._grace

    def seconds_left(self) -> float:
        """How long what is in flight may still go on; without end while nobody asks to stop."""
        return 0.0 if self.at_once else max(0.0, self._by - self._clock.monotonic())
