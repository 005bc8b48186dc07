"""No deadline depends on when a run is resumed: what was sent before it counts, and nothing that came later."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from runner.engine.run_options import RunOptions
from runner.engine.runs import RunResult, prepare, start
from runner.engine.surroundings import Audience, Surroundings
from runner.record.store.contract import Message, Store
from runner.record.store.sqlite import memory_store
from runner.travel.resuming import resume
from tests.clock import FixedClock
from tests.simulation import compiled

BEGIN = 1_750_000_000.0
SECONDS = st.integers(0, 20)
"""Instants after the run began, in seconds: few of them, so that several fall together."""


@dataclass
class Timeline:
    """One run on a clock that stands until it is moved, and pauses wherever it would wait."""

    text: str
    store: Store = field(default_factory=memory_store)
    clock: FixedClock = field(default_factory=lambda: FixedClock(BEGIN))
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        audience = Audience(warned=self.warnings.append)
        self.around = Surroundings(self.store, audience, {}, self.clock, wait_limit=0.0)
        prepared = prepare(compiled(self.text), {}, RunOptions(run="r"), {}, self.clock)
        self.result: RunResult = asyncio.run(start(prepared, self.around))

    def at(self, seconds: float) -> None:
        self.clock.move(BEGIN + seconds - self.clock.now())

    def send(self, kind: Any, target: str, value: Any) -> None:
        self.store.post(Message("r", kind, self.clock.now(), target, value))

    def resume(self) -> None:
        if self.result.status == "paused":
            self.result = asyncio.run(resume("r", {}, self.around))


def played(text: str, sent: Sequence[tuple[float, str, str, Any]], resumed: Sequence[int]) -> Timeline:
    """A run that is sent things at instants, and is resumed at others, and once more long after all of them."""
    line = Timeline(text)
    moments: list[tuple[float, tuple[str, str, Any] | None]] = [(at, tuple(what)) for at, *what in sent]
    moments += [(at + 0.5, None) for at in resumed]
    for at, what in sorted(moments, key=lambda moment: moment[0]):
        line.at(at)
        if what is None:
            line.resume()
        elif line.result.status == "paused":
            line.send(*what)
    line.at(1000)
    line.resume()
    return line


@given(
    st.lists(st.tuples(st.integers(1, 20), st.none() | SECONDS), min_size=1, max_size=4),
    st.lists(SECONDS, max_size=4),
)
def test_an_answer_counts_if_it_was_recorded_before_its_deadline(
    questions: list[tuple[int, int | None]], resumed: list[int]
) -> None:
    asked = '{prompt: "Sow?", choices: [now, later], otherwise: later}'
    branches = "".join(
        f"      b{number}: {{human: {asked}, timeout: {limit}s}}\n" for number, (limit, _) in enumerate(questions)
    )
    text = f"nodes:\n  p:\n    timeout: 2s\n    parallel:\n{branches}outputs: {{o: '{{{{ nodes.p.output }}}}'}}\n"
    sent = [(at, "answer", f"p/b{number}", "now") for number, (_, at) in enumerate(questions) if at is not None]
    expected = {
        f"b{number}": "now" if at is not None and at < limit else "later"
        for number, (limit, at) in enumerate(questions)
    }
    assert played(text, sent, resumed).result.outputs == {"o": expected}


@given(
    st.integers(1, 20),
    st.lists(st.tuples(SECONDS, st.sampled_from([{"kg": 1}, {"kg": 9}, {"g": 9}, None, [9], "9"])), max_size=5),
    st.lists(SECONDS, max_size=4),
)
def test_a_signal_counts_if_it_was_recorded_before_the_deadline_of_its_wait(
    limit: int, signals: list[tuple[int, Any]], resumed: list[int]
) -> None:
    text = f"""
nodes:
  w: {{wait: {{signal: sack, match: data.kg > 5}}, timeout: {limit}s, on_error: continue}}
outputs: {{w: "{{{{ nodes.w.status }}}}", e: "{{{{ nodes.w.error.type if nodes.w.error else 'none' }}}}"}}
"""
    signals.sort(key=lambda signal: signal[0])
    line = played(text, [(at, "signal", "sack", data) for at, data in signals], resumed)
    came = any(data == {"kg": 9} and at < limit for at, data in signals)
    assert line.result.outputs == ({"w": "completed", "e": "none"} if came else {"w": "failed", "e": "signal_timeout"})


@given(st.integers(1, 20), SECONDS, st.lists(SECONDS, max_size=4))
def test_a_run_is_cancelled_unless_it_was_resumed_between_its_deadline_and_that(
    limit: int, at: int, resumed: list[int]
) -> None:
    text = f'nodes: {{q: {{human: {{prompt: "?", otherwise: "x"}}, timeout: {limit}s}}}}\n'
    line = played(text, [(at, "cancel", "", "enough")], resumed)
    assert line.result.status == ("completed" if any(limit <= moment < at for moment in resumed) else "cancelled")


def test_of_two_times_the_one_comes_first_that_was_first_though_both_have_passed() -> None:
    text = """
nodes:
  p:
    parallel:
      a: {human: {prompt: "?"}, timeout: 5s}
      b: {human: {prompt: "?", choices: ["y"]}, timeout: 9s}
    on_error: continue
outputs: {error: "{{ nodes.p.error.type }}"}
"""
    line = played(text, [(7.0, "answer", "p/b", "y")], [])
    assert line.result.outputs == {"error": "human_timeout"}
    assert line.warnings == ["the answer 'y' for step p/b was not taken: the step waits for no answer any more"]
