"""Budgets of money and tokens: what a call may use is set aside before it starts, whatever order calls end in."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.engine.scheduler import Live
from runner.engine.scheduler.budgets import FRAMING
from runner.engine.scheduler.happenings import AttemptEnded, TakenUp
from runner.ground.errors import Failure
from runner.record.events import (
    AttemptFailed,
    AttemptStarted,
    RunForked,
    RunResumed,
    RunStarted,
    StepEnded,
    StepWaiting,
)
from runner.record.run_state import RunState, Step
from runner.record.usage import Reservation, Usage, picos
from runner.world.calls import AnyCall, CallDone, CallFailed, ModelCall, NoReply, Outcome
from tests.simulation import Simulation, compiled, simulate

REPLY = {"text": "hi", "message": {}, "finish": "stop", "tool_calls": []}
PER_MILLION = 1e6


def bound_of(call: ModelCall) -> int:
    """The most tokens that a prompt may be: its bytes, and what frames it."""
    return len(msgspec.json.encode((call.messages, call.tools, call.output_schema))) + FRAMING


def pay(call: ModelCall, prompt: int, reply: int) -> Usage:
    """What a server that honours the call's price asks for so many tokens."""
    assert call.price is not None
    return Usage(call.model, prompt, reply, (prompt * call.price.input + reply * call.price.output) / PER_MILLION)


def whole(call: AnyCall, _step: Step) -> Outcome:
    """Every call uses all that was reserved for it."""
    assert isinstance(call, ModelCall)
    return CallDone(REPLY, pay(call, bound_of(call), call.max_reply_tokens))


def calls_of(run: Simulation) -> list[str]:
    """The attempts of model calls that were started, in order."""
    return [event.step for event in run.log if isinstance(event, AttemptStarted)]


def fan(limits: str, inner: str = "", models: str = "", node: str = "") -> str:
    return f"""
    models:
      m: {{model: openai/m, max_reply_tokens: 100, price: {{input: 1, output: 2}}}}
      cheap: {{model: openai/c, max_reply_tokens: 100, price: {{input: 0.01, output: 0.02}}}}
      {models}
    limits: {limits}
    inputs: {{n: {{type: array, items: {{type: integer}}}}}}
    agents: {{a: {{model: m}}}}
    nodes:
      all:
        for_each: inputs.n
        do: {{agent: a, prompt: "Say {{{{ item }}}}"{inner}}}
        {node}
    outputs: {{said: "{{{{ nodes.all.output }}}}", left: "{{{{ run.budget_left_usd }}}}"}}
    """


ONE = FRAMING + len(msgspec.json.encode(([{"role": "user", "content": "Say 1"}], (), None)))
"""Tokens that the prompt of a call of such a fan may be."""

COST = (ONE + 200) / PER_MILLION


def test_no_more_calls_start_than_are_paid_for_and_the_run_fails() -> None:
    run = simulate(fan(f"{{max_cost_usd: {COST * 3:.9f}}}"), inputs={"n": [1] * 9}, reply=whole)
    assert (run.outcome, len(calls_of(run)), run.state.tokens) == ("credit_exhausted", 3, 3 * (ONE + 100))
    assert run.state.error is not None
    assert run.state.error["details"] == {
        "source": "budget",
        "of": "",
        "limit": "max_cost_usd",
        "most": pytest.approx(COST * 3),
        "left": pytest.approx(0.0),
        "needed": pytest.approx(COST),
    }


def test_tokens_are_bounded_alike() -> None:
    run = simulate(fan(f"{{max_tokens: {(ONE + 100) * 4}}}"), inputs={"n": [1] * 9}, reply=whole)
    assert (run.outcome, len(calls_of(run))) == ("credit_exhausted", 4)


