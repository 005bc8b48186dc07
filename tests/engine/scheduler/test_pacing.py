"""`max_concurrency`, `rpm` and `tpm` of a model: held for all that asks it in a run, in turn, and no running time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.engine.scheduler import Live, advance
from runner.engine.scheduler.happenings import TakenUp, TimeReached
from runner.engine.timers import Timers
from runner.ground.errors import Failure
from runner.record.events import AttemptFailed, AttemptStarted, StepEnded, StepWaiting
from runner.record.fold import fold
from runner.record.paces import count_call, left_in, new_pace
from runner.record.run_state import RunState, Step
from runner.record.usage import Usage
from runner.world.calls import AnyCall, CallDone, CallFailed, ModelCall, Outcome
from tests.clock import FixedClock
from tests.simulation import Simulation, simulate, succeed

FLOW = """
models: {{m: {{model: openai/x, max_reply_tokens: 100, {bounds}}}, n: {{model: openai/x, max_reply_tokens: 100}}}}
agents: {{a: {{model: m}}, b: {{model: n}}}}
limits: {{max_concurrency: {room}, timeout: 30s}}
nodes:
  both:
    parallel:
      one: {{for_each: {ones}, do: {{agent: a, prompt: Hi, timeout: 28s, retry: {{max_attempts: 2, jitter: false}}}}}}
      two: {{for_each: {twos}, do: {{agent: b, prompt: Hi, timeout: 28s}}}}
