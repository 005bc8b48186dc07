"""Reading what was recorded: states, checkpoints, tables; with snapshots or without, the same."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.ground.errors import UsageError
from runner.ground.json_value import Json
from runner.record.address import ROOT
from runner.record.events import Commit, RunEnded
from runner.record.fold import apply, fold
from runner.record.history import Checkpoint, checkpoints, load_state, read_table, reopen, states
from runner.record.projection import project
from runner.record.run_state import RunState
from runner.record.snapshot import encode_state
from runner.record.store.contract import RunUnknown, Store
from runner.record.store.sqlite import memory_store
from runner.record.store.tables import PROJECTED
from tests.record.store.legal import legal_commits
from tests.record.store.pictures import picture
from tests.record.store.samples import DEFINITION, begin, first, following, record, wrote


def kept(commits: list[Commit], snapshots: frozenset[int]) -> Store:
    store = memory_store()
    store.save_definition(DEFINITION)
    record(store, commits, snapshots)
    return store


def root_values(run: RunState) -> dict[str, Json]:
    root = run.steps[""].invocation
    assert root is not None
    return dict(root.state)


def folded(commits: list[Commit]) -> RunState:
    run = RunState()
    for commit in commits:
        fold(run, commit)
    return run


@given(st.randoms(use_true_random=False), st.frozensets(st.integers(0, 30)))
def test_a_run_is_restored_at_each_checkpoint_from_any_snapshots(random: Random, snapshots: frozenset[int]) -> None:
    commits = legal_commits(random, 30)
    store = kept(commits, snapshots)
    for place, checkpoint in enumerate(checkpoints(store, "run")):
        assert picture(load_state(store, "run", checkpoint.seq)) == picture(folded(commits[: place + 1]))
    assert picture(load_state(store, "run")) == picture(folded(commits))


@given(st.randoms(use_true_random=False), st.frozensets(st.integers(0, 30)))
def test_tables_read_the_same_whenever_they_were_brought_up_to_date(random: Random, snapshots: frozenset[int]) -> None:
    commits = legal_commits(random, 30)
    store = kept(commits, snapshots)
    whole = project(commits)
    for name, table in PROJECTED.items():
        expected = table.sorted({"run_id": "run", **row} for row in whole.get(name, ()))
        assert read_table(store, "run", name) == expected


@given(st.randoms(use_true_random=False), st.frozensets(st.integers(0, 30)))
def test_the_state_keys_are_what_the_fold_makes_of_them(random: Random, snapshots: frozenset[int]) -> None:
    commits = legal_commits(random, 30)
    store = kept(commits, snapshots)
    run = RunState()
    for commit in commits:
        for event in commit.events:
            if not isinstance(event, RunEnded):
                apply(run, event)
        assert states(store, "run", commit.last)[ROOT] == root_values(run)
    assert states(store, "run")[ROOT] == root_values(run)


@given(st.randoms(use_true_random=False), st.frozensets(st.integers(0, 30)))
def test_a_reopened_run_goes_on_as_if_it_had_never_been_closed(random: Random, snapshots: frozenset[int]) -> None:
    commits = legal_commits(random, 30)
    cut = len(commits) // 2 + 1
    store = kept(commits[:cut], snapshots)
    reopened = reopen(store, "run")
    for commit in commits[cut:]:
        fold(reopened.state, commit)
        reopened.projector.add(commit, reopened.state)
    whole = kept(commits, snapshots | {len(commits) - 1})
    assert picture(reopened.state) == picture(folded(commits))
    gathered = reopened.projector.take()
    for name, table in PROJECTED.items():
        rows = {table.key_of(row): row for row in whole.projected("run", name)}
        for row in gathered.get(name, ()):
            assert row.items() <= rows[table.key_of(row)].items()


@pytest.mark.parametrize("snapshots", [frozenset[int](), frozenset({1}), frozenset({0, 2})])
def test_every_store_gives_the_tables_and_the_state(store: Store, snapshots: frozenset[int]) -> None:
    record(store, [first(a=1, b=[]), wrote(3, a=None), wrote(4, b=[1, {"é": 1.5}])], snapshots)
    assert read_table(store, "run", "workflow_state") == [
        {"run_id": "run", "key": "a", "value": None, "seq": 3, "at": 13.0},
        {"run_id": "run", "key": "b", "value": [1, {"é": 1.5}], "seq": 4, "at": 14.0},
    ]
    assert [row["step"] for row in read_table(store, "run", "steps")] == ["n#3", "n#4"]
    assert states(store, "run")[ROOT] == {"a": None, "b": [1, {"é": 1.5}]}
    assert states(store, "run", 2)[ROOT] == {"a": 1, "b": []}
    assert encode_state(load_state(store, "run", 4)) == encode_state(load_state(store, "run"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(random=st.randoms(use_true_random=False), snapshots=st.frozensets(st.integers(0, 40)))
def test_every_store_restores_any_run(store: Store, random: Random, snapshots: frozenset[int]) -> None:
    run = f"run-{random.getrandbits(64)}-{len(store.runs(limit=-1))}"
    commits = legal_commits(random, 40, run)
    record(store, commits, snapshots)
    assert list(store.commits(run)) == commits
    assert picture(load_state(store, run)) == picture(folded(commits))
    whole = project(commits)
    for name, table in PROJECTED.items():
        expected = table.sorted({"run_id": run, **row} for row in whole.get(name, ()))
        assert read_table(store, run, name) == expected


def test_checkpoints_say_when_they_were_made_and_what_ended(store: Store) -> None:
    record(store, [first(), wrote(3, a=1), Commit("run", 4, (RunEnded("failed"),), 20.0)])
    assert list(checkpoints(store, "run")) == [
        Checkpoint(2, 10.0, (), "running"),
        Checkpoint(3, 13.0, (("n#3", "completed"),)),
        Checkpoint(4, 20.0, (), "failed"),
    ]


def test_what_is_no_checkpoint_is_refused_with_the_nearest_ones(store: Store) -> None:
    begin(store, 3)
    with pytest.raises(UsageError, match="no checkpoint 1") as refusal:
        load_state(store, "run", 1)
    assert "run@2" in refusal.value.hint
    store.append(Commit("run", 4, following(4).events * 3, 20.0))
    with pytest.raises(UsageError) as refusal:
        load_state(store, "run", 5)
    assert refusal.value.hint.startswith("the nearest are run@3 and run@6")
    with pytest.raises(UsageError):
        load_state(store, "run", 7)


def test_an_unknown_run_has_no_history(store: Store) -> None:
    for read in (
        lambda: load_state(store, "nope"),
        lambda: list(checkpoints(store, "nope")),
        lambda: states(store, "nope")[ROOT],
    ):
        with pytest.raises(RunUnknown):
            read()


def test_a_run_that_began_and_ended_in_one_commit_keeps_its_state(store: Store) -> None:
    events = (*first(a=1).events, *wrote(3, a=2).events, RunEnded("completed"))
    record(store, [Commit("run", 1, events, 10.0)], frozenset({0}))
    assert states(store, "run")[ROOT] == {"a": 2}
