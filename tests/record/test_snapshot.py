"""Snapshots: a run's state as bytes, and back."""

from __future__ import annotations

from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from runner.ground.errors import StoreError
from runner.ground.json_value import Json
from runner.record.event_parts import branches_of
from runner.record.events import (
    CALL,
    AnyEvent,
    AttemptFailed,
    BranchPassed,
    Commit,
    FrameOpened,
    RunStarted,
    StepEnded,
    StepStarted,
)
from runner.record.fold import fold
from runner.record.run_state import RunState
from runner.record.snapshot import FLOOR, VERSION, decode_state, encode_state, is_complete, same, should_snapshot
from runner.record.usage import Usage
from tests.record.store.legal import legal_commits
from tests.record.store.pictures import picture


def folded(commits: list[Commit], state: RunState | None = None) -> RunState:
    run = RunState() if state is None else state
    for commit in commits:
        fold(run, commit)
    return run


@given(st.randoms(use_true_random=False), st.integers(1, 60), st.floats(0, 1))
def test_a_run_that_was_written_and_read_goes_on_as_one_that_was_not(random: Random, length: int, part: float) -> None:
    commits = legal_commits(random, length)
    cut = round(part * len(commits))
    before = folded(commits[:cut])
    read = decode_state(encode_state(before))
    assert picture(read) == picture(before)
    assert encode_state(read) == encode_state(before)
    assert picture(folded(commits[cut:], read)) == picture(folded(commits))


def with_branches(value: str, branches: int) -> RunState:
    opened: list[AnyEvent] = [
        FrameOpened(f"fan/{key}", "fan", str(key), "do", {"item": key}) for key in range(branches)
    ]
    start = RunStarted("flow", "1", "hash", {}, {"big": value})
    events = (
        start,
        FrameOpened("", "", "body", "body", shared=True),
        StepStarted("fan", "fan", "parallel", ""),
        *opened,
    )
    return folded([Commit("run", 1, events, 1.0)])


def test_a_value_that_many_branches_share_is_written_once_and_shared_again() -> None:
    state = with_branches("x" * 100_000, 50)
    written = encode_state(state)
    assert len(msgspec.json.encode(written)) < 300_000  # the start event holds it too
    read = decode_state(written)
    assert len({id(frame.state["big"]) for frame in read.frames.values()}) == 1


def test_a_body_of_the_workflow_works_on_the_workflows_own_state_after_reading() -> None:
    read = decode_state(encode_state(with_branches("x", 1)))
    invocation = read.steps[""].invocation
    assert invocation is not None
    assert read.frames[""].state is invocation.state
    assert read.frames[""].nodes is invocation.nodes
    assert read.frames["fan/0"].state is not invocation.state
    assert read.frames["fan/0"].nodes.outer is invocation.nodes


def test_a_snapshot_of_a_newer_version_is_refused() -> None:
    with pytest.raises(StoreError, match="newer wf"):
        decode_state(encode_state(RunState()) | {"version": VERSION + 1})


@given(st.randoms(use_true_random=False), st.data())
def test_a_damaged_snapshot_is_an_error_or_a_state_never_anything_else(random: Random, data: st.DataObject) -> None:
    written = bytearray(msgspec.json.encode(encode_state(folded(legal_commits(random, 10)))))
    place = data.draw(st.integers(0, len(written) - 1))
    written[place] ^= data.draw(st.integers(1, 255))
    try:
        damaged = msgspec.json.decode(written)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return  # the store sees to that
    try:
        assert isinstance(decode_state(damaged), RunState)
    except StoreError as error:
        assert "damaged" in str(error) or "newer" in str(error)  # noqa: PT017 - either outcome is right


@pytest.mark.parametrize("written", ["", {}, [], {"version": 1}, {"version": "1"}, None, 7], ids=repr)
def test_what_is_no_snapshot_is_refused(written: Json) -> None:
    with pytest.raises(StoreError, match="damaged"):
        decode_state(written)


