"""What a crash cut off is asked about, before it runs again: by its check, or by a person."""

from __future__ import annotations

from typing import Any

import pytest

from runner.engine.scheduler.happenings import Answered, AttemptEnded, TakenUp
from runner.engine.scheduler.live import Live
from runner.ground.errors import Failure
from runner.record.address import ROOT
from runner.record.events import (
    AttemptStarted,
    RunForked,
    RunResumed,
    RunStarted,
    StepChecked,
    StepEnded,
    StepInterrupted,
)
from runner.record.run_state import RunState
from runner.record.snapshot import decode_state, encode_state
from runner.record.usage import Usage
from runner.world.calls import CallDone, CallFailed, CommandCall
from tests.simulation import Simulation, compiled, started

ALLOWED = "permissions: {commands: [sh]}\n"
LOOK = "on_crash: {check: {command: [y], parse: json}}"
PAY = f"{ALLOWED}nodes: {{pay: {{command: [x], {LOOK}}}}}\noutputs: {{said: '{{{{ nodes.pay.output.text }}}}'}}\n"
PRINTED = {"stdout": "paid\n", "stderr": "", "text": "paid", "exit_code": 0}


class Crashing(Simulation):
    """A run whose process ends, and which another takes up from what is recorded."""

    def crash(self) -> None:
        self.live = Live("run", self.live.workflow, decode_state(encode_state(self.state)))
        self.twin = decode_state(encode_state(self.twin))
        self.take([RunResumed(2), TakenUp()])
        self.go_on()

    def go_on(self) -> None:
        while self.state.ready and self.state.status == "running":
            self.take([])
        self.take([])
        assert encode_state(self.state) == encode_state(self.twin)

    def end(self, step: str, **output: Any) -> None:
        self.give(step, CallDone({**PRINTED, **output}))

    def give(self, step: str, outcome: CallDone | CallFailed) -> None:
        self.take([AttemptEnded(step, self.state.steps[step].attempt, outcome)])
        self.go_on()

    def answer(self, step: str, value: Any) -> None:
        self.take([Answered(step, value)])
        self.go_on()

    @property
    def verdicts(self) -> list[tuple[int, str, str]]:
        return [(event.attempt, event.verdict, event.by) for event in self.log if isinstance(event, StepChecked)]

    @property
    def asked(self) -> str:
        [waiting] = [self.state.steps[path].waiting for path in self.state.waiting]
        assert waiting is not None
        return waiting.prompt


def begun(text: str) -> Crashing:
    loaded = compiled(text)
    run = Crashing(Live("run", loaded.workflow, RunState()))
    state = {name: key.default for name, key in loaded.workflow.state.items()}
    run.take([RunStarted(loaded.workflow.name, "", loaded.hash, {}, state)])
    run.go_on()
    return run


def crashed(text: str = PAY) -> Crashing:
    run = begun(text)
    run.crash()
    return run


def test_a_check_that_finds_it_done_ends_the_step_with_the_output_that_it_tells() -> None:
    run = crashed()
    assert started(run) == ["pay", "pay/check"]
    run.end("pay/check", json={"done": True, "output": {"stdout": "paid\n"}})
    assert (started(run), run.outcome) == (["pay", "pay/check"], {"said": "paid"})
    assert run.verdicts == [(1, "done", "check")]


def test_a_check_that_finds_it_not_done_lets_it_run_again() -> None:
    run = crashed()
    run.end("pay/check", json={"done": False})
    assert started(run) == ["pay", "pay/check", "pay"]
    last = [event for event in run.log if isinstance(event, AttemptStarted)][-1]
    assert (last.step, last.attempt, last.again) == ("pay", 2, True)
    run.end("pay", text="now")
    assert (run.outcome, run.verdicts) == ({"said": "now"}, [(1, "again", "check")])


