"""Projection: the rows that readers get, made of events."""

from __future__ import annotations

from random import Random
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from runner.ground.json_value import Json
from runner.record.event_parts import Write
from runner.record.events import (
    AnyEvent,
    AttemptFailed,
    AttemptStarted,
    Commit,
    FrameOpened,
    RunEnded,
    RunStarted,
    StepEnded,
    StepStarted,
    StepWaiting,
)
from runner.record.fold import fold
from runner.record.projection import Projector, project
from runner.record.run_state import RunState
from runner.record.usage import Usage
from tests.record.store.legal import legal_commits

START = (RunStarted("flow", "1", "hash", {}, {"n": 0, "on": True}), FrameOpened("", "", "body", "body", shared=True))
ERROR = {"type": "timeout", "message": "too slow"}


def commits(*groups: tuple[AnyEvent, ...]) -> list[Commit]:
    made: list[Commit] = []
    following = 1
    for place, events in enumerate((START, *groups)):
        made.append(Commit("run", following, events, float(place)))
        following += len(events)
    return made


def rows(table: str, *groups: tuple[AnyEvent, ...]) -> list[dict[str, Json]]:
    return [dict(row) for row in project(commits(*groups)).get(table, ())]


def leaf(step: str, attempt: int = 1) -> StepStarted:
    return StepStarted(step, step, "command", "", attempt=attempt, request={"argv": ["true"]})


def test_a_step_has_its_start_its_end_and_its_way_on() -> None:
    ended = StepEnded("a", "completed", "a", "", "command", 1, {"text": "hi"}, next="b")
    assert rows("steps", (leaf("a"),), (ended,)) == [
        {
            "step": "a",
            "node": "a",
            "verb": "command",
            "frame": "",
            "visit": 1,
            "status": "completed",
            "attempt": 1,
            "agent": "",
            "request": {"argv": ["true"]},
            "output": {"text": "hi"},
            "error": None,
            "route": "b",
            "started_at": 1.0,
            "ended_at": 2.0,
            "started_seq": 3,
            "ended_seq": 4,
        }
    ]


def test_a_step_that_takes_no_time_begins_with_its_end() -> None:
    (row,) = rows("steps", (StepEnded("a", "skipped", "a", "", "agent", 2),))
    assert (row["node"], row["verb"], row["visit"], row["status"]) == ("a", "agent", 2, "skipped")
    assert (row["started_seq"], row["ended_seq"], row["started_at"]) == (3, 3, 1.0)


def test_a_waiting_step_says_so_until_it_ends() -> None:
    asked = (StepStarted("ask", "ask", "human", ""), StepWaiting("ask", "person", prompt="Go on?"))
    assert [row["status"] for row in rows("steps", asked)] == ["waiting"]
    answered = (StepEnded("ask", "completed", "ask", "", "human", 1, "yes"),)
    assert [row["status"] for row in rows("steps", asked, answered)] == ["completed"]


def test_each_attempt_has_a_row() -> None:
    found = rows(
        "attempts",
        (leaf("a", attempt=0),),
        (AttemptStarted("a", 1),),
        (AttemptFailed("a", 1, ERROR, 9.5),),
        (AttemptStarted("a", 2),),
        (AttemptStarted("a", 3, again=True),),
        (StepEnded("a", "completed", "a", "", "command", 1, None),),
    )
    assert [(row["attempt"], row["status"], row["started_seq"], row["ended_seq"]) for row in found] == [
        (1, "failed", 4, 5),
        (2, "interrupted", 6, 7),
        (3, "completed", 7, 8),
    ]
    assert found[0]["error"] == ERROR
    assert found[0]["retry_at"] == 9.5


def test_a_models_call_has_its_price_and_its_messages() -> None:
    question = {"role": "user", "content": "Why?"}
    answer = {"role": "assistant", "content": "Because."}
    request = {"model": "small", "messages": [{"role": "system", "content": "Be brief."}, question]}
    groups = (
        (StepStarted("a", "a", "agent", ""),),
        (StepStarted("a/call#1", "a", "call", None, "a", "call#1", attempt=1, agent="bot", request=request),),
        (
            StepEnded(
                "a/call#1",
                "completed",
                "a",
                None,
                "call",
                output={"text": "Because.", "tool_calls": [], "finish": "stop"},
                usage=Usage("small-1", 5, 2, 0.25),
            ),
        ),
    )
    (call,) = rows("model_calls", *groups)
    assert (call["agent"], call["model"], call["status"]) == ("bot", "small-1", "completed")
    assert (call["prompt_tokens"], call["reply_tokens"], call["cost_usd"]) == (5, 2, 0.25)
    assert (call["started_at"], call["ended_at"]) == (2.0, 3.0)
    said = rows("messages", *groups)
    assert [(row["reply"], row["position"], row["role"], row["seq"]) for row in said] == [
        (0, 0, "system", 4),
        (0, 1, "user", 4),
        (1, 0, "assistant", 5),
    ]
    assert said[1]["content"] == question
    assert said[2]["content"] == answer


def test_a_tools_call_is_no_models_call() -> None:
    asked = (StepStarted("a/call#2", "a", "call", None, "a", "call#2", attempt=1, request={"tool": "t", "with": {}}),)
    groups = ((StepStarted("a", "a", "agent", ""),), asked, (StepEnded("a/call#2", "completed", "a", None, "call"),))
    assert not rows("model_calls", *groups)
    assert not rows("messages", *groups)


def write(key: str, value: Json) -> tuple[AnyEvent, ...]:
    return (StepEnded("a", "completed", "a", "", "", 1, None, writes=(Write(key, "set", value),), next="a"),)


def test_a_state_key_names_the_checkpoint_since_which_it_has_its_value() -> None:
    found = rows("workflow_state", write("n", 1), write("n", 1), write("n", 2), write("n", 2.0))
    assert [(row["key"], row["value"], row["seq"]) for row in found] == [("n", 2.0, 6), ("on", True, 2)]


def test_a_value_that_only_looks_the_same_is_another() -> None:
    found = rows("workflow_state", write("on", 1))
    assert [(row["key"], row["value"], row["seq"]) for row in found] == [("n", 0, 2), ("on", 1, 3)]
    assert found[1]["value"] is not True


@given(st.randoms(use_true_random=False), st.integers(1, 30))
def test_the_keys_that_events_name_are_those_that_have_changed(random: Random, length: int) -> None:
    made = legal_commits(random, length)
    with patch("runner.record.projection._FEW", 0):
        named = project(made)
    assert named == project(made)


def test_the_state_is_kept_when_the_run_ends_even_in_its_first_commit() -> None:
    (only,) = commits()
    whole = Commit("run", 1, (*only.events, *write("n", 7), RunEnded("completed")), 1.0)
    assert [row["value"] for row in project([whole])["workflow_state"]] == [7, True]


def test_a_projector_remembers_no_more_after_a_thousand_steps_than_after_one() -> None:
    state = RunState()
    projector = Projector(state)
    for commit in commits(*((leaf(f"a{n}"), StepEnded(f"a{n}", "completed", "a", "", "", n)) for n in range(1000))):
        fold(state, commit)
        projector.add(commit, state)
        projector.take()
    assert not projector.take()
    assert sum(len(kept) for kept in vars(projector).values() if not callable(kept)) < 20
