"""Steps that only set and route share a COMMIT: each has its own row, and nothing is told or started before it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from runner.engine.loading import load_workflow
from runner.engine.loop import TOGETHER
from runner.engine.run_options import RunOptions
from runner.engine.runs import RunResult, prepare, start
from runner.engine.scheduler.starting import MOST_AT_ONCE
from runner.engine.surroundings import Audience, Surroundings
from runner.ground.errors import StoreError
from runner.record.events import AttemptStarted, Commit, StepEnded, StepStarted, StepWaiting
from runner.record.history import load_state
from runner.record.run_state import RunState
from runner.record.store.contract import Message
from runner.record.store.form import Form
from runner.record.store.session import Session
from runner.record.store.sqlite import SqliteStore, memory_store, open_store
from runner.travel.resuming import resume
from tests.clock import FixedClock

LOOP = """
wf: 1
name: loop
permissions: {commands: [echo]}
state: {i: {type: integer, default: 0}}
nodes:
  count:
    set: {i: "{{ state.i + 1 }}"}
    next: [{when: state.i < 40, to: count}, {when: state.i > 99, to: last}, {to: after}]
  after: AFTER
  last: {set: {i: "{{ state.i + 1 }}"}}
outputs: {i: "{{ state.i }}"}
"""


class Watched(SqliteStore):
    """Notes what is committed together; refuses the COMMIT of that number, as a full disk would."""

    def __init__(self, session: Session, broken: int | None = None) -> None:
        super().__init__(session, Form())
        self.noted: list[object] = []
        self._broken = broken

    def append(self, commit: Commit, taken: Sequence[int] = ()) -> int:
        return self._note(1) or super().append(commit, taken)

    def append_together(self, commits: Sequence[Commit]) -> int:
        return self._note(len(commits)) or super().append_together(commits)

    def _note(self, commits: int) -> int:
        if len([one for one in self.noted if isinstance(one, int)]) + 1 == self._broken:
            raise StoreError("the disk is full")
        self.noted.append(commits)
        return 0


class Hears:
    """A listener that notes what it hears beside what was committed; asks for a pause at an event of that number."""

    def __init__(self, store: Watched, clock: FixedClock, pause_at: int = 0) -> None:
        self._store = store
        self._clock = clock
        self._pause_at = pause_at

    def heard(self, commit: Commit, _state: RunState) -> None:
        self._store.noted.append(commit)
        if commit.first <= self._pause_at <= commit.last:
            self._store.post(Message(commit.run, "pause", self._clock.now()))
            self._clock.move(1.0)  # the run looks into its inbox again

    def close(self) -> None:
        """Nothing is held."""


def watched(path: Path | None = None, broken: int | None = None) -> Watched:
    store = open_store(path, durability="normal") if path else memory_store()
    assert isinstance(store, SqliteStore)
    return Watched(store._session, broken)


def run(folder: Path, after: str, store: Watched, pause_at: int = 0) -> RunResult:
    (folder / "flow.yaml").write_text(LOOP.replace("AFTER", after))
    clock = FixedClock()
    around = Surroundings(store, Audience(listeners=[Hears(store, clock, pause_at)]), clock=clock, wait_limit=0)
    prepared = prepare(
        load_workflow(str(folder / "flow.yaml")), {}, RunOptions(run="r"), around.environment, around.clock
    )
    return asyncio.run(start(prepared, around))


def committed(store: Watched) -> list[int]:
    return [one for one in store.noted if isinstance(one, int)]


@pytest.fixture
def store() -> Watched:
    return watched()


def test_at_most_sixteen_share_a_commit_and_each_has_its_own_row(tmp_path: Path, store: Watched) -> None:
    assert run(tmp_path, "{next: last}", store).outputs == {"i": 41}
    assert TOGETHER == 16
    assert max(committed(store)) == 16
    assert sum(committed(store)) + 1 == len(list(store.commits("r")))
    rows = [commit for commit in store.commits("r") if isinstance(commit.events[0], StepEnded)]
    assert len(rows) == 41  # and the first step, in the row of the run's start
    assert [load_state(store, "r", row.last).frames[""].state["i"] for row in rows[:3]] == [2, 3, 4]


def test_nothing_is_told_before_its_commit(tmp_path: Path, store: Watched) -> None:
    run(tmp_path, "{next: last}", store)
    written = 1  # the run's start
    for one in store.noted:
        if isinstance(one, int):
            written += one
        else:
            written -= 1
        assert written >= 0


@pytest.mark.parametrize(
    "after",
    [
        "{command: [echo, hello], next: last}",
        '{human: {prompt: "Well?"}, next: last}',
        "{wait: {for: 1h}, next: last}",
        "{wait: {signal: go}, timeout: 1h, next: last}",
        "{parallel: {x: {set: {}}, y: {set: {}}}, next: last}",
        "{end: completed}",
        "{command: [echo, hello], set: {i: 99}, next: count}",
        "{parallel: {x: {set: {}}, y: {set: {}}}, set: {i: 99}, next: count}",
    ],
)
def test_only_what_sets_and_routes_shares(tmp_path: Path, store: Watched, after: str) -> None:
    run(tmp_path, after, store)
    rows = list(store.commits("r"))[1:]
    for commits in committed(store):
        shared, rows = rows[:commits], rows[commits:]
        if commits > 1:
            assert all(isinstance(event, StepEnded) for row in shared for event in row.events)
            assert {event.verb for row in shared for event in row.events if isinstance(event, StepEnded)} == {"none"}
    assert rows == []


def test_an_attempt_starts_once_what_led_to_it_is_committed(tmp_path: Path, store: Watched) -> None:
    run(tmp_path, "{command: [sh], next: last}".replace("[sh]", "[echo, hello]"), store)
    told = [one for one in store.noted if isinstance(one, Commit)]
    starts = [one for one in told if any(isinstance(event, StepStarted | AttemptStarted) for event in one.events)]
    assert [len(one.events) for one in starts] == [2]  # the step before it ends in the very commit


def test_what_was_not_committed_is_decided_again(tmp_path: Path) -> None:
    store = watched(tmp_path / "wf.db", broken=2)
    with pytest.raises(StoreError, match="the disk is full"):
        run(tmp_path, "{next: last}", store)
    heard = [one for one in store.noted if isinstance(one, Commit)]
    assert heard == list(store.commits("r")), "what could not be written was told to nobody"
    store.close()
    again = watched(tmp_path / "wf.db")
    around = Surroundings(again)
    result = asyncio.run(resume("r", {}, around))
    assert (result.status, result.outputs) == ("completed", {"i": 41})
    ends = [event for row in again.commits("r") for event in row.events if isinstance(event, StepEnded)]
    assert len([event for event in ends if event.node == "count"]) == 40
    again.close()


def test_a_pause_that_was_sent_comes_between_two_commits(tmp_path: Path, store: Watched) -> None:
    result = run(tmp_path, "{next: last}", store, pause_at=5)
    assert (result.status, result.reason) == ("paused", "asked")
    events = [event for row in store.commits("r") for event in row.events]
    assert len([event for event in events if isinstance(event, StepEnded)]) < 42
    assert not any(isinstance(event, StepWaiting) for event in events)


def test_what_others_ask_for_is_looked_at_between_commits_that_begin_steps(tmp_path: Path, store: Watched) -> None:
    items = f"{{for_each: {list(range(1000))}, do: {{human: {{prompt: Well?}}}}, next: last}}"
    result = run(tmp_path, items, store, pause_at=50)
    assert (result.status, result.reason) == ("paused", "asked")
    begun = [event for row in store.commits("r") for event in row.events if isinstance(event, StepWaiting)]
    assert 0 < len(begun) <= MOST_AT_ONCE


def test_a_commit_is_no_larger_for_more_branches(tmp_path: Path, store: Watched) -> None:
    items = f"{{for_each: {list(range(1000))}, do: {{set: {{i: 1}}}}, next: last}}"
    text = LOOP.replace("default: 0}", "default: 0, reducer: add}").replace("AFTER", items)
    (tmp_path / "flow.yaml").write_text(text.replace("state: {i", "limits: {max_steps: 2000}\nstate: {i"))
    around = Surroundings(store, clock=FixedClock())
    loaded = load_workflow(str(tmp_path / "flow.yaml"))
    result = asyncio.run(start(prepare(loaded, {}, RunOptions(run="r"), around.environment, around.clock), around))
    assert result.status == "completed"
    ends = [len([event for event in row.events if isinstance(event, StepEnded)]) for row in store.commits("r")]
    assert max(ends) <= MOST_AT_ONCE + 1 < 1000