@pytest.mark.parametrize(
    "given",
    [
        CallDone(PRINTED),
        CallDone({**PRINTED, "json": None}),
        CallDone({**PRINTED, "json": {"done": "yes"}}),
        CallDone({**PRINTED, "json": {"done": None, "output": {"stdout": ""}}}),
        CallDone({**PRINTED, "json": {"done": 1, "output": {"stdout": ""}}}),
        CallDone({**PRINTED, "json": {"done": True}}),
        CallDone({**PRINTED, "json": {"done": True, "output": "paid"}}),
        CallDone({**PRINTED, "json": {"done": True, "output": {"stdout": 7}}}),
        CallDone({**PRINTED, "json": {"done": True, "output": {"stdout": "", "exit_code": 1}}}),
        CallDone({**PRINTED, "json": {"done": True, "outputs": {"stdout": ""}, "output": {"stdout": ""}}}),
        CallDone({**PRINTED, "json": {"done": False, "output": {"stdout": ""}}}),
        CallDone({**PRINTED, "json": {"done": 0}}),
        CallFailed(Failure("tool_failed", "the bank is closed")),
    ],
)
def test_whatever_else_comes_of_a_check_waits_for_a_person(given: CallDone | CallFailed) -> None:
    run = crashed()
    run.give("pay/check", given)
    assert (started(run), list(run.state.waiting)) == (["pay", "pay/check"], ["pay"])
    assert "whether it was done is not known" in run.asked
    assert "run/pay" in run.asked


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [({"done": True, "output": {"stdout": "told\n"}}, {"said": "told"}), ("fail", "interrupted")],
)
def test_a_person_ends_what_no_check_finds_out(answer: Any, outcome: Any) -> None:
    run = crashed()
    run.end("pay/check")
    run.answer("pay", answer)
    assert (started(run), run.outcome) == (["pay", "pay/check"], outcome)
    assert run.verdicts == [(1, "fail" if answer == "fail" else "done", "person")]


def test_a_person_lets_it_run_again() -> None:
    run = crashed()
    run.end("pay/check")
    run.answer("pay", "again")
    assert started(run) == ["pay", "pay/check", "pay"]
    assert not run.state.waiting


def test_a_person_who_chose_fail_is_not_overruled_by_a_retry() -> None:
    run = crashed(PAY.replace("command: [x]", "command: [x], retry: {errors: all}"))
    run.end("pay/check")
    run.answer("pay", "fail")
    assert (started(run), run.outcome) == (["pay", "pay/check"], "interrupted")


def test_an_output_that_can_not_be_parsed_as_the_step_s_is_asked_for_again() -> None:
    run = crashed(PAY.replace("command: [x]", "command: [x], parse: json"))
    run.end("pay/check", json={"done": True, "output": {"stdout": "paid"}})
    assert "can't be its own: what 'x' printed is not JSON" in run.asked
    run.answer("pay", {"done": True, "output": {"stdout": "also no JSON"}})
    assert list(run.state.waiting) == ["pay"]
    run.answer("pay", {"done": True, "output": {"stdout": "[1]\n"}})
    assert run.outcome == {"said": "[1]"}


def test_an_output_that_is_told_is_set_and_routed_as_the_step_s_own() -> None:
    node = f"{{command: [x], {LOOK}, set: {{n: '{{{{ output.text }}}}'}}, next: b}}"
    run = crashed(f"{ALLOWED}state: {{n: {{type: string, default: ''}}}}\nnodes: {{pay: {node}, b: {{command: [z]}}}}")
    run.end("pay/check", json={"done": True, "output": {"stdout": "7"}})
    assert (started(run)[-1], run.state.frames[ROOT].state["n"]) == ("b", "7")


STEPS = f"""
{ALLOWED}
state: {{n: {{type: integer, default: 3}}}}
nodes:
  each:
    for_each: ["a", "b"]
    max_concurrency: 1
    do:
      command: [x]
      on_crash:
        check:
          steps:
            - {{id: first, command: [y, "{{{{ item }}}} {{{{ state.n }}}} {{{{ idempotency_key }}}}"], set: {{n: 4}}}}
            - {{id: second, command: [z, "{{{{ state.n }}}}"], parse: json}}
outputs: {{n: "{{{{ state.n }}}}"}}
"""


def argv(run: Crashing, step: str) -> tuple[str, ...]:
    call = run.live.calls[step]
    assert isinstance(call, CommandCall)
    return call.argv


def test_a_check_sees_what_its_step_does_and_its_key_and_what_it_writes_ends_with_it() -> None:
    run = crashed(STEPS)
    assert argv(run, "each[0]/check/first") == ("y", "a 3 run/each[0]")
    run.end("each[0]/check/first")
    assert argv(run, "each[0]/check/second") == ("z", "4")
    run.end("each[0]/check/second", json={"done": True, "output": {"stdout": ""}})
    run.end("each[1]")
    assert run.outcome == {"n": 3}


