"""What was recorded as it should be is sound, whatever the run did; events that can't follow each other are not."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from runner.record.events import Commit, RunStarted, StepEnded
from runner.record.snapshot import decode_state, encode_state, same
from runner.record.soundness import run_faults
from runner.record.store.contract import Store
from runner.record.store.form import Form
from runner.record.store.sqlite import memory_store
from tests.record.store.legal import legal_commits
from tests.record.store.samples import DEFINITION, begin, record
from tests.record.test_snapshot import folded


def kept(commits: list[Commit], snapshots: frozenset[int]) -> Store:
    store = memory_store(Form())
    start = commits[0].events[0]
    assert isinstance(start, RunStarted)
    store.save_definition(replace(DEFINITION, hash=start.definition))
    record(store, commits, snapshots)
    return store


@given(st.randoms(use_true_random=False), st.frozensets(st.integers(0, 30)))
def test_a_run_is_sound_whatever_it_did_and_whenever_snapshots_were_made(
    random: Random, snapshots: frozenset[int]
) -> None:
    assert run_faults(kept(legal_commits(random, 30), snapshots), "run") == []


@given(st.randoms(use_true_random=False), st.integers(1, 40))
def test_a_state_is_the_same_as_what_is_read_of_it_and_no_other(random: Random, length: int) -> None:
    commits = legal_commits(random, length)
    state = folded(commits)
    assert same(decode_state(encode_state(state)), state)
    assert not same(folded(commits[:-1]), state)


def test_events_that_cant_follow_from_each_other_are_told() -> None:
    store = memory_store(Form())
    store.save_definition(DEFINITION)
    begin(store)
    store.append(Commit("run", 3, (StepEnded("x", "completed", "x", "no such frame", "", 1),), 12.0))
    [fault] = run_faults(store, "run")
    assert fault.message == "it can't be made out: KeyError: 'no such frame'"
    assert "a copy" in fault.hint


def test_a_run_that_is_not_there_is_told() -> None:
    [fault] = run_faults(memory_store(Form()), "run")
    assert "no run 'run'" in fault.message
