"""Removing what is not needed any more: in every store, and never what is."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from runner.ground.errors import RunBusy, StoreError, UsageError
from runner.ground.json_value import Json
from runner.record.events import Commit, RunEnded, RunForked, RunResumed, StepEnded
from runner.record.store.contract import Message, Rows, RunUnknown, Snapshot, Space, Store, Swept
from runner.record.store.large import LARGE
from tests.record.store.conftest import Opener
from tests.record.store.samples import DEFINITION, OTHER, OWNER, begin, first, following

SHARED, OWN = "shared " * LARGE, " ".join(map(str, range(4 * LARGE)))


def end(store: Store, run: str = "run", **outputs: Json) -> None:
    row = store.run(run)
    store.append(Commit(run, row.events + 1, (RunEnded("completed", outputs),), 90.0, row.epoch))


def begin_and_end(store: Store, run: str = "run", **outputs: Json) -> None:
    begin(store, 3, run)
    end(store, run, **outputs)


def fork(store: Store, parent: str, run: str, at: int = 3) -> None:
    store.create(Commit(run, at + 1, (RunForked(parent, at, "flow", "1.0.0", "hash"),), 50.0), OWNER)


# --- runs


def test_a_run_that_is_deleted_is_gone_and_the_others_stay(store: Store, another: Opener) -> None:
    begin_and_end(store, big=OWN)
    begin_and_end(store, "other", big=OWN)
    store.post(Message("run", "signal", 1.0))
    store.save_snapshot(Snapshot("run", 3, 1.0, {}), Rows({"steps": [{"step": "a"}]}), 1)
    kept = list(store.commits("other"))
    store.upkeep.delete("run", 1)
    for reader in (store, another()):
        with pytest.raises(RunUnknown):
            reader.run("run")
        assert (reader.snapshot("run"), reader.inbox("run"), reader.projected("run", "steps")) == (None, [], [])
        assert [row.id for row in reader.runs()] == ["other"]
        assert list(reader.commits("other")) == kept
    begin_and_end(store)
    assert len(list(store.commits("run"))) == 3


def test_a_run_is_deleted_only_as_it_was_looked_at(store: Store) -> None:
    begin_and_end(store)
    store.claim("run", OTHER, 95.0, 1)
    with pytest.raises(RunBusy, match="process 43 on other"):
        store.upkeep.delete("run", 1)
    assert store.run("run").events == 4


def test_a_run_that_has_not_ended_is_not_deleted(store: Store) -> None:
    begin(store)
    with pytest.raises(StoreError, match="it is running"):
        store.upkeep.delete("run", 1)
    with pytest.raises(RunUnknown):
        store.upkeep.delete("nope", 1)
    assert store.run("run").events == 2


def test_a_run_with_forks_is_deleted_after_them(store: Store) -> None:
    begin_and_end(store)
    fork(store, "run", "fork")
    end(store, "fork")
    with pytest.raises(StoreError, match="run 'fork' shares its past"):
        store.upkeep.delete("run", 1)
    assert len(list(store.commits("fork"))) == 4
    for run in ("fork", "run"):
        store.upkeep.delete(run, 1)
    assert store.runs() == []


def test_the_weight_of_runs_is_what_would_be_free_without_them(store: Store) -> None:
    begin_and_end(store, "a", big=OWN, both=SHARED)
    begin_and_end(store, "b", both=SHARED)
    begin_and_end(store, "c")
    a, b, c, both = (store.upkeep.weight(runs) for runs in (["a"], ["b"], ["c"], ["a", "b"]))
    assert 0 < c < 2000
    assert a > b
    assert both > a + b
    assert store.upkeep.weight([]) == 0


# --- snapshots


def test_only_the_snapshots_that_are_kept_are_left_and_what_they_hold(store: Store) -> None:
    begin(store, 8)
    for seq in (3, 5, 7):
        store.save_snapshot(Snapshot("run", seq, 1.0, [f"{seq} " * LARGE, SHARED]), Rows(), 1)
    assert store.upkeep.snapshots("run") == [3, 5, 7]
    assert store.upkeep.thin("run", [5, 7, 99]) == 1
    assert store.upkeep.thin("run", [7]) == 1
    assert store.upkeep.thin("run", [7]) == 0
    assert store.upkeep.sweep(1.0, 0.0) == Swept(0, 2)
    assert store.snapshot("run", 6) is None
    assert store.snapshot("run") == Snapshot("run", 7, 1.0, [f"{7} " * LARGE, SHARED])


def test_what_events_and_rows_hold_outlives_the_snapshots_that_held_it_too(store: Store) -> None:
    begin(store, 3)
    store.append(Commit("run", 4, (StepEnded("a", "completed", output=[SHARED, [OWN]]),), 1.0))
    row = {"key": "k", "value": {"x": "row " * LARGE}}
    store.save_snapshot(Snapshot("run", 4, 1.0, [SHARED, OWN]), Rows({"workflow_state": [row]}), 1)
    store.save_snapshot(Snapshot("run", 3, 1.0, {"only": "here " * LARGE}), Rows(), 1)
    store.upkeep.thin("run", [])
    assert store.upkeep.sweep(1.0, 0.0) == Swept(0, 1)
    assert list(store.commits("run"))[-1].events == (StepEnded("a", "completed", output=[SHARED, [OWN]]),)
    assert store.projected("run", "workflow_state")[0]["value"] == row["value"]


# --- versions and large values


def test_large_values_go_with_the_last_run_that_needs_them(store: Store) -> None:
    begin_and_end(store, "a", big=OWN, both=[SHARED, 1])
    begin_and_end(store, "b", both=SHARED)
    assert store.upkeep.sweep(1.0, 60.0).blobs == 0
    whole = store.upkeep.space()
    store.upkeep.delete("a", 1)
    assert store.upkeep.sweep(1.0, 60.0) == Swept(0, 1)
    assert list(store.commits("b"))[-1].events == (RunEnded("completed", {"both": SHARED}),)
    store.upkeep.delete("b", 1)
    assert store.upkeep.sweep(1.0, 60.0) == Swept(0, 1)
    store.upkeep.compact()
    assert store.upkeep.space().whole < whole.whole
    assert store.upkeep.space().free == 0


def test_a_version_goes_once_it_has_long_been_unused(store: Store) -> None:
    begin_and_end(store)
    assert store.upkeep.sweep(100.0, 60.0) == Swept(0, 0)
    store.upkeep.delete("run", 1)
    assert [store.upkeep.sweep(at, 60.0).versions for at in (100.0, 159.0)] == [0, 0]
    assert store.definition("hash") == DEFINITION
    assert store.upkeep.sweep(160.0, 60.0).versions == 1
    with pytest.raises(StoreError, match="not recorded here"):
        store.definition("hash")
    store.save_definition(DEFINITION)
    assert store.definition("hash") == DEFINITION


@pytest.mark.parametrize("use", ["saved again", "a run"])
def test_a_version_that_is_used_meanwhile_stays(store: Store, use: str) -> None:
    store.upkeep.sweep(100.0, 60.0)
    store.save_definition(DEFINITION)
    if use == "a run":
        begin(store)
    assert store.upkeep.sweep(200.0, 60.0).versions == 0
    begin(store, run="later")


def test_every_version_that_a_run_has_gone_by_stays_with_it(store: Store) -> None:
    store.save_definition(replace(DEFINITION, hash="newer"))
    begin(store, 3)
    store.claim("run", OWNER, 60.0, 1)
    store.append(Commit("run", 4, (RunResumed(2, "newer", "2"),), 60.0, 2))
    store.upkeep.sweep(1.0, 0.0)
    assert store.upkeep.sweep(2.0, 0.0).versions == 0
    assert store.definition("hash") == DEFINITION


def test_a_new_store_holds_little(store: Store) -> None:
    space = store.upkeep.space()
    assert isinstance(space, Space)
    assert 0 <= space.free <= space.whole < 300_000


# --- taking in


def recorded(store: Store) -> list[Commit]:
    """The commits of a run that was forked, taken over, and goes by three versions."""
    for version in ("second", "third"):
        store.save_definition(replace(DEFINITION, hash=version))
    begin(store, 3)
    changed = RunForked("run", 3, "renamed", "2.0.0", "second")
    store.create(Commit("fork", 4, (changed,), 50.0), OWNER)
    store.claim("fork", OTHER, 60.0, 1)
    store.append(Commit("fork", 5, (RunResumed(2, "third", "3.0.0"),), 60.0, 2))
    store.append(Commit("fork", 6, (StepEnded("a", "completed", output=SHARED),), 61.0, 2))
    return [replace(commit, run="taken in") for commit in store.commits("fork")]


def test_a_run_from_elsewhere_stands_as_it_stood_there_and_is_nobodys(store: Store) -> None:
    commits = recorded(store)
    store.adopt(iter(commits))
    assert list(store.commits("taken in")) == commits
    there, here = store.run("fork"), store.run("taken in")
    expected = replace(there, id="taken in", workflow="renamed", created_at=10.0, owner=None, heartbeat=None)
    assert here == replace(expected, parent=None, fork=None)
    assert here.definition == "third"
    assert sorted((row.hash, row.runs) for row in store.versions()) == [("hash", 2), ("second", 2), ("third", 2)]
    store.claim("taken in", OWNER, 70.0, 2)
    store.append(following(7, "taken in", epoch=3))
    for run in ("fork", "run"):
        store.claim(run, OWNER, 80.0, store.run(run).epoch)
        end(store, run)
        store.upkeep.delete(run, store.run(run).epoch)
    store.upkeep.sweep(1.0, 0.0)
    assert list(store.commits("taken in"))[:-1] == commits


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda commits: [], "at least one commit"),
        (lambda commits: commits[1:], "can't begin"),
        (lambda commits: [commits[0], *commits[2:]], "can't follow"),
        (lambda commits: [*commits, commits[-1]], "can't follow"),
        (lambda commits: [replace(commits[2], first=1), *commits[3:]], "can't begin"),
        (lambda commits: [*commits, Commit("taken in", 7, (), 1.0)], "at least one event"),
        (lambda commits: [*commits, Commit("taken in", 7, (RunResumed(3, "nope", "1"),), 1.0, 3)], "not recorded here"),
    ],
    ids=["none", "no start", "a gap", "one twice", "a fork first", "no events", "an unknown version"],
)
def test_what_is_no_whole_run_is_not_taken_in(store: Store, change: Any, words: str) -> None:
    commits = change(recorded(store))
    with pytest.raises(StoreError, match=words):
        store.adopt(commits)
    with pytest.raises(RunUnknown):
        store.run("taken in")
    assert store.upkeep.sweep(1.0, 0.0).blobs == 0


def test_a_run_is_not_taken_in_under_an_id_that_is_taken(store: Store) -> None:
    begin(store, 3)
    with pytest.raises(UsageError, match="exists already"):
        store.adopt([first(), following(3)])
    assert store.run("run").owner == OWNER


def test_a_run_needs_its_versions_to_be_taken_in(another: Opener) -> None:
    empty = another()
    with pytest.raises(StoreError, match="not recorded here"):
        empty.adopt([first()])
    assert empty.runs() == []


def test_what_is_read_in_one_moment_does_not_change_in_it(store: Store, another: Opener) -> None:
    begin(store, 5)
    writer = another()
    with store.moment():
        before = list(store.commits("run"))
        if writer is not store:
            writer.append(following(6))
        assert list(store.commits("run")) == before
    assert store.run("run").events == (5 if writer is store else 6)