def test_a_crash_in_a_check_goes_on_with_it_and_runs_nothing_of_it_again_that_is_done() -> None:
    run = crashed(STEPS)
    run.end("each[0]/check/first")
    run.crash()
    assert started(run) == ["each[0]", *(f"each[0]/check/{name}" for name in ("first", "second", "second"))]
    run.end("each[0]/check/second", json={"done": False})
    assert started(run)[-1] == "each[0]"


def test_each_attempt_that_is_cut_off_is_asked_about_by_itself() -> None:
    run = crashed()
    run.end("pay/check", json={"done": False})
    run.crash()
    assert started(run) == ["pay", "pay/check", "pay", "pay~2/check"]
    run.end("pay~2/check", json={"done": True, "output": {"stdout": "2"}})
    assert (run.outcome, run.verdicts) == ({"said": "2"}, [(1, "again", "check"), (2, "done", "check")])
    assert run.state.checked["pay"] == [
        {"attempt": 1, "verdict": "again", "by": "check"},
        {"attempt": 2, "verdict": "done", "by": "check"},
    ]


def test_a_crash_while_a_person_is_asked_leaves_the_question_open() -> None:
    run = crashed()
    run.end("pay/check")
    run.crash()
    assert (started(run), list(run.state.waiting)) == (["pay", "pay/check"], ["pay"])
    run.answer("pay", "again")
    assert started(run)[-1] == "pay"


def test_what_runs_again_waits_for_room() -> None:
    one, steps = f"{{command: [x], {LOOK}}}", "{steps: [{command: [z]}, {command: [z]}]}"
    run = crashed(f"{ALLOWED}limits: {{max_concurrency: 1}}\nnodes: {{both: {{parallel: {{a: {one}, b: {steps}}}}}}}")
    run.end("both/b/s1")
    run.end("both/a/check")
    assert list(run.state.running) == ["both/b/s2"]
    run.answer("both/a", "again")
    assert list(run.state.running) == ["both/b/s2"]
    run.end("both/b/s2")
    assert list(run.state.running) == ["both/a"]


def test_a_sibling_s_failure_cuts_off_a_check() -> None:
    one = f"{{command: [x], {LOOK}}}"
    run = crashed(f"{ALLOWED}nodes: {{both: {{parallel: {{a: {one}, b: {{command: [z]}}}}}}}}")
    run.give("both/b", CallFailed(Failure("tool_failed", "no")))
    assert run.outcome == "tool_failed"
    assert "both/a/check:cancelled" in run.ended


TOOL = """
permissions: {commands: [sh]}
state: {n: {type: integer, default: 3}}
tools:
  charge:
    command: [x, "{{ inputs.amount }}"]
    inputs: {amount: {type: integer}, to: {type: string, default: bank}}
    on_crash: {check: {command: [y, "{{ inputs.amount }} {{ inputs.to }} {{ idempotency_key }}"], parse: json}}
"""


@pytest.mark.parametrize(
    ("own", "then"),
    [("", ["pay", "pay/check"]), (", on_crash: retry", ["pay", "pay"]), (", on_crash: fail", ["pay"])],
)
def test_a_tool_says_what_becomes_of_its_calls_unless_the_node_does(own: str, then: list[str]) -> None:
    run = crashed(f"{TOOL}nodes: {{pay: {{tool: charge, with: {{amount: 7}}{own}}}}}")
    assert started(run) == then


ASKING = f"""
{TOOL}
models: {{m: {{model: openai/m}}}}
agents: {{clerk: {{model: m, tools: [charge]}}}}
nodes: {{ask: {{agent: clerk, prompt: pay}}}}
outputs: {{said: "{{{{ nodes.ask.output }}}}"}}
"""

WANTS = {"text": "", "finish": "tool_calls", "tool_calls": [{"id": "c", "tool": "charge", "with": {"amount": 7}}]}
SAYS = {"text": "paid", "finish": "stop", "tool_calls": []}


def in_call(text: str = ASKING) -> Crashing:
    run = begun(text)
    run.give("ask/call#1", CallDone(WANTS))
    run.crash()
    return run


def test_the_call_of_an_agent_s_tool_is_asked_about_with_the_arguments_and_the_key_of_that_call() -> None:
    run = in_call()
    assert started(run) == ["ask/call#1", "ask/call#2", "ask/call#2/check"]
    check = run.state.frames["ask/call#2/check"]
    assert check.variables == {"idempotency_key": "run/ask/call#2", "inputs": {"amount": 7, "to": "bank"}}
    run.end("ask/call#2/check", json={"done": True, "output": {"stdout": "7\n"}})
    assert started(run)[-1] == "ask/call#3"
    run.give("ask/call#3", CallDone(SAYS))
    assert run.outcome == {"said": "paid"}


