"""What the engine reports to the scheduler: each is taken in turn, and becomes events.

That a run begins, is taken up again or is let go of is reported as the event that records it.
"""

from __future__ import annotations

import msgspec

from runner.ground.json_value import Json
from runner.record.events import RunForked, RunPaused, RunResumed, RunStarted
from runner.world.calls import Outcome


class AttemptEnded(msgspec.Struct, frozen=True):
    """An attempt is over."""

    step: str
    attempt: int
    outcome: Outcome


class Answered(msgspec.Struct, frozen=True):
    """A person answered a waiting step; the answer has been checked."""

    step: str
    value: Json


class Signalled(msgspec.Struct, frozen=True):
    """A signal came; the oldest of them first. `message` is its id in the inbox, where it stays until it is taken."""

    message: int
    name: str
    data: Json


class TimeReached(msgspec.Struct, frozen=True):
    """The time of these steps has come: a wait, a person's or a composite's timeout, a retry."""

    steps: tuple[str, ...]


class TimeSpent(msgspec.Struct, frozen=True):
    """`limits.timeout` of a workflow is used up; `home` is its step."""

    home: str


class CancelRequested(msgspec.Struct, frozen=True):
    """Somebody cancels the run."""

    reason: str


class TakenUp(msgspec.Struct, frozen=True):
    """A run goes on in another process: what was in flight begins again or fails; what lacked a reply asks again."""


First = RunStarted | RunForked | RunResumed
"""What happens to a run first in a process: it begins anew, from another's past, or it is taken up again."""

Happening = (
    First | RunPaused | AttemptEnded | Answered | Signalled | TimeReached | TimeSpent | CancelRequested | TakenUp
)
