"""What of a run needs the clock: steps whose time comes, and the time that its workflows have left."""

from __future__ import annotations

import heapq
from math import inf

from runner.engine.scheduler import Live, due_time, time_left
from runner.engine.scheduler.happenings import Happening, TimeReached, TimeSpent
from runner.ground.clock import Clock
from runner.record.run_state import Step


class Timers:
    """The times at which steps are due. A time that a step no longer has is left in, and passed over once it comes."""

    def __init__(self, live: Live, clock: Clock) -> None:
        self._live = live
        self._clock = clock
        self._times: list[tuple[float, str]] = []

    def set(self, step: Step) -> None:
        """Remember when a step is due, if it is at a time."""
        due = due_time(step)
        if due is not None:
            heapq.heappush(self._times, (due, step.path))

    def set_all(self) -> None:
        """Remember when all open steps are due."""
        for step in self._live.state.steps.values():
            self.set(step)

    def reached(self) -> list[Happening]:
        """The times that have come by now."""
        if not (self._times or self._live.state.running):
            return []
        now = self._clock.now()
        due: dict[str, None] = {}
        while self._times and self._times[0][0] <= now:
            due[heapq.heappop(self._times)[1]] = None
        reached: list[Happening] = [TimeReached(tuple(due))] if due else []
        return reached + [TimeSpent(home) for home, left in time_left(self._live, now) if left <= 0]

    def until_due(self) -> float | None:
        """Seconds until a step is due; None when none is."""
        while self._times:
            due, path = self._times[0]
            step = self._live.state.steps.get(path)
            if step is not None and due_time(step) == due:
                return max(0.0, due - self._clock.now())
            heapq.heappop(self._times)
        return None

    def until_next(self) -> float:
        """Seconds until a step is due or a workflow has no time left; infinite when neither comes."""
        due = self.until_due()
        left = (max(0.0, left) for _, left in time_left(self._live, self._clock.now()))
        return min((inf if due is None else due, *left))
