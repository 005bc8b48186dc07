"""What a run is at one moment: its frames and cursors, its open steps, its counts. The fold makes it of events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from runner.ground.json_value import Json
from runner.record.address import ROOT
from runner.record.cues import Cue, cue_keys
from runner.record.events import Branches, Ending, RunStarted, RunStatus, StepWaiting, Usage, Write
from runner.record.reducers import State


def record(status: str, visits: int, output: Json = None, error: Json = None, results: Json = None) -> dict[str, Json]:
    """What `nodes.NAME` is of one node."""
    return {"status": status, "output": output, "error": error, "visits": visits, "results": results}


PENDING = record("pending", 0)
"""The record of a node that did not run."""


class Nodes(dict[str, Json]):
    """The records of what ran in one body, by its key; `outer` holds those of the enclosing one.

    A level without a body holds the branches that a branch needs.
    """

    __slots__ = ("body", "outer")

    def __init__(
        self, records: Iterable[tuple[str, Json]] = (), outer: Nodes | None = None, body: str | None = None
    ) -> None:
        super().__init__(records)
        self.outer = outer
        self.body = body


class Child(msgspec.Struct):
    """A child of a composite that has ended. `final` is the state it left, kept while a sibling may start from it."""

    status: str
    output: Json = None
    error: dict[str, Json] | None = None
    writes: dict[str, list[Write]] = {}
    final: State | None = None
    by: str = ""


class Invocation(msgspec.Struct):
    """A workflow being executed: what its bodies share. `running` counts the attempts in flight in it."""

    inputs: dict[str, Json]
    state: State
    workflow: str = ""
    nodes: Nodes = msgspec.field(default_factory=Nodes)
    steps: int = 0
    running: int = 0
    active_since: float = 0.0
    strays: dict[str, None] = {}
    ending: Ending | None = None


class Frame(msgspec.Struct):
    """A body being executed: a cursor (`at`), the state it works on, what its nodes have given.

    `follows` is the sibling whose final state it began with.
    """

    path: str
    owner: str
    key: str
    body: str
    home: str
    state: State
    nodes: Nodes
    at: str | None = None
    visits: dict[str, int] = {}
    variables: dict[str, Json] = {}
    writes: dict[str, list[Write]] | None = None
    output: Json = None
    follows: str = ""


class Tally(msgspec.Struct, frozen=True):
    """What a run had counted at one moment."""

    steps: int
    tokens: int
    cost_usd: float


class Step(msgspec.Struct):
    """A step that has not ended. Times in epoch seconds; `counted` is what the run had counted as the step began.

    `time_left` (s) takes the place of `due` while the run is paused, or a scripted reply is missing in the step.
    `composite` and `branches` are as in `StepStarted`; `used` is what the model call's failed attempts have.
    """

    path: str
    node: str
    verb: str
    frame: str | None
    owner: str = ""
    key: str = ""
    visit: int = 1
    attempt: int = 0
    failures: int = 0
    agent: str = ""
    cue: Cue | None = None
    waiting: StepWaiting | None = None
    retry_at: float | None = None
    retry_wait: float = 0.0
    due: float | None = None
    time_left: float | None = None
    memory: dict[str, Json] = {}
    children: dict[str, Child] = {}
    open: dict[str, str] = {}
    tally: dict[str, int] = {}
    invocation: Invocation | None = None
    home: str = ROOT
    body: str = ""
    base: Frame | None = None
    counted: Tally | None = None
    used: Usage | None = None
    composite: bool = False
    branches: Branches | None = None

    @property
    def detached(self) -> bool:
        """The step has ended, and left children running: `base` is what further ones start from."""
        return self.base is not None


def cue_keys_of(step: Step) -> tuple[str, ...]:
    """The keys of a mock file that a step's call may have replies under."""
    return cue_keys(step.path, step.node, step.agent, is_own=step.frame is not None)