def test_a_snapshot_is_due_once_the_events_outweigh_the_last() -> None:
    assert not should_snapshot(FLOOR, 0, 2)
    assert should_snapshot(FLOOR + 1, 0, 2)
    assert not should_snapshot(4_000_000, 1_000_000, 2)
    assert should_snapshot(4_000_001, 1_000_000, 2)
    assert not should_snapshot(4 * 128 * 1000, 0, 1000)  # a thousand branches: such a one would weigh as much itself
    assert should_snapshot(4 * 128 * 1000 + 1, 0, 1000)


ERROR = {"type": "network", "message": "", "step": "a", "attempt": 1, "retryable": True, "details": {}}
STEP = StepStarted("a", "a", "some", "", attempt=1)
CALL_OF_STEP = StepStarted("a/call#1", "a", CALL, None, "a", "call#1", attempt=1)


@pytest.mark.parametrize(
    ("events", "complete"),
    [
        ((replace(STEP, input_hash="x"),), True),
        ((replace(STEP, input_hash="x"), AttemptFailed("a", 1, ERROR, 5.0)), False),
        ((STEP,), True),
        ((STEP, CALL_OF_STEP), True),
        ((STEP, CALL_OF_STEP, AttemptFailed("a/call#1", 1, ERROR, 5.0)), True),
        ((replace(STEP, memory={"order": ["x", "y"]}),), True),
        ((replace(STEP, memory={"items": [1, 2]}),), True),
    ],
)
def test_a_snapshot_of_version_1_is_read_as_its_events_say_or_is_not_complete(
    events: tuple[AnyEvent, ...], complete: bool
) -> None:
    begun = (RunStarted("f", "1", "h", {}, {}), FrameOpened("", "", "body", "", shared=True))
    state = folded([Commit("run", 1, (*begun, *events), 1.0)])
    written = {**encode_state(state), "version": 1}
    written["steps"] = [without_what_version_2_says(step) for step in written["steps"]]
    assert is_complete(written) == complete
    assert not complete or same(decode_state(written), state)


def without_what_version_2_says(step: dict[str, Json]) -> dict[str, Json]:
    return {key: value for key, value in step.items() if key not in ("composite", "branches")}


@pytest.mark.parametrize("by_name", [True, False])
def test_a_snapshot_whose_results_do_not_name_their_items_is_not_complete(by_name: bool) -> None:
    begun = (RunStarted("f", "1", "h", {}, {}), FrameOpened("", "", "body", "", shared=True))
    memory: dict[str, Json] = {"order": ["x"]} if by_name else {"items": [["nut"]]}
    passed = BranchPassed("a", "x" if by_name else "0", "skipped")
    events = (
        replace(STEP, attempt=0, composite=True, memory=memory),
        passed,
        StepEnded("a", "completed", "a", ""),
    )
    state = folded([Commit("run", 1, (*begun, *events), 1.0)])
    written = encode_state(state)
    assert is_complete(written)
    for values in written["values"]:
        for result in values if isinstance(values, list) else ():
            assert result.pop("item") == ["nut"]
    assert is_complete(written) == by_name


def test_a_snapshot_that_does_not_say_what_model_calls_took_is_not_complete() -> None:
    begun = (RunStarted("f", "1", "h", {}, {}), FrameOpened("", "", "body", "", shared=True))
    asked = replace(CALL_OF_STEP, agent="a")
    ended = StepEnded("a/call#1", "completed", "a", verb=CALL, usage=Usage("m", 3, 4, 0.5))
    events = (replace(STEP, attempt=0, composite=True), asked, ended)
    written = encode_state(folded([Commit("run", 1, (*begun, *events), 1.0)]))
    assert is_complete(written)
    for step in written["steps"]:
        step.pop("account")
    assert not is_complete(written)


def test_branches_of_an_older_record_are_in_its_memory() -> None:
    assert branches_of(None, {"order": ["a", "b"]}) == ("a", "b")
    assert branches_of(None, {"items": [1, 2]}) == len([1, 2])
    assert branches_of(None, {}) is None
