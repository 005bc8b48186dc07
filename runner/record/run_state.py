"""What a run is at one moment: its frames and cursors, its open steps, its counts. The fold makes it of events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

import msgspec

from runner.ground.json_value import Json
from runner.record.address import ROOT
from runner.record.cues import Cue, cue_keys
from runner.record.event_parts import Branches, Write
from runner.record.events import Ending, RunStarted, RunStatus, StepWaiting
from runner.record.paces import NO_PACE, Pace
from runner.record.reducers import State
from runner.record.remembered import Remembered
from runner.record.usage import Account, Reservation, Usage


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
        if records:
            self.update(records)
        self.outer = outer
        self.body = body


class Child(msgspec.Struct):
    """A child of a composite that has ended. `final` is the state it left, kept while a sibling may start from it.

    `handled`: it has failed, and `on_error` took that. `approves` is the seal of the call that a question was about.
    """

    status: str
    output: Json = None
    error: dict[str, Json] | None = None
    writes: dict[str, list[Write]] = {}
    final: State | None = None
    by: str = ""
    handled: bool = False
    approves: str = ""

    @property
    def counts(self) -> bool:
        """Whether what it wrote is merged, and who needs it goes on."""
        return self.status == "completed" or self.handled


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
    """What a run had counted at one moment. `taken` of its budget: what was used, and reserved (in `picos`)."""

    steps: int
    tokens: int
    cost_usd: float
    cost_known: bool = True
    taken: int = 0


class Step(msgspec.Struct):
    """A step that has not ended. Times in epoch seconds; `counted` is what the run had counted as the step began.

    `queued_at` is when its first attempt came to wait for room.
    `composite`, `branches`, `approved` are as in `StepStarted`; `used` is what the model call's failed attempts have,
    `reserved` what is set aside for the one in flight; `account` is what the model calls inside a composite have taken.
    Of a composite that may not run for ever, `due` is when its time is up while something in it works: `working` counts
    what does. While nothing does, and while the run is paused, `due` is None, and `time_left` are the seconds that it
    has. `interrupted`: a crash cut off its attempt, and it has not begun again.
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
    queued_at: float = 0.0
    retry_at: float | None = None
    retry_wait: float = 0.0
    due: float | None = None
    time_left: float | None = None
    working: int = 0
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
    reserved: Reservation | None = None
    account: Account | None = None
    composite: bool = False
    paced: str = ""
    branches: Branches | None = None
    interrupted: bool = False
    approved: str = ""

    @property
    def detached(self) -> bool:
        """The step has ended, and left children running: `base` is what further ones start from."""
        return self.base is not None

    @property
    def timed(self) -> bool:
        """Whether the time that the step may take has a bound."""
        return self.due is not None or self.time_left is not None

    def run_down(self, at: float) -> None:
        """Let the time that the step has left run, from `at` on."""
        if self.time_left is not None:
            self.due, self.time_left = at + self.time_left, None

    def stand_still(self, at: float) -> None:
        """Let the time that the step has left stand still, from `at` on."""
        if self.due is not None:
            self.time_left, self.due = max(0.0, self.due - at), None


def cue_keys_of(step: Step) -> tuple[str, ...]:
    """The keys of a mock file that a step's call may have replies under."""
    return cue_keys(step.path, step.node, step.agent, is_own=step.frame is not None)