class RunState:
    """A run as its events have made it. `seq` is the number of the last event folded in.

    `final` are the values that the workflow had when the run ended in this process; no snapshot keeps them. `left` are
    the processes that completed steps have left running, of the newest such steps; `ended` where a pause or the end of
    the run has ended them.
    """

    def __init__(self) -> None:
        self.seq = 0
        self.at = 0.0
        self.status: RunStatus = "pending"
        self.reason = ""
        self.started: RunStarted | None = None
        self.definition = ""
        self.overrides: dict[str, Json] = {}
        self.outputs: dict[str, Json] = {}
        self.final: State | None = None
        self.error: dict[str, Json] | None = None
        self.epoch = 1
        self.steps: dict[str, Step] = {}
        self.frames: dict[str, Frame] = {}
        self.ready: dict[str, None] = {}
        self.queued: dict[str, None] = {}
        self.running: dict[str, None] = {}
        self.retrying: dict[str, None] = {}
        self.waiting: dict[str, None] = {}
        self.homes: dict[str, None] = {}
        self.replies: dict[str, int] = {}
        self.total_steps = 0
        self.active = 0.0
        self.tokens = 0
        self.cost_usd = 0.0
        self.unpriced = 0
        self.last_interval = 0.0
        self.left: dict[str, list[Json]] = {}

    @property
    def options(self) -> dict[str, Json]:
        """What the run was started with beside its inputs, as its forks have changed it."""
        own = {} if self.started is None else self.started.options
        return {**own, **self.overrides} if self.overrides else own

    @property
    def counted(self) -> Tally:
        return Tally(self.total_steps, self.tokens, self.cost_usd)

    @property
    def ended(self) -> bool:
        return self.status in ("completed", "failed", "cancelled")

    @property
    def works(self) -> bool:
        """Whether more goes on than waiting for people and times: an attempt is in flight, or will be tried again."""
        return bool(self.running or self.retrying)

    @property
    def times(self) -> tuple[float, float, float]:
        """What `tick` changes: to set it takes back what has become no commit, so that only commits make the state."""
        return self.at, self.active, self.last_interval

    @times.setter
    def times(self, times: tuple[float, float, float]) -> None:
        self.at, self.active, self.last_interval = times

    def tick(self, at: float) -> None:
        """Let the time be `at`: it counts as running time while the run works."""
        self.last_interval = max(0.0, at - self.at) if self.works else 0.0
        self.active += self.last_interval
        self.at = at

    def home(self, frame: Frame) -> Invocation:
        """The workflow that a frame belongs to."""
        invocation = self.steps[frame.home].invocation
        assert invocation is not None, "a frame's home is a workflow step"
        return invocation

    def homes_of(self, place: Frame | Step) -> list[Step]:
        """The workflow steps that a frame or a step stands in, innermost first."""
        home = self.steps[place.home]
        homes = [home]
        while home.path != ROOT:
            home = self.steps[home.home]
            homes.append(home)
        return homes

    def count_steps(self, frame: Frame, more: int) -> None:
        """Count steps taken in a frame, for the run and for each workflow that the frame stands in."""
        self.total_steps += more
        for home in self.homes_of(frame):
            if home.invocation is not None:
                home.invocation.steps += more

    def count_running(self, step: Step, more: int) -> None:
        """Count attempts in flight, for each workflow that a step stands in."""
        for home in self.homes_of(step):
            if home.invocation is not None:
                home.invocation.running += more

    def hold(self, step: Step) -> None:
        """Let the time of a composite stand still."""
        if step.due is not None:
            step.time_left, step.due = step.due - self.at, None

    def release(self) -> None:
        """Let the time of all composites go on."""
        for step in self.steps.values():
            if step.time_left is not None:
                step.due, step.time_left = self.at + step.time_left, None

    def enclosing(self, step: Step) -> Iterator[Step]:
        """The composites that a step stands in, innermost first."""
        while step.path != ROOT:
            frame = None if step.frame is None else step.base or self.frames[step.frame]
            step = self.steps[step.owner if frame is None else frame.owner]
            yield step

    def halt(self, step: Step) -> None:
        """Nothing of a step is in flight, waits or is to come any more."""
        if step.path in self.running:
            del self.running[step.path]
            self.count_running(step, -1)
        for places in (self.queued, self.retrying, self.waiting):
            places.pop(step.path, None)
