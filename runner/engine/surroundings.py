"""What a process lends to the run that it drives: a store, its limits, and an audience that watches and answers."""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from runner.engine.takeover import Takeover
from runner.ground.clock import Clock, SystemClock
from runner.ground.json_value import Json
from runner.record.events import Commit, StepWaiting
from runner.record.run_state import RunState
from runner.record.store.contract import LEASE_SECONDS, Store
from runner.world.calls import Streamer


class Listener(Protocol):
    """Hears every commit after it is recorded, until the run leaves this process.

    The commit may be shown. `state` is the engine's own: its texts hold what stands for secrets in memory, and may not.
    """

    def heard(self, commit: Commit, state: RunState) -> None: ...
    def close(self) -> None: ...


Asker = Callable[[StepWaiting], Awaitable[Json]]
"""Puts a question to a person, as often as it takes, and returns an answer that fits. Raises Unattended."""


class Unattended(Exception):
    """The person who was asked is gone: the terminal was closed."""


class Audience(msgspec.Struct, frozen=True):
    """Who hears of a run in this process, answers its questions, and may stop it."""

    listeners: Sequence[Listener] = ()
    stream: Streamer = msgspec.field(default=lambda _step, _text: None)
    told: Callable[[Takeover], None] = msgspec.field(default=lambda _takeover: None)
    """Is told what a run takes over of its past, before it goes on."""
    warned: Callable[[str], None] = msgspec.field(default=logging.getLogger("runner").warning)
    """Is told what people would miss in the record: an answer that was not taken, and why."""
    ask: Asker | None = None
    """Puts a question to a person at the terminal; None: nobody is there."""
    answers: Mapping[str, str] = {}
    """Answers given beforehand, by the end of a step's path."""
    engaged: Callable[[Callable[[], None]], None] = msgspec.field(default=lambda _stop: None)
    """Is given what stops the run, before it is driven: gracefully when called first, at once when called again."""


class Surroundings(msgspec.Struct, frozen=True):
    """What this process lends to a run. Times are in seconds."""

    store: Store
    audience: Audience = Audience()
    environment: Mapping[str, str] = msgspec.field(default_factory=lambda: dict(os.environ))
    clock: Clock = msgspec.field(default_factory=SystemClock)
    wait_limit: float = 60.0
    """How long to stay while only time goes on."""
    grace: float = 10.0
    """How long what is in flight has to end by itself once the run is to stop."""
    lease: float = LEASE_SECONDS
    """Who is silent for so long may lose the run to another process."""
    concurrency: int | None = None
    """How many attempts may run at once in this process, where the workflow allows more."""
    replies: tuple[str, ...] = ()
    """The mock file or the cassettes that were named to this process, by absolute paths: no run may write them."""
    whole_process: bool = False
    """This process has nothing else to do: it may become the parent of orphans, and reap them."""