def test_what_calls_do_not_use_is_there_for_others() -> None:
    def half(call: AnyCall, _step: Step) -> Outcome:
        assert isinstance(call, ModelCall)
        return CallDone(REPLY, pay(call, ONE // 2, 50))

    run = simulate(fan(f"{{max_cost_usd: {COST * 3:.9f}}}"), inputs={"n": [1] * 5}, reply=half)
    left = picos(COST * 3) - 5 * picos((ONE // 2 + 100) / PER_MILLION)
    assert run.outcome == {"said": ["hi"] * 5, "left": pytest.approx(left / 1e12)}


def test_what_may_fit_later_waits_in_the_queue() -> None:
    text = fan(f"{{max_cost_usd: {COST * 1.5:.9f}}}")
    run = simulate(text, inputs={"n": [1, 1]}, reply=lambda call, step: CallDone(REPLY, Usage("m", 1, 1, 0.0)))
    assert run.outcome["said"] == ["hi", "hi"]
    started = [
        number
        for number, commit in enumerate(run.commits)
        for event in commit.events
        if isinstance(event, AttemptStarted)
    ]
    assert started[0] != started[1], "the second starts once the first has settled"


def test_a_handled_failure_does_not_fail_the_run() -> None:
    text = fan(f"{{max_cost_usd: {COST * 2:.9f}}}", inner=", on_error: continue")
    run = simulate(text, inputs={"n": [1] * 5}, reply=whole)
    assert run.outcome["said"] == ["hi", "hi", None, None, None]


def test_a_cheaper_model_takes_over_that_fits() -> None:
    text = fan(f"{{max_cost_usd: {COST * 2.1:.9f}}}", inner=", fallback: [cheap]")
    asked: list[str] = []

    def reply(call: AnyCall, step: Step) -> Outcome:
        assert isinstance(call, ModelCall)
        asked.append(call.model)
        return whole(call, step)

    run = simulate(text, inputs={"n": [1] * 6}, reply=reply)
    assert run.outcome["said"] == ["hi"] * 6
    assert sorted(asked) == ["openai/c"] * 4 + ["openai/m"] * 2


def test_no_retry_takes_a_budget_that_is_used_up() -> None:
    text = fan(f"{{max_cost_usd: {COST / 2:.9f}}}", inner=", retry: {max_attempts: 5, errors: all}")
    run = simulate(text, inputs={"n": [1]}, reply=whole)
    assert (run.outcome, run.now, calls_of(run)) == ("credit_exhausted", 1000.0, [])


def test_a_run_that_is_to_pause_waits_for_a_larger_budget() -> None:
    run = simulate(fan(f"{{max_cost_usd: {COST * 2:.9f}, on_exhausted: pause}}"), inputs={"n": [1] * 5}, reply=whole)
    waits = [event for event in run.log if isinstance(event, StepWaiting)]
    assert (run.state.status, run.lacks_money, len(waits), len(calls_of(run))) == ("running", True, 3, 2)
    assert {(wait.kind, wait.raised_by_option) for wait in waits} == {("budget", True)}


@pytest.mark.parametrize(
    ("outcome", "paid"),
    [
        (CallFailed(Failure("request_refused", "no")), 0),
        (CallFailed(Failure("timeout", "slow"), usage=Usage("m", counted=False)), COST),
        (CallFailed(Failure("output_invalid", "empty"), usage=Usage("m", 10, 20, 0.00001)), 0.00001),
        (CallDone(REPLY, Usage("m", counted=False)), COST),
        (CallDone(REPLY, Usage("m", 10, 20, None)), COST),
        (CallDone(REPLY, Usage("m", 10, 20, 0.00002)), 0.00002),
    ],
    ids=["refused", "timed out", "failed and counted", "uncounted", "unpriced", "counted"],
)
def test_a_call_settles_at_what_it_used_or_else_keeps_its_reservation(outcome: Outcome, paid: float) -> None:
    text = fan("{max_cost_usd: 1}", inner=", retry: 1, on_error: continue")
    run = simulate(text, inputs={"n": [1]}, reply=lambda _call, _step: outcome)
    assert run.outcome["left"] == pytest.approx(1 - paid, abs=1e-12)


def test_failed_attempts_settle_too() -> None:
    def reply(call: AnyCall, step: Step) -> Outcome:
        if step.attempt == 1:
            return CallFailed(Failure("llm_down", "no"), usage=Usage("m", 10, 0, 0.00001))
        return CallDone(REPLY, Usage("m", 10, 20, 0.00002))

    run = simulate(fan("{max_cost_usd: 1}"), inputs={"n": [1]}, reply=reply)
    assert run.outcome["left"] == pytest.approx(1 - 0.00003, abs=1e-12)


def test_what_is_counted_beyond_a_reservation_closes_the_budget() -> None:
    def reply(call: AnyCall, _step: Step) -> Outcome:
        assert isinstance(call, ModelCall)
        return CallDone(REPLY, pay(call, bound_of(call), call.max_reply_tokens + 1))

    text = fan("{max_cost_usd: 1, max_concurrency: 1}")
    run = simulate(text, inputs={"n": [1] * 5}, reply=reply)
    assert (run.outcome, calls_of(run), run.state.tokens) == ("credit_exhausted", ["all[0]/call#1"], ONE + 101)
    assert run.state.error is not None
    assert "a provider counted more for a call than was reserved for it" in run.state.error["message"]


def test_a_node_has_a_budget_of_its_own_for_each_visit() -> None:
    text = fan("{max_cost_usd: 1}", node=f"limits: {{max_tokens: {(ONE + 100) * 2}}}")
    run = simulate(text, inputs={"n": [1] * 5}, reply=whole)
    assert (run.outcome, len(calls_of(run))) == ("credit_exhausted", 2)
    assert run.state.error is not None
    assert run.state.error["message"].startswith("the budget of 'all' does not hold this call: the call may use")


def test_an_agent_has_one_for_each_visit_and_its_node_says_it_instead() -> None:
    text = fan("{}", inner=", on_error: continue").replace("{model: m}", f"{{model: m, limits: {{max_tokens: {ONE}}}}}")
    assert simulate(text, inputs={"n": [1]}, reply=whole).outcome["said"] == [None]
    more = text.replace("agent: a,", f"agent: a, limits: {{max_tokens: {ONE + 100}}},")
    assert simulate(more, inputs={"n": [1, 1]}, reply=whole).outcome["said"] == ["hi", "hi"]


def test_a_called_workflow_has_its_own_within_that_of_its_caller() -> None:
    child = fan(f"{{max_cost_usd: {COST * 2:.9f}}}", inner=", on_error: continue")
    text = """
    limits: {max_cost_usd: %s}
    inputs: {n: {type: array, items: {type: integer}}}
    steps:
    - {id: one, workflow: child.yaml, with: {n: "{{ inputs.n }}"}}
    - {id: two, workflow: child.yaml, with: {n: "{{ inputs.n }}"}}
    outputs: {one: "{{ nodes.one.output.said }}", two: "{{ nodes.two.output.said }}"}
    """
    files, inputs = {"child.yaml": child}, {"n": [1] * 3}
    run = simulate(text % f"{COST * 3:.9f}", files=files, inputs=inputs, reply=whole)
    assert run.outcome == {"one": ["hi", "hi", None], "two": ["hi", None, None]}


def test_rescue_and_finally_have_no_fresh_money() -> None:
    text = f"""
    models: {{m: {{model: openai/m, max_reply_tokens: 100, price: {{input: 1, output: 2}}}}}}
    limits: {{max_cost_usd: {COST:.9f}}}
    nodes:
      first: {{agent: {{model: m}}, prompt: Say 1, next: bad}}
      bad: {{fail: {{type: mine, message: no}}}}
    rescue: {{agent: {{model: m}}, prompt: Say 2}}
    finally: {{agent: {{model: m}}, prompt: Say 3}}
    """.replace("bad: {fail: {type: mine, message: no}}", "bad: {end: failed}")
    run = simulate(text, reply=whole)
    assert calls_of(run) == ["first/call#1"]


def begun(text: str, count: int) -> Simulation:
    """A run whose first calls are in flight."""
    loaded = compiled(text)
    run = Simulation(Live("run", loaded.workflow, RunState()))
    run.take([RunStarted("simulated", "", loaded.hash, {"n": [1] * count}, {})])
    return run


def taken_up(run: Simulation) -> list[AttemptStarted | StepWaiting | StepEnded]:
    """What is recorded as another process takes the run up."""
    before = len(run.log)
    run.take([RunResumed(2), TakenUp()])
    return [event for event in run.log[before:] if isinstance(event, AttemptStarted | StepWaiting | StepEnded)]


def test_what_was_reserved_for_a_call_that_a_crash_cut_off_counts_as_used() -> None:
    run = begun(fan(f"{{max_cost_usd: {COST * 5:.9f}}}"), 2)
    assert (len(run.state.running), run.state.taken) == (2, 2 * picos(COST))
    again = [event for event in taken_up(run) if isinstance(event, AttemptStarted)]
    assert [(event.step, event.attempt, event.again) for event in again] == [
        ("all[0]/call#1", 2, True),
        ("all[1]/call#1", 2, True),
    ]
    assert run.state.taken == 4 * picos(COST)


def test_a_call_that_a_crash_cut_off_waits_until_another_has_settled() -> None:
    run = begun(fan(f"{{max_cost_usd: {COST * 3.5:.9f}}}"), 2)
    taken_up(run)
    assert [*run.state.running] == ["all[0]/call#1"]
    run.take([AttemptEnded("all[0]/call#1", 2, CallDone(REPLY, Usage("m", 1, 1, 0.0)))])
    assert [*run.state.running] == ["all[1]/call#1"]
    last = [event for event in run.log if isinstance(event, AttemptStarted)][-1]
    assert (last.attempt, last.again) == (2, True)


def test_a_call_that_a_crash_cut_off_fails_if_no_other_fits() -> None:
    run = begun(fan(f"{{max_cost_usd: {COST * 1.5:.9f}}}"), 1)
    taken_up(run)
    assert (run.outcome, run.state.taken) == ("credit_exhausted", picos(COST))


def test_a_call_that_is_to_fail_after_a_crash_keeps_its_reservation_too() -> None:
    run = begun(fan("{max_cost_usd: 1}", inner=", on_crash: fail"), 1)
    taken_up(run)
    assert (run.outcome, run.state.taken, run.state.uncounted) == ("interrupted", picos(COST), 1)


SAME = compiled(fan("{max_cost_usd: 100, max_concurrency: 1, on_exhausted: pause}")).hash


@pytest.mark.parametrize(
    ("gone_on", "is_closed"),
    [
        (RunResumed(2), True),
        (RunResumed(2, definition=SAME), True),
        (RunResumed(2, definition="another"), False),
        (RunResumed(2, options={"max_cost_usd": 200}), False),
        (RunForked("run", 9, "simulated", "", SAME), True),
        (RunForked("run", 9, "simulated", "", "another"), False),
        (RunForked("run", 9, "simulated", "", SAME, options={"max_cost_usd": 200}), False),
    ],
)
def test_another_file_or_bound_opens_a_budget_that_a_call_has_closed(
    gone_on: RunResumed | RunForked, is_closed: bool
) -> None:
    run = begun(fan("{max_cost_usd: 100, max_concurrency: 1, on_exhausted: pause}"), 2)
    run.take([AttemptEnded("all[0]/call#1", 1, CallDone(REPLY, Usage("m", 100_000, 1, 1.0)))])
    assert run.lacks_money
    run.take([gone_on])
    assert [*run.state.running] == ([] if is_closed else ["all[1]/call#1"])


def test_a_scripted_reply_that_is_missing_costs_nothing() -> None:
    run = begun(fan("{max_cost_usd: 1}"), 1)
    run.take([AttemptEnded("all[0]/call#1", 1, NoReply("no reply"))])
    assert run.state.taken == 0
    assert [event.step for event in taken_up(run)] == ["all[0]/call#1"]
    assert run.state.taken == picos(COST)


def test_a_model_whose_price_nobody_knows_is_not_asked_where_money_is_bounded() -> None:
    text = fan("{max_cost_usd: 1}").replace(", price: {input: 1, output: 2}", "")
    run = simulate(text, inputs={"n": [1]}, reply=whole)
    assert (run.outcome, calls_of(run)) == ("credit_exhausted", [])
    assert run.state.error is not None
    assert "what openai/m costs is not known: give its alias under models: `price: " in run.state.error["message"]


def test_another_model_for_an_alias_does_not_have_its_price() -> None:
    options = {"models": {"m": "openai/dear"}}
    run = simulate(fan("{max_cost_usd: 1}"), inputs={"n": [1]}, reply=whole, options=options)
    assert run.state.error is not None
    assert "what openai/dear costs is not known" in run.state.error["message"]


def test_recorded_prices_bound_what_the_file_does_not_price() -> None:
    text = fan(f"{{max_cost_usd: {COST * 2:.9f}}}").replace(", price: {input: 1, output: 2}", "")
    counted = CallDone(REPLY, Usage("m", ONE, 100, COST))
    run = simulate(
        text, inputs={"n": [1] * 5}, reply=lambda _call, _step: counted, options={"prices": {"openai/m": [1, 2]}}
    )
    assert (run.outcome, len(calls_of(run))) == ("credit_exhausted", 2)


def test_only_a_budget_reserves() -> None:
    run = simulate(fan("{max_steps: 50}"), inputs={"n": [1]}, reply=whole)
    assert [event.reserves for event in run.log if isinstance(event, AttemptStarted)] == [None]
    assert run.outcome["left"] is None


class Server:
    """A model server that counts what it is asked for, by step; `honest` ones never more than is bounded."""

    def __init__(self, chance: random.Random, *, honest: bool) -> None:
        self.random = chance
        self.honest = honest
        self.counted: dict[str, list[Usage]] = {}

    def reply(self, call: AnyCall, step: Step) -> Outcome:
        assert isinstance(call, ModelCall)
        prompt = self.random.randint(1, bound_of(call))
        said = self.random.choice([0, call.max_reply_tokens, self.random.randint(0, call.max_reply_tokens)])
        kind = self.random.random()
        if kind < 0.1:
            return CallFailed(Failure("request_refused", "no"))
        if not self.honest and kind > 0.8:
            prompt, said = bound_of(call), call.max_reply_tokens + 1
        usage = pay(call, prompt, said)
        self.counted.setdefault(step.path, []).append(usage)
        if kind < 0.3:
            return CallFailed(Failure("llm_down", "no"), usage=usage)
        return CallDone(REPLY, usage)

    def total(self, inside: str = "") -> tuple[int, int]:
        """The tokens and the money that were counted for the calls inside a step."""
        used = [usage for path, usages in self.counted.items() if path.startswith(inside) for usage in usages]
        return sum(usage.tokens for usage in used), sum(picos(usage.cost_usd or 0.0) for usage in used)


Limits = dict[str, Any]
budgets = st.fixed_dictionaries(
    {},
    optional={
        "max_cost_usd": st.integers(0, 9000).map(lambda micros: micros / 1e6),
        "max_tokens": st.integers(0, 9000),
        "on_exhausted": st.sampled_from(["fail", "pause"]),
    },
)
prices = st.integers(0, 5_000_000).map(lambda micros: micros / 1e6)
"""USD per million tokens, of the finest grain that a price list has."""


def flow(run: Limits, node: Limits, child: Limits, price: tuple[float, float], handled: bool) -> tuple[str, str]:
    """A workflow with branches, a called workflow and cheaper models, and the called one."""
    models = f"""
    models:
      m: {{model: openai/m, max_reply_tokens: 300, price: {{input: {price[0]!r}, output: {price[1]!r}}}}}
      n: {{model: openai/n, max_reply_tokens: 50, price: {{input: {price[0] / 10!r}, output: {price[1] / 10!r}}}}}
    agents: {{a: {{model: m, fallback: [n]}}}}
    """
    more = "on_error: continue, " if handled else ""
    own = f"limits: {written(node)}" if node else ""
    return (
        f"""{models}
    limits: {written({**run, "max_concurrency": 5})}
    nodes:
      fan:
        for_each: "[1, 2, 3, 4, 5, 6]"
        do: {{{more}agent: a, prompt: "Say {{{{ item }}}}"}}
        on_error: continue
        {own}
        next: called
      called: {{workflow: child.yaml, on_error: continue}}
    """,
        f"""{models}
    limits: {written({**child, "max_concurrency": 3})}
    nodes:
      fan:
        for_each: "[1, 2, 3]"
        do: {{{more}agent: a, prompt: "Go on"}}
    """,
    )


def written(limits: Limits) -> str:
    return "{" + ", ".join(f"{name}: {value}" for name, value in limits.items()) + "}"


def within(limits: Limits, total: tuple[int, int]) -> bool:
    tokens, money = total
    most = limits.get("max_cost_usd")
    return tokens <= limits.get("max_tokens", tokens) and (most is None or money <= picos(most))


@given(
    st.tuples(budgets, budgets, budgets),
    st.tuples(prices, prices),
    st.booleans(),
    st.booleans(),
    st.randoms(use_true_random=True),
)
@settings(max_examples=1000, deadline=None)
def test_no_budget_is_overshot(
    limits: tuple[Limits, Limits, Limits], price: tuple[float, float], handled: bool, crash: bool, chance: random.Random
) -> None:
    run, server = simulated(limits, price, handled=handled, crash=crash, chance=chance, honest=True)
    assert (run.state.tokens, run.state.taken - cut_off(run)) == server.total(), "the ledger is what the server counted"
    assert all(within(budget, server.total(place)) for budget, place in zip(limits, PLACES, strict=True))


@given(
    st.tuples(budgets, budgets, budgets),
    st.tuples(prices, prices),
    st.booleans(),
    st.booleans(),
    st.randoms(use_true_random=True),
)
@settings(max_examples=200, deadline=None)
def test_a_server_that_counts_more_closes_the_budget(
    limits: tuple[Limits, Limits, Limits], price: tuple[float, float], handled: bool, crash: bool, chance: random.Random
) -> None:
    limits = ({"max_tokens": 9000, **limits[0]}, *limits[1:])
    run, server = simulated(limits, price, handled=handled, crash=crash, chance=chance, honest=False)
    assert run.state.tokens == server.total()[0]
    overruns = [number for number, end, most in landings(run) if end.usage and end.usage.tokens > most.tokens]
    assert not any(isinstance(event, AttemptStarted) for event in run.log[min(overruns, default=len(run.log)) :])


PLACES = ("", "fan", "called")
"""The steps that the budgets of such a flow are of."""


def landings(run: Simulation) -> Iterator[tuple[int, AttemptFailed | StepEnded, Reservation]]:
    """The ends of attempts, by their numbers, each with what had been reserved for it."""
    reserved: dict[str, Reservation] = {}
    for number, event in enumerate(run.log):
        if isinstance(event, AttemptStarted):
            reserved[event.step] = event.reserves or Reservation(0)
        if isinstance(event, AttemptFailed | StepEnded) and event.step in reserved:
            yield number, event, reserved.pop(event.step)


def cut_off(run: Simulation) -> int:
    """What stays reserved for calls that were cut off: nobody knows what they used."""
    ends = ((end, most) for _, end, most in landings(run) if isinstance(end, StepEnded))
    return sum(most.picos for end, most in ends if end.status == "cancelled")


def simulated(
    limits: tuple[Limits, Limits, Limits],
    price: tuple[float, float],
    *,
    handled: bool,
    crash: bool,
    chance: random.Random,
    honest: bool,
) -> tuple[Simulation, Server]:
    text, child = flow(*limits, price, handled)
    server = Server(chance, honest=honest)
    run = simulate(text, files={"child.yaml": child}, reply=server.reply, order=chance.choice, crash=crash)
    assert vars(run.twin)["taken"] == run.state.taken
    return run, server
