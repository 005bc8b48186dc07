"""A run through the scheduler and a store in memory: events in any order, killed at any commit and taken up again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from runner.engine.scheduler import Live, advance, due_time
from runner.engine.scheduler.happenings import (
    AttemptEnded,
    Happening,
    TakenUp,
    TimeReached,
)
from runner.ground.errors import Failure
from runner.record.definitions import definition_of
from runner.record.events import (
    AttemptStarted,
    BranchPassed,
    Commit,
    Event,
    FrameEnded,
    FrameOpened,
    RunForked,
    RunPaused,
    RunResumed,
    RunStarted,
    decode,
    encode,
)
from runner.record.history import fork_of, reopen
from runner.record.projection import Projector
from runner.record.run_state import RunState, Step
from runner.record.snapshot import encode_state as write_snapshot
from runner.record.store.contract import Owner, Snapshot, Store
from runner.record.store.sqlite import memory_store
from runner.travel.forks import edited, openings
from runner.travel.given_edits import Given
from runner.workflow.model import Loaded
from runner.world.calls import CallDone, CallFailed
from tests.torture.reference import Outcome

OWNER = Owner("here", 1, 1.0, "boot")
RUN = "run"


@dataclass(frozen=True, slots=True)
class Odds:
    """How often, at a commit, a process is killed before it is recorded, or after; pauses; keeps a snapshot."""

    killed_before: float = 0.0
    killed_after: float = 0.0
    paused: float = 0.0
    snapshot: float = 0.3


@dataclass
class Simulated:
    """One run, and the chance that drives it."""

    loaded: Loaded
    outcome: Outcome
    random: Random
    odds: Odds
    store: Store = field(default_factory=memory_store)
    now: float = 1000.0
    epoch: int = 1
    kills: int = 0
    starts: Counter[str] = field(default_factory=Counter)
    name: str = RUN
    origin: tuple[str, int] | None = None
    edits: Given = field(default_factory=dict)
    begun: bool = False

    def forked(self, at: int, random: Random, odds: Odds, edits: Given | None = None) -> Simulated:
        """A run that is to go on from the past of this one up to an event, with values put into its states."""
        origin, name = (self.name, at), f"edited-{at}" if edits else f"fork-{at}"
        fork = Simulated(self.loaded, self.outcome, random, odds, self.store, self.now, name=name, origin=origin)
        fork.edits = edits or {}
        fork.starts = Counter(self.starts)
        return fork

    def run(self) -> RunState:
        """Drive it to its end."""
        self.store.save_definition(definition_of(self.loaded))
        self._begin()
        for _ in range(20_000):
            if self.live.state.ended:
                return self.live.state
            self._take(self._next())
        raise AssertionError("the run does not end")

    def _begin(self) -> None:
        if self.origin is not None:
            self._fork(*self.origin)
            return
        state = RunState()
        self.live = Live(self.name, self.loaded.workflow, state)
        self.projector = Projector(state)
        workflow = self.loaded.workflow
        values = {name: key.default for name, key in workflow.state.items()}
        self._take([RunStarted(workflow.name, workflow.version, self.loaded.hash, {}, values)])

    def _fork(self, parent: str, at: int) -> None:
        workflow = self.loaded.workflow
        past = fork_of(self.store, parent, at)
        plain = RunForked(parent, at, workflow.name, workflow.version, self.loaded.hash)
        forked, _ = edited(plain, past.state, workflow, self.edits, openings(self.store, parent, at))
        self.live, self.projector = Live(self.name, workflow, past.state), past.projector
        self._take([forked])

    def _take(self, happenings: Sequence[Happening]) -> None:
        """Let the scheduler decide, and record what it decided, unless the process is killed before."""
        first = self.live.state.seq + 1
        decision = advance(self.live, happenings, self.now)
        if not decision.events:
            return
        if self._chance(self.odds.killed_before):
            self._taken_up_again()
            return
        commit = Commit(self.name, first, decode(encode(decision.events)), self.now, self.epoch)
        self._record(commit)
        if self._chance(self.odds.killed_after):
            self._taken_up_again()

    def _chance(self, odds: float) -> bool:
        return self.random.random() < odds

    def _record(self, commit: Commit) -> None:
        if not self.begun:
            self.store.create(commit, OWNER)
            self.begun = True
        else:
            self.store.append(commit)
        self.projector.add(commit, self.live.state)
        if self._chance(self.odds.snapshot):
            content = write_snapshot(self.live.state)
            self.store.save_snapshot(
                Snapshot(self.name, commit.last, commit.at, content), self.projector.take(), self.epoch
            )

    def _taken_up_again(self) -> None:
        """Another process goes on from what is recorded."""
        self.kills += 1
        if not self.begun:
            self._begin()
            return
        self.epoch = self.store.claim(self.name, OWNER, self.now, self.epoch)
        reopened = reopen(self.store, self.name)
        self.live, self.projector = Live(self.name, self.loaded.workflow, reopened.state), reopened.projector
        if not self.live.state.ended:
            self._take([RunResumed(self.epoch), TakenUp()])

    def _next(self) -> list[Happening]:
        state = self.live.state
        if state.status == "paused":
            self._taken_up_again()
            return []
        if self._chance(self.odds.paused):
            return [RunPaused("interrupted")]
        if state.ready:
            return []
        running = list(state.running)
        if running and self._chance(0.9):
            ended = self.random.sample(running, self.random.randint(1, len(running)))
            return [self._ended(state.steps[path]) for path in ended]
        due = {step.path: time for step in state.steps.values() if (time := due_time(step)) is not None}
        self.now += self.random.choice((0.0, 0.5, 5.0))
        return [TimeReached(tuple(path for path, time in due.items() if time <= self.now))]

    def _ended(self, step: Step) -> AttemptEnded:
        self.starts[step.path] += 1
        error = self.outcome(step.path, step.failures + 1)
        if error:
            return AttemptEnded(step.path, step.attempt, CallFailed(Failure(error, "as told")))  # type: ignore[arg-type]  # one of the types
        return AttemptEnded(step.path, step.attempt, CallDone({"text": step.path}))

    def order(self) -> dict[tuple[str, int], list[tuple[str, str]]]:
        """In which order the branches of each attempt at a composite ended, and how."""
        found: dict[tuple[str, int], list[tuple[str, str]]] = {}
        attempts: dict[str, int] = {}
        owners: dict[str, tuple[str, str]] = {}
        for event in self.events():
            match event:
                case FrameOpened():
                    owners[event.frame] = (event.owner, event.key)
                case AttemptStarted():
                    attempts[event.step] = event.attempt
                case FrameEnded():
                    owner, key = owners[event.frame]
                    found.setdefault((owner, attempts.get(owner, 1)), []).append((key, event.status))
                case BranchPassed():
                    place = (event.owner, attempts.get(event.owner, 1))
                    found.setdefault(place, []).append((event.key, event.status))
        return found

    def events(self) -> list[Event]:
        """All that was recorded."""
        return [event for commit in self.store.commits(self.name) for event in commit.events]
