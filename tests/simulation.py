"""Runs a workflow through the pure scheduler alone: no I/O, no clock, and any order in which attempts end."""

from __future__ import annotations

import tempfile
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from types import MappingProxyType
from typing import Any

from runner.engine.loading import load_workflow
from runner.engine.scheduler import Live, advance, call_of, due_time, next_turn
from runner.engine.scheduler.happenings import (
    Answered,
    AttemptEnded,
    CancelRequested,
    Happening,
    TimeReached,
)
from runner.ground.errors import Failure
from runner.record.address import without_attempts
from runner.record.events import AttemptStarted, Commit, Event, RunStarted, StepEnded, StepStarted, decode, encode
from runner.record.fold import fold
from runner.record.run_state import RunState, Step
from runner.record.snapshot import decode_state as read_snapshot
from runner.record.snapshot import encode_state as write_snapshot
from runner.workflow.inputs import check_inputs
from runner.workflow.model import Loaded
from runner.world.calls import AnyCall, CallDone, CallFailed, Outcome

PROGRAMS = ("x", "y", "z", "bad", "also-bad", "slow", "clean")
"""What simulated workflows may name; nothing of it runs."""

Reply = Callable[[AnyCall, Step], Outcome]
Order = Callable[[Sequence[str]], str]


def succeed(_call: AnyCall, step: Step) -> CallDone:
    """Every call succeeds; its text is its step's path."""
    return CallDone(
        {"text": step.path, "stdout": f"{step.path}\n", "stderr": "", "exit_code": 0, "tool_calls": [], "finish": ""}
    )


def fail_at(*paths: str, type_: Any = "tool_failed", times: int = 1000) -> Reply:
    """Calls of these steps fail, so many times each; all others succeed."""
    failed: dict[str, int] = {}

    def reply(call: AnyCall, step: Step) -> Outcome:
        failed[step.path] = failed.get(step.path, 0) + 1
        if step.path in paths and failed[step.path] <= times:
            return CallFailed(Failure(type_, f"{step.path} failed"))
        return succeed(call, step)

    return reply


def compiled(text: str, files: Mapping[str, str] = MappingProxyType({})) -> Loaded:
    """A workflow from YAML text, checked as `wf validate` checks it; `files` are those that it may call."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in {**files, "flow.yaml": text}.items():
            called = "simulated" if name == "flow.yaml" else Path(name).stem
            Path(folder, name).write_text(f"wf: 1\nname: {called}\n{textwrap.dedent(content)}", encoding="utf-8")
        path = Path(folder, "flow.yaml")
        return load_workflow(str(path), {"commands": PROGRAMS})


@dataclass
class Simulation:
    """One simulated run: what happened, and how it stands."""

    live: Live
    log: list[Event] = field(default_factory=list)
    now: float = 1000.0
    twin: RunState = field(default_factory=RunState)
    commits: list[Commit] = field(default_factory=list)
    slow: Mapping[str, float] = field(default_factory=dict)
    ends: dict[tuple[str, int], float] = field(default_factory=dict)

    def end_of(self, step: Step) -> float:
        """When the attempt that a step is at is over."""
        lasts = self.slow.get(without_attempts(step.path), 0.0)
        return self.ends.setdefault((step.path, step.attempt), self.now + lasts)

    @property
    def state(self) -> RunState:
        return self.live.state

    @property
    def lacks_money(self) -> bool:
        """Whether nothing goes on, and some of it waits for a larger budget."""
        state = self.live.state
        waiting = [state.steps[path].waiting for path in state.waiting]
        works = state.works or state.ready or state.queued
        return not works and any(wait is not None and wait.kind == "budget" for wait in waiting)

    @property
    def ended(self) -> list[str]:
        """The steps that ended, in order, with their status where it is not `completed`."""
        steps = [event for event in self.log if isinstance(event, StepEnded)]
        return [event.step if event.status == "completed" else f"{event.step}:{event.status}" for event in steps]

    @property
    def outcome(self) -> Any:
        """The outputs of a completed run, else its error's type."""
        return self.state.outputs if self.state.error is None else self.state.error["type"]

    def take(self, happenings: Sequence[Happening]) -> None:
        """Let the scheduler take what happened; the recorded events must fold to the same state."""
        first = self.state.seq + 1
        decision = advance(self.live, happenings, self.now)
        if not decision.events:
            return
        commit = Commit("run", first, decode(encode(decision.events)), self.now)
        self.log += commit.events
        self.commits.append(commit)
        fold(self.twin, commit)


def simulate(  # noqa: PLR0913 - what a test may vary
    text: str,
    *,
    files: Mapping[str, str] = MappingProxyType({}),
    inputs: Mapping[str, Any] | None = None,
    reply: Reply = succeed,
    answers: Mapping[str, Any] | None = None,
    order: Order = lambda waiting: waiting[0],
    cancel_after: int | None = None,
    crash: bool = False,
    slow: Mapping[str, float] = MappingProxyType({}),
    options: Mapping[str, Any] = MappingProxyType({}),
) -> Simulation:
    """Run a workflow to its end, or until all that is open waits for a larger budget.

    `crash`: after every commit the state goes through a snapshot to a new scheduler. The attempts of steps that are
    `slow` take so many seconds, by path; all others end at once.
    """
    loaded = compiled(text, files)
    workflow = loaded.workflow
    given = check_inputs(workflow.inputs, inputs or {})
    state = {name: key.default for name, key in workflow.state.items()}
    run = Simulation(Live("run", workflow, RunState()), slow=slow)
    run.take([RunStarted(workflow.name, workflow.version, loaded.hash, given, state, options=dict(options))])
    for turn in range(100_000):
        if run.state.ended or run.lacks_money:
            return run
        if crash:
            run.live = Live("run", workflow, read_snapshot(write_snapshot(run.state)))
        run.take([CancelRequested("by test")] if turn == cancel_after else _next(run, reply, answers or {}, order))
    raise AssertionError("the run does not end")


def _next(run: Simulation, reply: Reply, answers: Mapping[str, Any], order: Order) -> list[Happening]:
    state = run.state
    if state.ready or (state.queued and not state.running):
        return []
    ends = {path: run.end_of(state.steps[path]) for path in state.running}
    if over := tuple(path for path, end in ends.items() if end <= run.now):
        step = state.steps[order(over)]
        return [AttemptEnded(step.path, step.attempt, reply(call_of(run.live, step), step))]
    for path in state.waiting:
        if state.steps[path].node in answers:
            return [Answered(path, answers[state.steps[path].node])]
    due = {step.path: time for step in state.steps.values() if (time := due_time(step)) is not None}
    if state.running:  # a retry whose time has come waits for room: time goes on
        due = {path: time for path, time in due.items() if time > run.now or path not in state.retrying}
    turn = next_turn(run.live, run.now)
    assert due or ends or turn < inf, f"stuck at {sorted(state.steps)}"
    run.now = max(run.now, min((*due.values(), *ends.values(), turn)))
    return [TimeReached(tuple(path for path, time in due.items() if time <= run.now))]


def started(run: Simulation) -> list[str]:
    """The attempts that were started, in order."""
    events = [event for event in run.log if isinstance(event, StepStarted | AttemptStarted) and event.attempt]
    return [event.step for event in events if not isinstance(event, StepStarted) or event.request]
