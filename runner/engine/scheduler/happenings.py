"""What the engine reports to the scheduler: each is taken in turn, and becomes events."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from runner.ground.json_value import Json
from runner.record.events import Adapted, RunForked, RunStarted
from runner.world.calls import Outcome


class Begin(msgspec.Struct, frozen=True):
    """A new run."""

    started: RunStarted


class Fork(msgspec.Struct, frozen=True):
    """A run that goes on from another's past: what was in flight there begins anew."""

    forked: RunForked


class Continue(msgspec.Struct, frozen=True):
    """Nothing happened; frames that are ready go on."""


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


class Resumed(msgspec.Struct, frozen=True):
    """A process takes the run up again: what was in flight was interrupted."""

    epoch: int
    definition: str = ""
    version: str = ""
    options: Mapping[str, Json] = {}
    adapted: Mapping[str, Adapted] = {}


class Paused(msgspec.Struct, frozen=True):
    """The process lets go of the run."""

    reason: str


Happening = (
    Begin
    | Fork
    | Continue
    | AttemptEnded
    | Answered
    | Signalled
    | TimeReached
    | TimeSpent
    | CancelRequested
    | Resumed
    | Paused
)
