"""Retention: which runs and snapshots may go, and that what is needed stays, while others write too."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from runner.record.events import Commit, RunEnded, RunForked
from runner.record.retention import GRACE, SPACING, Collected, Rule, collect, needed_snapshots, plan, removable
from runner.record.store.contract import LEASE_SECONDS, Owner, Rows, RunRow, Snapshot, Store
from runner.record.store.lease import current_owner
from tests.clock import FixedClock
from tests.record.store.conftest import Opener
from tests.record.store.samples import DEFINITION, OWNER, begin, following

NOW = FixedClock().now()
DAY = 86_400.0


def ended(run: str, days_ago: float = 1.0, status: str = "completed", parent: str | None = None) -> RunRow:
    at = NOW - days_ago * DAY
    return RunRow(run, "flow", "1", "hash", status, created_at=at, updated_at=at, parent=parent)


def chosen(rows: list[RunRow], rule: Rule) -> list[str]:
    return [row.id for row in removable(rows, rule, NOW)]


ROWS = [
    ended("new", 0.5),
    ended("failed", 2, "failed"),
    ended("week", 7),
    ended("cancelled", 30, "cancelled"),
    ended("old", 400),
    ended("paused", 400, "paused"),
    ended("running", 400, "running"),
]


@pytest.mark.parametrize(
    ("rule", "gone"),
    [
        (Rule(), []),
        (Rule(older_than=7 * DAY), ["week", "cancelled", "old"]),
        (Rule(older_than=0.0), ["new", "failed", "week", "cancelled", "old"]),
        (Rule(keep=2), ["week", "cancelled", "old"]),
        (Rule(keep=0), ["new", "failed", "week", "cancelled", "old"]),
        (Rule(keep=99), []),
        (Rule(statuses=frozenset({"failed", "cancelled"})), ["failed", "cancelled"]),
        (Rule(keep=1, statuses=frozenset({"failed", "cancelled"})), ["cancelled"]),
        (Rule(older_than=8 * DAY, keep=4), ["old"]),
        (Rule(older_than=8 * DAY, statuses=frozenset({"completed"})), ["old"]),
    ],
)
def test_all_that_a_rule_says_must_hold(rule: Rule, gone: list[str]) -> None:
    assert chosen(ROWS, rule) == gone


ALL = Rule(keep=0)


def test_a_run_whose_past_a_fork_shares_goes_after_it_or_stays() -> None:
    rows = [ended("root", 9), ended("fork", 8, parent="root"), ended("twin", 7, parent="root")]
    assert chosen(rows, ALL) == ["fork", "twin", "root"]
    assert chosen([*rows, ended("last", 6, "paused", "twin")], ALL) == ["fork"]
    assert chosen(rows, Rule(older_than=8.5 * DAY)) == []


def test_a_run_with_a_live_owner_stays() -> None:
    owned = replace(ended("run"), owner=current_owner(), heartbeat=NOW)
    dead = replace(owned, owner=Owner(owned.owner.host, 1, 0.5, "another boot/x") if owned.owner else None)
    silent = replace(owned, owner=Owner("elsewhere", 1, 1.0, "b"), heartbeat=NOW - LEASE_SECONDS - 1)
    assert [chosen([row], ALL) for row in (owned, dead, silent)] == [[], ["run"], ["run"]]


@given(st.dictionaries(st.integers(0, 30), st.tuples(st.integers(0, 29), st.booleans()), max_size=30))
def test_what_goes_never_leaves_a_fork_without_its_past(family: dict[int, tuple[int, bool]]) -> None:
    rows = [
        ended(str(run), status="completed" if done else "paused", parent=str(parent) if parent < run else None)
        for run, (parent, done) in family.items()
    ]
    there = {row.id for row in rows}
    rows = [row if row.parent in there else replace(row, parent=None) for row in rows]
    left = {row.id: row for row in rows}
    for run in chosen(rows, ALL):
        assert all(row.parent != run for row in left.values())
        assert left.pop(run).status == "completed"
    with_forks = {row.parent for row in left.values()}
    assert all(row.status == "paused" or row.id in with_forks for row in left.values())


@given(st.lists(st.integers(1, 20_000), unique=True).map(sorted))
def test_the_last_snapshot_is_kept_and_no_gap_gets_longer_than_it_need_be(seqs: list[int]) -> None:
    kept = needed_snapshots(seqs)
    assert kept[-1:] == seqs[-1:]
    assert set(kept) <= set(seqs)
    for before, after in pairwise([0, *kept]):
        assert after - before <= SPACING or not [seq for seq in seqs if before < seq < after]
    for first, _, third in zip(kept, kept[1:], kept[2:], strict=False):
        assert third - first > SPACING


# --- in stores


def finish(store: Store, run: str, at: float) -> None:
    row = store.run(run)
    store.append(Commit(run, row.events + 1, (RunEnded("completed", {"big": run * 5000}),), at))
    store.release(run, row.epoch)


@pytest.fixture
def filled(store: Store) -> Store:
    """Runs that ended, a fork that has not, and snapshots."""
    for run, at in (("old", NOW - 9 * DAY), ("new", NOW - 1.0), ("forked", NOW - 8 * DAY)):
        begin(store, 3, run, at)
        store.save_snapshot(Snapshot(run, 2, at, ["early", run * 5000]), Rows(), 1)
        store.save_snapshot(Snapshot(run, 3, at, "late"), Rows(), 1)
        finish(store, run, at)
    store.create(Commit("fork", 4, (RunForked("forked", 3, "flow", "1.0.0", "hash"),), NOW), OWNER)
    return store


def test_collecting_removes_what_was_planned_and_nothing_else(filled: Store, another: Opener) -> None:
    rule = Rule(older_than=7 * DAY)
    planned = plan(filled, rule, NOW)
    assert [row.id for row in planned.runs] == ["old"]
    assert (planned.snapshots, planned.weight > 0) == (2, True)
    assert len(filled.runs()) == 4
    done = collect(filled, rule, NOW)
    assert (done.runs, done.weight, done.snapshots) == (planned.runs, planned.weight, planned.snapshots)
    assert done.after.whole <= done.before.whole
    for reader in (filled, another()):
        assert {row.id for row in reader.runs()} == {"new", "forked", "fork"}
        assert [commit.last for commit in reader.commits("fork")] == [2, 3, 4]
        assert reader.snapshot("new") == Snapshot("new", 3, NOW - 1.0, "late")
        assert reader.upkeep.snapshots("new") == [3]
    filled.append(following(5, "fork"))
    assert collect(filled, rule, NOW).runs == ()


def test_versions_go_an_hour_after_the_last_run(filled: Store) -> None:
    filled.save_definition(replace(DEFINITION, hash="unused"))
    assert collect(filled, Rule(), NOW).swept.versions == 0
    assert collect(filled, Rule(), NOW + GRACE).swept.versions == 1
    assert [row.hash for row in filled.versions()] == ["hash"]


def test_a_run_that_is_forked_while_others_go_stays(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    upkeep = type(filled.upkeep)
    delete = upkeep.delete

    def fork_first(self: object, run: str, epoch: int) -> None:
        if run == "old":
            filled.create(Commit("late", 4, (RunForked("old", 3, "flow", "1.0.0", "hash"),), NOW), OWNER)
        delete(self, run, epoch)  # type: ignore[arg-type]  # the upkeep of either store

    monkeypatch.setattr(upkeep, "delete", fork_first)
    done = collect(filled, Rule(keep=0), NOW)
    assert [row.id for row in done.runs] == ["new"]
    assert [commit.last for commit in filled.commits("late")] == [2, 3, 4]


def test_the_store_keeps_its_size_while_another_process_owns_a_run(filled: Store) -> None:
    begin(filled, 3, "big", NOW - DAY)
    filled.append(Commit("big", 4, (RunEnded("completed", {"big": "".join(map(str, range(99_999)))}),), NOW - DAY))
    filled.release("big", 1)
    begin(filled, 3, "live", NOW)
    live = Rule(statuses=frozenset({"completed"}))
    done = collect(filled, live, NOW)
    assert_kept(done, "run live is under way")
    filled.release("live", 1)
    filled.release("fork", 1)
    assert collect(filled, live, NOW).after.free == 0


def assert_kept(done: Collected, why: str) -> None:
    """A store in memory has no free space to keep."""
    assert (done.kept_size, done.after.free > 0) in {(why, True), ("", False)}
