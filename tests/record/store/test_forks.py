"""Forks and versions in every store: a fork reads as one history, and nothing of the past is rewritten."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from runner.ground.errors import StoreError
from runner.record.events import Commit, RunForked, RunResumed
from runner.record.store.contract import Rows, RunUnknown, Snapshot, Store, VersionRow
from tests.record.store.samples import DEFINITION, OTHER, OWNER, begin, events, first, following


def forks(at: int, parent: str = "run", run: str = "fork") -> Commit:
    return Commit(run, at + 1, (RunForked(parent, at, "flow", "1.0.0", "hash"),), 50.0 + at)


def test_a_fork_reads_as_the_shared_past_and_its_own_events(store: Store) -> None:
    begin(store, 6)
    store.create(forks(4), OTHER)
    store.append(following(6, "fork"))
    past = list(store.commits("run", upto=4))
    assert list(store.commits("fork")) == [*past, forks(4), following(6, "fork")]
    assert list(store.commits("fork", after=4)) == [forks(4), following(6, "fork")]
    assert list(store.commits("fork", after=3, upto=5)) == [past[-1], forks(4)]
    assert list(store.commits("run")) == [first(), *map(following, range(3, 7))]
    row = store.run("fork")
    assert (row.parent, row.fork, row.events, row.epoch, row.owner, row.status) == ("run", 4, 6, 1, OTHER, "running")
    assert (store.run("run").parent, store.run("run").events) == (None, 6)


def test_a_fork_of_a_fork_shares_both_pasts(store: Store) -> None:
    begin(store, 5)
    store.create(forks(4), OWNER)
    store.append(following(6, "fork"))
    store.create(forks(6, "fork", "later"), OWNER)
    store.create(forks(3, "fork", "earlier"), OWNER)
    assert list(store.commits("later")) == [*store.commits("fork"), forks(6, "fork", "later")]
    assert list(store.commits("earlier")) == [*store.commits("run", upto=3), forks(3, "fork", "earlier")]


def test_snapshots_of_the_shared_past_are_found_until_there_is_an_own_one(store: Store) -> None:
    begin(store, 6)
    for seq in (3, 5):
        store.save_snapshot(Snapshot("run", seq, 1.0, str(seq)), Rows(), 1)
    store.create(forks(4), OWNER)
    assert store.snapshot("fork") == Snapshot("run", 3, 1.0, "3")
    store.save_snapshot(Snapshot("fork", 5, 2.0, "own"), Rows(), 1)
    assert store.snapshot("fork") == Snapshot("fork", 5, 2.0, "own")
    assert store.snapshot("fork", 4) == Snapshot("run", 3, 1.0, "3")
    assert store.snapshot("run") == Snapshot("run", 5, 1.0, "5")


@pytest.mark.parametrize("at", [1, 4, 7, 100])
def test_a_fork_begins_at_a_checkpoint(store: Store, at: int) -> None:
    begin(store, 3)
    store.append(Commit("run", 4, events(4) + events(5) + events(6), 1.0))
    with pytest.raises(StoreError, match=f"no checkpoint {at}"):
        store.create(forks(at), OWNER)
    assert [row.id for row in store.runs()] == ["run"]


def test_a_fork_follows_the_event_that_it_begins_after(store: Store) -> None:
    begin(store, 5)
    with pytest.raises(StoreError, match="can't begin"):
        store.create(replace_first(forks(4), 4), OWNER)
    with pytest.raises(RunUnknown):
        store.create(forks(4, "nope"), OWNER)


def replace_first(commit: Commit, number: int) -> Commit:
    return Commit(commit.run, number, commit.events, commit.at)


def test_a_resumption_may_bring_another_version(store: Store) -> None:
    store.save_definition(replace(DEFINITION, hash="newer", version="2.0.0"))
    begin(store, 3)
    store.claim("run", OWNER, 60.0, 1)
    store.append(Commit("run", 4, (RunResumed(2, "newer", "2.0.0"),), 60.0, 2))
    assert (store.run("run").definition, store.run("run").version) == ("newer", "2.0.0")
    assert sorted(store.versions(), key=lambda row: row.hash) == [
        VersionRow("hash", "flow", "1.0.0", "flow.yaml", 1, 10.0, 10.0),
        VersionRow("newer", "flow", "2.0.0", "flow.yaml", 1, 10.0, 10.0),
    ]
    assert store.versions("nope") == []


def test_a_version_must_be_recorded_before_a_run_goes_by_it(store: Store) -> None:
    begin(store, 3)
    store.claim("run", OWNER, 60.0, 1)
    with pytest.raises(StoreError):
        store.append(Commit("run", 4, (RunResumed(2, "nope", "2.0.0"),), 60.0, 2))
    assert store.run("run").events == 3
