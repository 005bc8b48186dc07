"""What of a run needs the clock: steps whose time comes, and the time that its workflows have left."""

from __future__ import annotations

import heapq
from math import inf

from runner.engine.scheduler import Live, due_time, time_left
from runner.engine.scheduler.happenings import Happening, TimeReached, TimeSpent
from runner.ground.clock import Clock
from runner.record.run_state import Step

_FEW = 64
"""So many times are kept, though no step has them any more, before they are looked through."""

_ROUNDED = 1e-6
"""Seconds by which one instant may come out as two, where it is reckoned at different times."""


class Timers:
    """The times at which steps are due. A time that a step no longer has is left in, and passed over once it comes."""

    def __init__(self, live: Live, clock: Clock) -> None:
        self._live = live
        self._clock = clock
        self._times: list[tuple[float, str]] = []

    def set(self, step: Step) -> None:
        """Remember when a step is due, if it is at a time, and those around whose time runs while it works."""
        for found in (step, *self._live.state.timed_around(step)):
            due = due_time(found)
            if due is not None:
                heapq.heappush(self._times, (due, found.path))
        if len(self._times) > _FEW + 2 * len(self._live.state.steps):
            self.set_all()

    def set_all(self) -> None:
        """Remember when all open steps are due."""
        steps = self._live.state.steps.values()
        self._times = [(due, step.path) for step in steps if (due := due_time(step)) is not None]
        heapq.heapify(self._times)

    def first_reached(self, now: float) -> float | None:
        """The earliest of the times that have come by `now`; None when none has."""
        if not (self._times or self._live.state.running):
            return None
        due = self._next_due()
        reached = [now + left for _, left in time_left(self._live, now) if left <= 0]
        reached += [due] if due is not None and due <= now else []
        return min(reached, default=None)

    def reached(self, until: float) -> list[Happening]:
        """The times that have come by `until`."""
        due: dict[str, None] = {}
        while self._times and self._times[0][0] <= until:
            due[heapq.heappop(self._times)[1]] = None
        reached: list[Happening] = [TimeReached(tuple(due))] if due else []
        now = self._clock.now()
        spent = (home for home, left in time_left(self._live, now) if left <= 0 and now + left <= until + _ROUNDED)
        return reached + [TimeSpent(home) for home in spent]

    def until_due(self) -> float | None:
        """Seconds until a step is due; None when none is."""
        due = self._next_due()
        return None if due is None else max(0.0, due - self._clock.now())

    def _next_due(self) -> float | None:
        """When the first step is due."""
        while self._times:
            due, path = self._times[0]
            step = self._live.state.steps.get(path)
            if step is not None and due_time(step) == due:
                return due
            heapq.heappop(self._times)
        return None

    def until_next(self) -> float:
        """Seconds until a step is due or a workflow has no time left; infinite when neither comes."""
        due = self.until_due()
        left = (max(0.0, left) for _, left in time_left(self._live, self._clock.now()))
        return min((inf if due is None else due, *left))