@pytest.mark.parametrize(
    ("answer", "said"), [("fail", "a person chose"), ({"done": True, "output": {"stdout": "by hand"}}, "by hand")]
)
def test_a_person_decides_about_an_agent_s_call(answer: Any, said: str) -> None:
    run = in_call()
    run.end("ask/call#2/check")
    assert list(run.state.waiting) == ["ask/call#2"]
    run.answer("ask/call#2", answer)
    assert started(run)[-1] == "ask/call#3"
    assert said in str(run.state.steps["ask"].memory["messages"][-1]["content"])


def test_an_agent_s_own_word_is_for_the_calls_of_which_no_tool_says_one() -> None:
    run = begun(ASKING.replace("prompt: pay", "prompt: pay, on_crash: fail"))
    run.give("ask/call#1", CallDone(WANTS))
    run.crash()
    assert started(run)[-1] == "ask/call#2/check"
    run.end("ask/call#2/check", json={"done": True, "output": {"stdout": "7\n"}})
    run.crash()
    assert run.outcome == "interrupted"


def asking_a_judge(prompt: str) -> str:
    """The check of an agent's tool asks another agent; what both may take is bound by the first one's node."""
    judge = f"{{agent: {{model: m}}, prompt: '{prompt}'}}"
    text = ASKING.replace(
        '{command: [y, "{{ inputs.amount }} {{ inputs.to }} {{ idempotency_key }}"], parse: json}', judge
    )
    text = text.replace("openai/m}", "openai/m, max_reply_tokens: 100}")
    return text.replace("prompt: pay}", "prompt: pay, limits: {max_tokens: 2000}}")


def in_judged_call(prompt: str) -> Crashing:
    run = begun(asking_a_judge(prompt))
    run.give("ask/call#1", CallDone(WANTS, Usage("m", 10, 5)))
    run.crash()
    return run


def taken(run: Simulation) -> int:
    account = run.state.steps["ask"].account
    assert account is not None
    return account.tokens


def test_what_a_check_asks_a_model_is_taken_from_the_budget_around_the_call_that_it_checks() -> None:
    run = in_judged_call("paid?")
    asked = [event for event in run.log if isinstance(event, AttemptStarted)][-1]
    assert (asked.step, asked.reserves is not None) == ("ask/call#2/check/call#1", True)
    assert asked.reserves is not None
    assert taken(run) == 15 + asked.reserves.tokens
    run.give(asked.step, CallDone(SAYS, Usage("m", 7, 3)))
    assert taken(run) == 25
    run.answer("ask/call#2", "again")
    assert started(run)[-1] == "ask/call#2"
    assert taken(run) == 25


@pytest.mark.parametrize(
    "gone_on", [RunResumed(3, definition="another"), RunForked("run", 9, "simulated", "", "another")]
)
def test_a_call_whose_approval_counts_no_more_takes_its_check_with_it(gone_on: RunResumed | RunForked) -> None:
    run = begun(asking_a_judge("paid?").replace("    inputs: {amount", "    approval: always\n    inputs: {amount"))
    run.give("ask/call#1", CallDone(WANTS, Usage("m", 10, 5)))
    run.answer("ask/ask#2", "approve")
    run.crash()
    assert list(run.state.running) == ["ask/call#2/check/call#1"]
    before = taken(run)
    run.take([gone_on])
    run.go_on()
    assert (list(run.state.running), list(run.state.waiting), list(run.state.frames)) == ([], ["ask/ask#2"], [""])
    assert (before > 15, taken(run)) == (True, before), "what was in flight counts as used"


def test_a_check_that_can_t_be_paid_leaves_it_to_a_person() -> None:
    run = in_judged_call("paid? " * 400)
    refused = next(event.error for event in run.log if isinstance(event, StepEnded) and event.error is not None)
    assert (refused["type"], refused["details"]["of"]) == ("credit_exhausted", "ask")
    assert list(run.state.waiting) == ["ask/call#2"]
    assert "its check failed: credit_exhausted" in run.asked


def test_a_call_is_never_asked_about_without_a_line_in_the_record() -> None:
    run = crashed()
    assert [event for event in run.log if isinstance(event, StepInterrupted)] == [StepInterrupted("pay", 1)]
