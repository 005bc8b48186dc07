"""What a run remembers of steps that have ended, when nothing else of them is kept."""

from __future__ import annotations

from runner.ground.json_value import Json

_MOST_UNANSWERED = 1000
"""Steps of which it is remembered that no person answered them."""


_MOST_LEFT = 100
"""Steps of which it is remembered what they left running."""


class Remembered:
    """What a run remembers of its steps, by their paths.

    `left` are the processes that completed steps have left running, of the newest such steps; `ended` where a pause or
    the end of the run has ended them. `unanswered` are the newest steps that no person answered in time: their outputs
    are what stands for an answer then. `keys` are the runs in which steps first began, where a retry has taken them
    over; `checked` what was found out of attempts that a crash cut off, of the newest such steps. `freed` are the
    tools, by hash, of which a person has approved the first call.
    """

    def __init__(self) -> None:
        self.left: dict[str, list[Json]] = {}
        self.unanswered: dict[str, None] = {}
        self.keys: dict[str, str] = {}
        self.checked: dict[str, list[Json]] = {}
        self.freed: dict[str, None] = {}

    def note_left(self, step: str, left: list[Json]) -> None:
        """A completed step has left these processes running."""
        self.left[step] = left
        for oldest in list(self.left)[:-_MOST_LEFT]:
            del self.left[oldest]

    def note_answer(self, step: str, *, by_nobody: bool) -> None:
        """A step has ended; `by_nobody`: with what stands for the answer of a person."""
        self.unanswered.pop(step, None)
        if by_nobody:
            self.unanswered[step] = None
            if len(self.unanswered) > _MOST_UNANSWERED:
                del self.unanswered[next(iter(self.unanswered))]
