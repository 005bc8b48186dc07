"""A definition, owners and commits to fill stores with."""

from __future__ import annotations

from runner.ground.json_value import Json
from runner.record.event_parts import Write
from runner.record.events import AnyEvent, Commit, FrameOpened, RunStarted, StepEnded
from runner.record.fold import fold
from runner.record.projection import Projector
from runner.record.run_state import RunState
from runner.record.snapshot import encode_state
from runner.record.store.contract import Definition, EdgeRow, NodeRow, Owner, Snapshot, Store

DEFINITION = Definition(
    hash="hash",
    name="flow",
    version="1.0.0",
    file="flow.yaml",
    folder="/project",
    files={"flow.yaml": "wf: 1\nname: flow # é\n", "prompts/a.md": "", "copy.yaml": "wf: 1\nname: flow # é\n"},
    nodes=(NodeRow("a", "a", "agent", "Ask"), NodeRow("a/b", "b", "", "")),
    edges=(EdgeRow("a", "b", "x > 1"), EdgeRow("b", "", "")),
)

OWNER = Owner("host", 42, 12.5, "boot")
OTHER = Owner("other", 43, 13.5, "boot 2", 90.0)


def first(run: str = "run", at: float = 10.0, workflow: str = "flow", **state: Json) -> Commit:
    """The commit that begins a run."""
    started = RunStarted(workflow, "1.0.0", "hash", {"report": "a.txt"}, state, {"no_input": True})
    return Commit(run, 1, (started, FrameOpened("", "", "body", "body", shared=True)), at)


def events(number: int) -> tuple[AnyEvent, ...]:
    """One event that no other number gives."""
    return (StepEnded(f"n#{number}", "completed", "n", "", "", number, number, next="n"),)


def following(number: int, run: str = "run", epoch: int = 1) -> Commit:
    """A commit of one event, which is the run's event `number`."""
    return Commit(run, number, events(number), 10.0 + number, epoch)


def wrote(number: int, **values: Json) -> Commit:
    """A commit in which a step of no time writes state keys."""
    writes = tuple(Write(key, "set", value) for key, value in values.items())
    ended = StepEnded(f"n#{number}", "completed", "n", "", "", number, None, writes=writes, next="n")
    return Commit("run", number, (ended,), 10.0 + number)


def begin(store: Store, length: int = 2, run: str = "run", at: float = 10.0) -> None:
    """A run of so many events: its start makes two."""
    store.create(first(run, at), OWNER)
    for number in range(3, length + 1):
        store.append(following(number, run))


def record(store: Store, commits: list[Commit], snapshots: frozenset[int] = frozenset()) -> None:
    """Keep a run, and a snapshot with its rows after each commit whose place is in `snapshots`."""
    state = RunState()
    projector = Projector(state)
    for place, commit in enumerate(commits):
        if place == 0:
            store.create(commit, OWNER)
        else:
            if commit.epoch != state.epoch:
                store.claim(commit.run, OTHER, commit.at, state.epoch)
            store.append(commit)
        fold(state, commit)
        projector.add(commit, state)
        if place in snapshots:
            store.save_snapshot(
                Snapshot(commit.run, state.seq, commit.at, encode_state(state)), projector.take(), commit.epoch
            )