"""
Numbers = st.none() | st.integers(1, 4)


class Asked:
    """What a model was asked in a simulated run: when each call began and ended, and the tokens that it took."""

    def __init__(self, run: Simulation, used: Mapping[str, int]) -> None:
        self.spans: list[tuple[float, float, int]] = []
        self.waited: list[str] = []
        self.began: list[str] = []
        self.most_at_once = 0
        begun: dict[str, float] = {}
        for commit in run.commits:
            for event in commit.events:
                if isinstance(event, AttemptStarted) and "call#" in event.step:
                    begun[event.step] = commit.at
                    self.began.append(event.step)
                    self.most_at_once = max(self.most_at_once, len(begun))
                elif isinstance(event, StepEnded | AttemptFailed) and event.step in begun:
                    tokens = used.get(event.step, 0) if isinstance(event, StepEnded) else 0
                    self.spans.append((begun.pop(event.step), commit.at, tokens))
                elif isinstance(event, StepWaiting) and event.kind == "turn":
                    self.waited.append(event.step)

    def of_minutes(self, count: Callable[[list[int]], int]) -> int:
        """The most that a minute has, of the tokens of each call in it."""
        return max(count([tokens for begin, _, tokens in self.spans if at - 60 < begin <= at]) for at, *_ in self.spans)


def model(lasting: Mapping[str, int], failing: int) -> tuple[Callable[[AnyCall, Step], Outcome], dict[str, int]]:
    """A model that takes tokens by the step, and fails so many first calls; and what each step took."""
    used: dict[str, int] = {}
    failed = defaultdict[str, int](int)

    def reply(_call: AnyCall, step: Step) -> Outcome:
        if step.path.startswith("both/one") and not failed[step.path] and len(failed) <= failing:
            failed[step.path] += 1
            return CallFailed(Failure("llm_down", "down"))
        used[step.path] = 50 + lasting.get(step.path, 0)
        said = {"text": "hi", "tool_calls": [], "finish": "stop"}
        return CallDone(said, Usage("openai/x", 10, used[step.path] - 10))

    return reply, used


@settings(max_examples=60)
@given(
    at_once=Numbers,
    rpm=Numbers,
    tpm=st.none() | st.sampled_from([60, 400, 700]),
    room=st.integers(1, 6),
    ones=st.integers(0, 5),
    twos=st.integers(1, 4),
    lasts=st.lists(st.sampled_from([0.0, 0.5, 2.0]), min_size=9, max_size=9),
    failing=st.integers(0, 2),
    crash=st.booleans(),
)
def test_the_bounds_of_a_model_hold_whoever_asks_it(  # noqa: PLR0913 - what may vary
    *,
    at_once: int | None,
    rpm: int | None,
    tpm: int | None,
    room: int,
    ones: int,
    twos: int,
    lasts: list[float],
    failing: int,
    crash: bool,
) -> None:
    bounds = {"max_concurrency": at_once, "rpm": rpm, "tpm": tpm}
    written = ", ".join(f"{key}: {value}" for key, value in bounds.items() if value is not None)
    paths = [*(f"both/one[{n}]/call#1" for n in range(5)), *(f"both/two[{n}]/call#1" for n in range(4))]
    text = FLOW.format(bounds=written, room=room, ones=[1] * ones, twos=[1] * twos).replace(", }", "}")
    reply, used = model({}, failing)

    run = simulate(text, reply=reply, slow=dict(zip(paths, lasts, strict=True)), crash=crash)

    assert run.state.status == "completed", run.state.error
    assert run.twin.lines == run.state.lines == {}
    asked = Asked(run, used)
    assert asked.most_at_once <= min(at_once or room, room)
    assert asked.of_minutes(len) <= (rpm or len(asked.spans))
    assert asked.of_minutes(lambda tokens: sum(tokens) if len(tokens) > 1 else 0) <= (tpm or 10**9)
    if not failing:
        assert [step for step in asked.began if step in asked.waited] == asked.waited, "first come, first asked"


def test_waiting_for_a_turn_is_no_running_time_of_an_agent_or_a_workflow() -> None:
    reply, _ = model({}, 0)

    run = simulate(FLOW.format(bounds="rpm: 1", room=8, ones=[1, 2], twos=[1, 2]), reply=reply)

    assert run.state.status == "completed", "each of its nodes may take 28 s, the whole 30 s"
    assert run.now == 1000.0 + 3 * 60
    assert run.state.active == 0


def test_what_waits_for_its_turn_takes_no_room_of_others() -> None:
    text = """
    models: {m: {model: openai/x, max_concurrency: 1}}
    agents: {a: {model: m}}
    limits: {max_concurrency: 2}
    nodes:
      both:
        parallel:
          asked: {for_each: [1, 2, 3], do: {agent: a, prompt: Hi}}
          done: {for_each: [1, 2, 3], do: {command: [x]}}
    """
    slow = {f"both/asked[{n}]/call#1": 10.0 for n in range(3)}
    reply, _ = model({}, 0)

    def either(call: AnyCall, step: Step) -> Outcome:
        if "done" in step.path:
            return CallDone({"text": "", "stdout": "", "stderr": "", "exit_code": 0})
        return reply(call, step)

    run = simulate(text, reply=either, slow=slow)

    ends = {event.step: commit.at for commit in run.commits for event in commit.events if isinstance(event, StepEnded)}
    assert ends["both/done"] == 1000.0
    assert ends["both/asked"] == 1030.0


def test_a_call_that_alone_passes_its_tokens_is_asked_once_nothing_else_is() -> None:
    reply, _ = model({}, 0)

    run = simulate(FLOW.format(bounds="tpm: 10", room=8, ones=[1, 2], twos=[1]), reply=reply)

    assert (run.state.status, run.now) == ("completed", 1120.0)


def test_what_waits_and_why_is_recorded() -> None:
    reply, _ = model({}, 0)

    def words(bounds: str) -> list[str]:
        run = simulate(
            FLOW.format(bounds=bounds, room=8, ones=[1, 2, 3], twos=[1]),
            reply=reply,
            slow=dict.fromkeys((f"both/one[{n}]/call#1" for n in range(3)), 1.0),
        )
        return [event.prompt for event in run.log if isinstance(event, StepWaiting)]

    assert words("max_concurrency: 2")[0] == ("openai/x: as many calls as its max_concurrency allows are in flight")
    assert words("rpm: 2")[0] == "openai/x: as many calls as its rpm allows began within a minute"
    assert words("tpm: 400")[0] == "openai/x: its tpm allows no more tokens within this minute"
    assert words("rpm: 9") == []


@pytest.mark.parametrize("bounds", ["max_concurrency: 1", "rpm: 1"])
def test_a_call_that_is_cut_off_leaves_its_line(bounds: str) -> None:
    text = f"""
    models: {{m: {{model: openai/x, {bounds}}}}}
    agents: {{a: {{model: m}}}}
    nodes:
      race:
        parallel:
          first: {{agent: a, prompt: Hi}}
          second: {{agent: a, prompt: Hi}}
          third: {{agent: a, prompt: Hi}}
        join: any
        next: more
      more: {{agent: a, prompt: Hi}}
    """
    reply, _ = model({}, 0)

    run = simulate(text, reply=reply)

    assert (run.state.status, run.state.lines) == ("completed", {})
    assert all(not pace["running"] for pace in run.state.paces.values())


@pytest.mark.parametrize(("one", "other"), [(1, 2), (2, 1)])
def test_aliases_of_one_model_share_the_tightest_bounds_and_other_models_have_their_own(one: int, other: int) -> None:
    text = f"""
    models: {{m: {{model: openai/x, rpm: {one}}}, n: {{model: openai/x, rpm: {other}}}, o: {{model: openai/y, rpm: 3}}}}
    agents: {{a: {{model: m}}, b: {{model: o}}, c: {{model: openai/z}}}}
    nodes:
      all:
        parallel:
          xs: {{for_each: [1, 2], do: {{agent: a, prompt: Hi}}}}
          ys: {{for_each: [1, 2, 3], do: {{agent: b, prompt: Hi}}}}
          zs: {{for_each: [1, 2, 3, 4], do: {{agent: c, prompt: Hi}}}}
    """
    reply, _ = model({}, 0)

    run = simulate(text, reply=reply)

    waited = [event.step for event in run.log if isinstance(event, StepWaiting)]
    assert waited == ["all/xs[1]/call#1"]


def test_a_call_of_few_tokens_does_not_overtake_one_of_many() -> None:
    text = """
    models: {m: {model: openai/x, tpm: 600}}
    agents: {big: {model: m, max_reply_tokens: 400}, small: {model: m, max_reply_tokens: 10}}
    nodes:
      all:
        parallel:
          one: {agent: big, prompt: Hi}
          two: {agent: big, prompt: Hi}
          three: {agent: small, prompt: Hi}
    """
    reply, _ = model({}, 0)

    run = simulate(text, reply=reply, slow={"all/one/call#1": 5.0})

    assert Asked(run, {}).began == ["all/one/call#1", "all/two/call#1", "all/three/call#1"]


def test_what_a_call_may_take_counts_until_it_is_known_what_it_has() -> None:
    reply, _ = model({}, 0)
    slow = {f"both/one[{n}]/call#1": 1.0 for n in range(3)}

    run = simulate(FLOW.format(bounds="tpm: 400", room=8, ones=[1, 2, 3], twos=[]), reply=reply, slow=slow)

    assert run.now == 1002.0, "two at once; the third once these have taken less than they might have"


def test_a_call_that_was_refused_has_taken_no_tokens() -> None:
    reply, _ = model({}, 1)

    run = simulate(FLOW.format(bounds="tpm: 200", room=8, ones=[1], twos=[]), reply=reply)

    assert (run.state.status, run.now) == ("completed", 1001.0)


def at_moment(run: Simulation, commits: int) -> Live:
    """A run as it stood after so many commits."""
    state = RunState()
    for commit in run.commits[:commits]:
        fold(state, commit)
    return Live("run", run.live.workflow, state)


def test_what_a_crash_cut_off_counts_once_more() -> None:
    reply, _ = model({}, 0)
    run = simulate(
        FLOW.format(bounds="rpm: 9", room=8, ones=[1], twos=[]), reply=reply, slow={"both/one[0]/call#1": 9.0}
    )
    begun = next(
        number
        for number, commit in enumerate(run.commits, 1)
        if any(isinstance(event, AttemptStarted) and event.paced for event in commit.events)
    )
    live = at_moment(run, begun)

    advance(live, [TakenUp()], 1001.0)

    (pace,) = live.state.paces.values()
    assert [at for at, _ in pace["calls"].values()] == [1000.0, 1001.0]
    assert list(pace["running"]) == ["both/one[0]/call#1"]


def test_a_turn_that_finds_no_room_is_not_looked_for_again_and_again() -> None:
    text = """
    models: {m: {model: openai/x, rpm: 1}}
    limits: {max_concurrency: 1}
    nodes:
      asked: {for_each: [1, 2], do: {steps: [{agent: {model: m}, prompt: Hi}, {command: [x]}]}}
    """
    reply, _ = model({}, 0)

    def either(call: AnyCall, step: Step) -> Outcome:
        return reply(call, step) if isinstance(call, ModelCall) else succeed(call, step)

    run = simulate(text, reply=either, slow={"asked[0]/s2": 100.0})
    busy = next(number for number in range(len(run.commits), 0, -1) if run.commits[number - 1].at < 1060)
    timers = Timers(at_moment(run, busy), FixedClock(1060.0))

    assert timers.first_reached(1060.0) == 1060.0
    assert timers.reached(1060.0) == [TimeReached(())]
    assert (timers.first_reached(1061.0), timers.until_next()) == (None, inf)


def test_a_minute_that_lies_in_the_future_holds_nobody_back() -> None:
    pace = new_pace()
    count_call(pace, "a", 1, 1000.0, 70)

    assert left_in(pace, 1059.0) == (1, 70)
    assert left_in(pace, 1060.0) == left_in(pace, 900.0) == (0, 0)


def test_a_call_that_can_not_be_paid_yet_does_not_keep_the_turn_from_those_behind_it() -> None:
    text = """
    models: {m: {model: openai/x, max_concurrency: 1}, other: {model: openai/y}}
    agents: {ask: {model: m, max_reply_tokens: 400}, aside: {model: other, max_reply_tokens: 400}}
    nodes:
      all:
        parallel:
          first: {agent: ask, prompt: Hi}
          bounded:
            limits: {max_tokens: 1000}
            parallel:
              slow: {agent: aside, prompt: Hi}
              unpaid: {agent: ask, prompt: Hi}
          later:
            parallel:
              behind: {agent: ask, prompt: Hi}
              beside: {agent: aside, prompt: Hi}
    """
    reply, _ = model({}, 0)
    slow = {"all/first/call#1": 1.0, "all/bounded/slow/call#1": 5.0}

    run = simulate(text, reply=reply, slow=slow)

    began = Asked(run, {}).began
    assert began[-2:] == ["all/later/behind/call#1", "all/bounded/unpaid/call#1"]
    assert run.state.status == "completed"