class RunState(Remembered):
    """A run as its events have made it. `seq` is the number of the last event folded in.

    `final` are the values that the workflow had when the run ended in this process; no snapshot keeps them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seq = 0
        self.at = self.active = self.last_interval = 0.0
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
        self.lines: dict[str, dict[str, None]] = {}
        self.paces: dict[str, Pace] = {}
        self.running: dict[str, None] = {}
        self.retrying: dict[str, None] = {}
        self.waiting: dict[str, None] = {}
        self.homes: dict[str, None] = {}
        self.timed: dict[str, None] = {}
        self.replies: dict[str, int] = {}
        self.total_steps = 0
        self.cost_usd = 0.0
        self.tokens = self.unpriced = self.uncounted = self.taken = 0

    @property
    def options(self) -> dict[str, Json]:
        """What the run was started with beside its inputs, as its forks have changed it."""
        own = {} if self.started is None else self.started.options
        return {**own, **self.overrides} if self.overrides else own

    @property
    def counted(self) -> Tally:
        return Tally(self.total_steps, self.tokens, self.cost_usd, not self.unpriced, self.taken)

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

    def count_steps(self, place: Frame | Step, more: int) -> None:
        """Count steps taken in a frame or a step, for the run and for each workflow that it stands in."""
        self.total_steps += more
        for home in self.homes_of(place):
            if home.invocation is not None:
                home.invocation.steps += more

    def count_running(self, step: Step, more: int) -> None:
        """Count attempts in flight, for each workflow that a step stands in."""
        for home in self.homes_of(step):
            if home.invocation is not None:
                home.invocation.running += more

    def start(self, step: Step, *, at_once: bool) -> None:
        """An attempt of a step is in flight, or waits for room."""
        was = self._is_at_work(step.path)
        if not at_once:
            self.queued[step.path] = None
        else:
            self.queued.pop(step.path, None)
            self.leave_line(step)
            if step.path not in self.running:
                self.running[step.path] = None
                self.count_running(step, 1)
        self._count_work(step, self._is_at_work(step.path) - was)

    def postpone(self, step: Step) -> None:
        """A step waits for its next attempt."""
        was = self._is_at_work(step.path)
        self.retrying[step.path] = None
        self._count_work(step, 1 - was)

    def begin_anew(self, step: Step) -> None:
        """A step does not wait for its next attempt any more."""
        if step.path in self.retrying:
            del self.retrying[step.path]
            self._count_work(step, self._is_at_work(step.path) - 1)

    def halt(self, step: Step) -> None:
        """Nothing of a step is in flight, waits or is to come any more."""
        was = self._is_at_work(step.path)
        if step.path in self.running:
            del self.running[step.path]
            self.count_running(step, -1)
        for places in (self.queued, self.retrying, self.waiting):
            places.pop(step.path, None)
        if step.paced:
            self.leave_line(step)
            self.paces.get(step.paced, NO_PACE)["running"].pop(step.path, None)
        self._count_work(step, -was)

    def leave_line(self, step: Step) -> None:
        """A step does not wait for its turn any more."""
        line = self.lines.get(step.paced, {})
        if step.path in line:
            del line[step.path]
            if not line:
                del self.lines[step.paced]

    def _is_at_work(self, path: str) -> bool:
        return path in self.running or path in self.queued or path in self.retrying

    def time(self, step: Step, due: float | None) -> None:
        """Bound the time that a composite may take, all its attempts together: it is up at `due` if it runs on."""
        if due is not None and not step.timed:
            step.time_left = max(0.0, due - self.at)
        if step.timed:
            self.timed[step.path] = None

    def hold(self, step: Step) -> None:
        """Nothing that works in a step counts as its time any more."""
        step.stand_still(self.at)
        step.working = 0
        self.timed.pop(step.path, None)

    def around(self, step: Step) -> Iterator[Step]:
        """The steps that a step stands in, innermost first. What a step left running stands in its workflow alone."""
        while step.path != ROOT:
            if step.frame is None:
                step = self.steps[step.owner]
            else:
                step = self.steps[step.home if step.detached else self.frames[step.frame].owner]
            yield step

    def timed_around(self, step: Step) -> Iterator[Step]:
        """A step and those that it stands in, as far as their time has a bound."""
        if self.timed:
            yield from (found for found in chain((step,), self.around(step)) if found.path in self.timed)

    def _count_work(self, step: Step, more: int) -> None:
        """Count what works in the timed steps around; their time runs while something does."""
        for timed in self.timed_around(step) if more else ():
            timed.working += more
            if timed.working:
                timed.run_down(self.at)
            else:
                timed.stand_still(self.at)

    def detach(self, step: Step, base: Frame) -> None:
        """A step has ended and left children running: what works in it is its workflow's from now on."""
        self.hold(step)
        at_work = (
            [path for places in (self.running, self.queued, self.retrying) for path in places] if self.timed else []
        )
        left = [self.steps[path] for path in at_work]
        left = [one for one in left if any(outer is step for outer in self.around(one))]
        for one in left:
            self._count_work(one, -1)
        step.base = base
        for one in left:
            self._count_work(one, 1)

    def stand_still(self) -> None:
        """The run is paused: the time of all its steps stands still."""
        for path in self.timed:
            self.steps[path].stand_still(self.at)

    def run_on(self, lost: float = 0.0) -> None:
        """The run goes on. Nobody was there in the `lost` seconds before: they are no time of its steps."""
        for step in (self.steps[path] for path in self.timed):
            if step.due is not None:
                step.due += lost
            elif step.working:
                step.run_down(self.at)
