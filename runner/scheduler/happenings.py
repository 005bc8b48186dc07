"""What the engine reports to the scheduler: each is taken in turn, and becomes events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from runner.calls import Outcome
from runner.events import RunStarted

Json = Any


@dataclass(frozen=True, slots=True)
class Begin:
    """A new run."""

    started: RunStarted


@dataclass(frozen=True, slots=True)
class Continue:
    """Nothing happened; frames that are ready go on."""


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """An attempt is over."""

    step: str
    attempt: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Answered:
    """A person answered a waiting step; the answer has been checked."""

    step: str
    value: Json


@dataclass(frozen=True, slots=True)
class TimeReached:
    """The time of these steps has come: a wait, a person's or a composite's timeout, a retry."""

    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TimeSpent:
    """`limits.timeout` of a workflow is used up; `home` is its step."""

    home: str


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """Somebody cancels the run."""

    reason: str


@dataclass(frozen=True, slots=True)
class Resumed:
    """A process takes the run up again: what was in flight was interrupted."""

    epoch: int


@dataclass(frozen=True, slots=True)
class Paused:
    """The process lets go of the run."""

    reason: str


Happening = Begin | Continue | AttemptEnded | Answered | TimeReached | TimeSpent | CancelRequested | Resumed | Paused
