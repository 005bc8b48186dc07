"""Questions that a composite asks in mid-step, and what it remembers: a kind of this test's own, on the pure scheduler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from runner.engine.scheduler import Live, due_time
from runner.engine.scheduler.happenings import (
    Answered,
    CancelRequested,
    Happening,
    Signalled,
    TakenUp,
    TimeReached,
)
from runner.ground.errors import Failure
from runner.ground.json_value import Json
from runner.nodes import KINDS
from runner.nodes.contract import (
    Ask,
    Branch,
    Done,
    Ended,
    Kind,
    Left,
    Memory,
    Opened,
    Settled,
    Spawn,
    Stay,
    StepFailed,
    SubAsk,
    View,
)
from runner.record.events import RunPaused, RunResumed, RunStarted, StepEnded, StepRemembered, StepStarted
from runner.record.run_state import RunState
from runner.record.snapshot import decode_state, encode_state
from runner.workflow.model import Node
from tests.simulation import Simulation, compiled

QUESTIONS = (
    SubAsk("person", Ask("person", until=1010.0, prompt="Go on?", choices=("yes", "no"))),
    SubAsk("timer", Ask("timer", until=1020.0, times={"for": 1020.0})),
    SubAsk("signal", Ask("signal", until=1030.0, signals={"signal": "ack"})),
)
"""What the kind asks, one after the other."""


def open_(_node: Node, _view: View) -> Opened:
    return Spawn(QUESTIONS[:1], memory=Memory({"rounds": 1, "said": []}))


def settle(_node: Node, view: View, ended: Ended) -> Settled:
    said = [ended.key, ended.child.status, ended.child.output, (ended.child.error or {}).get("type")]
    asked = view.memory["rounds"]
    if asked == len(QUESTIONS):
        return Done([*view.memory["said"], said])
    return Spawn(QUESTIONS[asked : asked + 1], memory=Memory({"rounds": asked + 1}, {"said": [said]}))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Simulation:
    """A run whose one step asks a person first."""
    kind = Kind(verb="human", build=lambda _reader: None, open=open_, settle=settle)
    monkeypatch.setitem(KINDS, "human", kind)
    loaded = compiled('nodes: {a: {human: {prompt: x}}}\noutputs: {said: "{{ nodes.a.output }}"}')
    run = Simulation(Live("run", loaded.workflow, RunState()))
    run.take([RunStarted("simulated", "", loaded.hash, {}, {})])
    return run


def waiting(run: Simulation) -> dict[str, tuple[str, float | None]]:
    """Which steps wait, for what, and when the clock has to be looked at for them."""
    return {path: (run.state.steps[path].waiting.kind, due_time(run.state.steps[path])) for path in run.state.waiting}  # type: ignore[union-attr]


def go_on(run: Simulation, at: float, happening: Happening) -> None:
    run.now = at
    run.take([happening])


def test_each_kind_of_question_is_answered(run: Simulation) -> None:
    assert waiting(run) == {"a/person": ("person", 1010.0)}
    go_on(run, 1001.0, Answered("a/person", "no"))
    assert waiting(run) == {"a/timer": ("timer", 1020.0)}
    go_on(run, 1020.0, TimeReached(("a/timer",)))
    assert waiting(run) == {"a/signal": ("signal", 1030.0)}
    go_on(run, 1021.0, Signalled(7, "other", 0))
    go_on(run, 1022.0, Signalled(8, "ack", {"n": 1}))
    assert run.outcome == {
        "said": [
            ["person", "completed", "no", None],
            ["timer", "completed", None, None],
            ["signal", "completed", {"n": 1}, None],
        ]
    }


def test_a_question_that_nobody_answers_in_time_fails_and_the_composite_decides(run: Simulation) -> None:
    go_on(run, 1010.0, TimeReached(("a/person",)))
    go_on(run, 1011.0, Answered("a/person", "yes"))
    go_on(run, 1020.0, TimeReached(("a/timer",)))
    go_on(run, 1030.0, TimeReached(("a/signal",)))
    said: list[list[Json]] = run.state.outputs["said"]
    assert [(key, status, error) for key, status, _, error in said] == [
        ("person", "failed", "human_timeout"),
        ("timer", "completed", None),
        ("signal", "failed", "signal_timeout"),
    ]


def test_what_is_remembered_is_recorded_and_kept_over_a_resumption(run: Simulation) -> None:
    go_on(run, 1001.0, Answered("a/person", "no"))
    go_on(run, 1002.0, RunPaused("waiting"))
    kept: Any = {"rounds": 2, "said": [["person", "completed", "no", None]]}
    assert [(event.memory, event.added) for event in run.log if isinstance(event, StepRemembered)] == [
        ({"rounds": 2}, {"said": kept["said"]})
    ]
    again = Simulation(Live("run", run.live.workflow, decode_state(encode_state(run.state))), now=1003.0, twin=run.twin)
    assert again.state.steps["a"].memory == run.twin.steps["a"].memory == kept
    again.take([RunResumed(2), TakenUp()])
    assert waiting(again) == {"a/timer": ("timer", 1020.0)}
    go_on(again, 1025.0, TimeReached(("a/timer",)))
    go_on(again, 1026.0, Signalled(1, "ack", None))
    assert len(again.state.outputs["said"]) == len(QUESTIONS)


def test_a_memory_that_grows_leaves_the_events_as_they_were(run: Simulation) -> None:
    go_on(run, 1001.0, Answered("a/person", "no"))
    go_on(run, 1020.0, TimeReached(("a/timer",)))
    started = next(event for event in run.log if isinstance(event, StepStarted) and event.step == "a")
    assert (started.composite, started.memory) == (True, {"rounds": 1, "said": []})


def test_cancelling_cuts_off_a_question(run: Simulation) -> None:
    go_on(run, 1001.0, CancelRequested("enough"))
    ended = [(event.step, event.status) for event in run.log if isinstance(event, StepEnded)]
    assert ended == [("a/person", "cancelled"), ("a", "cancelled")]
    assert run.state.status == "cancelled"


def left_running(monkeypatch: pytest.MonkeyPatch, detached: Callable[[Node, View, Ended], Left]) -> Simulation:
    """A run whose one step has ended, and left a branch `x` running, in which a person is asked."""

    def opens(_node: Node, _view: View) -> Opened:
        return Spawn((Branch("x", "do"),), memory=Memory({"left": 0}), branches=("x", "y"), done=Done(leave=True))

    real = KINDS["for_each"]
    kind = Kind(verb="for_each", build=real.build, open=opens, detached=detached, traits=real.traits)
    monkeypatch.setitem(KINDS, "for_each", kind)
    loaded = compiled("nodes: {a: {for_each: [1], do: {human: {prompt: x}}}}")
    run = Simulation(Live("run", loaded.workflow, RunState()))
    run.take([RunStarted("simulated", "", loaded.hash, {}, {})])
    return run


def test_what_a_step_left_running_may_remember_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def detached(_node: Node, view: View, ended: Ended) -> Left:
        memory = Memory({"left": view.memory["left"] + 1})
        return Spawn((Branch("y", "do"),), memory=memory) if ended.key == "x" else Stay(memory)

    run = left_running(monkeypatch, detached)
    run.take([Answered("a/x", "done")])
    assert run.state.steps["a"].memory == {"left": 1}
    run.take([Answered("a/y", "done")])
    assert [event.memory for event in run.log if isinstance(event, StepRemembered)] == [{"left": 1}, {"left": 2}]
    assert run.state.status == "completed"


def test_a_kind_that_fails_after_its_step_has_ended_keeps_no_run_from_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def detached(_node: Node, _view: View, _ended: Ended) -> Left:
        raise StepFailed(Failure("input_invalid", "that is none"))

    run = left_running(monkeypatch, detached)
    run.take([Answered("a/x", "done")])
    assert run.state.status == "completed"


def test_a_kind_that_fails_as_a_child_ends_fails_the_step(run: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_node: Node, _view: View, _ended: Ended) -> Settled:
        raise StepFailed(Failure("input_invalid", "that is none"))

    monkeypatch.setitem(KINDS, "human", Kind(verb="human", build=lambda _reader: None, open=open_, settle=fails))
    go_on(run, 1001.0, Answered("a/person", "no"))
    assert run.outcome == "input_invalid"
