"""Agents as a workflow has them: which calls they make, and what becomes of the replies."""

from __future__ import annotations

import re
from typing import Any, get_args

import pytest

from runner.ground.errors import ErrorType, Failure
from runner.record.events import StepRemembered, StepStarted
from runner.record.run_state import Step
from runner.world.calls import AnyCall, CallDone, CallFailed, ModelCall, Outcome
from tests.simulation import Simulation, simulate

SETTINGS = """
models: {fast: openai/gpt-4o-mini, smart: {model: openai/gpt-4o, temperature: 0.9, max_reply_tokens: 99}}
tools: {theirs: {command: [x]}, ours: {command: [y]}}
agents:
  worker: {model: fast, fallback: [smart], tools: [theirs], instructions: Theirs, temperature: 0.5}
nodes:
  plain: {agent: worker, prompt: Hello, retry: 1, on_error: own}
  own:
    {agent: worker, prompt: Hello, model: smart, fallback: [], tools: [ours], instructions: Ours, temperature: 0,
     max_reply_tokens: 7, retry: 1, on_error: continue}
"""

TOOLS = """
tools: {add: {command: [x, "{{ inputs.a }}"], inputs: {a: {type: integer}, b: {type: integer, default: 2}}}}
agents: {worker: {model: openai/gpt-4o-mini, tools: [add]}}
nodes: {ask: {agent: worker, prompt: Hello}}
outputs: {said: "{{ nodes.ask.output }}"}
"""


def asking(text: str, *replies: Outcome) -> tuple[Simulation, list[ModelCall]]:
    """A run whose model gives these replies one after another, and what it was asked."""
    asked: list[ModelCall] = []

    def reply(call: AnyCall, step: Step) -> Outcome:
        if not isinstance(call, ModelCall):
            return CallDone({"text": "3", "stdout": "3\n", "stderr": "", "exit_code": 0})
        asked.append(call)
        return replies[len(asked) - 1]

    return simulate(text, reply=reply), asked


def said(text: str = "", *tool_calls: tuple[str, Any]) -> CallDone:
    calls = [{"id": f"c{number}", "tool": tool, "with": given} for number, (tool, given) in enumerate(tool_calls, 1)]
    return CallDone({"text": text, "tool_calls": calls, "finish": "stop"})


def test_what_a_node_says_wins_over_what_its_agent_says() -> None:
    down = CallFailed(Failure("llm_down", "down"))
    _, asked = asking(SETTINGS, down, down, down)
    facts = [
        (call.model, call.temperature, call.max_reply_tokens, call.messages[0]["content"], call.tools[0]["name"])
        for call in asked
    ]
    assert facts == [
        ("openai/gpt-4o-mini", 0.5, 4096, "Theirs", "theirs"),
        ("openai/gpt-4o", 0.5, 99, "Theirs", "theirs"),
        ("openai/gpt-4o", 0, 7, "Ours", "ours"),
    ]


@pytest.mark.fault("L9")
def test_tool_calls_that_make_no_sense_are_answered_not_made() -> None:
    calls = [("add", "{bad"), ("add", {"a": "x"}), ("subtract", {}), ("add", {"a": 1})]
    run, asked = asking(TOOLS, said("", *calls), said("three"))
    assert run.outcome == {"said": "three"}
    assert [message["content"] for message in asked[1].messages[2:]] == [
        "error: the arguments of tool 'add' are to be a JSON object",
        "error: tool 'add' can't take that: a: expected a whole number, got \"x\"",
        "error: there is no tool 'subtract'; the tools are: add",
        '{"text": "3", "stdout": "3\\n", "stderr": "", "exit_code": 0}',
    ]


@pytest.mark.fault("L9")
@pytest.mark.parametrize(
    ("node", "agent", "turns"), [("", "", 50), ("", "max_turns: 3", 3), ("max_turns: 2", "max_turns: 3", 2)]
)
def test_an_agent_does_not_call_tools_without_end(node: str, agent: str, turns: int) -> None:
    text = TOOLS.replace("prompt: ", f"{node}, prompt: " if node else "prompt: ")
    text = text.replace("tools: [add]", f"tools: [add], {agent}" if agent else "tools: [add]")
    once = said("", ("add", {"a": 1}))

    run, asked = asking(text, *[once] * 60)
    assert (run.outcome, len(asked)) == ("loop_limit", turns)

    run, asked = asking(text, *[once] * (turns - 1), said("done"))
    assert (run.outcome, len(asked)) == ({"said": "done"}, turns)


@pytest.mark.fault("L9")
def test_of_one_reply_a_hundred_calls_are_made() -> None:
    run, asked = asking(TOOLS, said("", *[("add", {"a": 1})] * 1000), said("done"))

    assert run.outcome == {"said": "done"}
    answers = [message["content"] for message in asked[1].messages[2:]]
    assert len(answers) == 1000
    assert set(answers[100:]) == {"error: not called: of one reply, the first 100 calls are made"}
    assert not any("not called" in answer for answer in answers[:100])


FORM = """
agents: {worker: {model: openai/gpt-4o-mini, output_schema: {type: object}}}
nodes: {ask: {agent: worker, prompt: Hello}}
outputs: {said: "{{ nodes.ask.output }}"}
"""


@pytest.mark.fault("L8")
def test_a_reply_that_does_not_fit_is_asked_for_again_twice_at_most() -> None:
    run, asked = asking(FORM, *[said("no JSON")] * 60)
    assert (run.outcome, len(asked)) == ("output_invalid", 3)


def test_each_turn_adds_its_own_messages_to_the_conversation_that_is_kept() -> None:
    run, _ = asking(TOOLS, said("", ("add", {"a": 1})), said("", ("add", {"a": 2})), said("done"))
    kept = [event.added["messages"] for event in run.log if isinstance(event, StepRemembered)]
    assert [[message["role"] for message in added] for added in kept] == [["assistant"], ["tool"]] * 2


def cut(text: str, *tool_calls: tuple[str, Any]) -> CallDone:
    return CallDone({**said(text, *tool_calls).output, "finish": "length"})


def test_a_reply_that_its_bound_cut_is_asked_for_once_more_by_that_bound() -> None:
    run, asked = asking(FORM, *[cut('{"a": 1, "b": "')] * 9)
    assert (run.outcome, len(asked)) == ("output_invalid", 2)
    assert asked[1].messages[-1]["content"] == (
        "That was cut: a reply may have 4096 tokens (max_reply_tokens). Reply again, whole and shorter."
    )
    error = run.state.error or {}
    assert error["message"] == "max_reply_tokens (4096) cut the reply: raise it, or ask for less"
    assert error["details"]["finish"] == "length"
    assert error["details"]["reply"] == '{"a": 1, "b": "'


def test_a_cut_reply_after_one_that_did_not_fit_is_the_last() -> None:
    assert len(asking(FORM, said("no"), cut("{"), said("{}"))[1]) == 2
    assert len(asking(FORM, cut("{"), said("no"), said("no"), said("{}"))[1]) == 3
    assert asking(FORM, cut("{"), said("{}"))[0].outcome == {"said": {}}
    assert asking(FORM, cut("{}"))[0].outcome == {"said": {}}


def test_of_a_reply_without_text_nothing_is_sent_back() -> None:
    _, asked = asking(FORM, cut(""), said("{}"))
    assert [message["role"] for message in asked[1].messages] == ["user", "user"]


def test_a_text_that_was_cut_is_the_output_and_a_cut_tool_call_is_never_made() -> None:
    assert asking(TOOLS, cut("Once upon"))[0].outcome == {"said": "Once upon"}
    run, asked = asking(TOOLS, cut("", ("add", {"a": 1})), said("done"))
    assert (run.outcome, len(asked), run.ended) == ({"said": "done"}, 2, ["ask/call#1", "ask/call#2", "ask"])
    run, asked = asking(TOOLS, *[cut("", ("add", '{"a": '))] * 3)
    assert (run.outcome, len(asked)) == ("output_invalid", 2)


def test_no_two_tool_calls_of_a_conversation_have_one_id() -> None:
    def calling(*identities: str) -> CallDone:
        calls = [{"id": identity, "tool": "add", "with": {"a": 1}} for identity in identities]
        return CallDone({"text": "", "tool_calls": calls, "finish": "tool_calls"})

    odd = "x" * 65
    replies = (calling("", "c"), calling("c", "c"), calling("call_5", ""), calling("a b", odd, "é"), said("done"))
    run, asked = asking(TOOLS, *replies)
    sent = asked[-1].messages
    given = [call["id"] for message in sent for call in message.get("tool_calls", ())]
    assert run.outcome == {"said": "done"}
    assert len(set(given)) == len(given) == 9
    assert (given[1], given[4]) == ("c", "call_5"), "an id that can stand stays as it is"
    assert [message["tool_call_id"] for message in sent if message["role"] == "tool"] == given
    assert all(re.fullmatch("[A-Za-z0-9_-]{1,64}", identity) for identity in given)


FALLING = """
tools: {add: {command: [x], inputs: {a: {type: integer}}}}
agents: {worker: {model: openai/a, fallback: [openai/b, openai/c], instructions: Be brief, tools: [add]}}
nodes: {ask: {agent: worker, prompt: Hello, retry: 1}}
outputs: {said: "{{ nodes.ask.output }}"}
"""

OWN_FAULTS = (
    *("cancelled", "interrupted", "template_error", "condition_error", "input_invalid", "state_invalid"),
    *("no_route", "loop_limit"),
)


@pytest.mark.parametrize("type_", get_args(ErrorType))
def test_the_next_model_is_asked_after_any_failure_but_the_files_own(type_: ErrorType) -> None:
    run, asked = asking(FALLING, CallFailed(Failure(type_, "no luck")), said("hello"))
    if type_ in OWN_FAULTS:
        assert (run.outcome, [call.model for call in asked]) == (type_, ["openai/a"])
        return
    assert (run.outcome, [call.model for call in asked]) == ({"said": "hello"}, ["openai/a", "openai/b"])
    began = [event.request for event in run.log if isinstance(event, StepStarted)]
    [told] = [request["instead_of"] for request in began if "instead_of" in request]
    assert told == {"model": "openai/a", "type": type_, "message": "no luck"}


def test_the_next_model_begins_afresh() -> None:
    down = CallFailed(Failure("request_refused", "too long"))
    run, asked = asking(FALLING, said("", ("add", {"a": 1})), down, said("", ("add", {"a": 1})), down, said("done"))
    assert run.outcome == {"said": "done"}
    assert [call.model[-1] for call in asked] == ["a", "a", "b", "b", "c"]
    assert asked[0].messages == asked[2].messages == asked[4].messages
    run, asked = asking(FALLING, down, down, down)
    assert (run.outcome, len(asked)) == ("request_refused", 3)


@pytest.mark.fault("L8")
def test_a_model_whose_replies_never_fit_gives_way_to_the_next() -> None:
    text = FORM.replace("openai/gpt-4o-mini", "openai/a, fallback: [openai/b]")
    run, asked = asking(text, said("no"), said("no"), said("no"), said("no"), cut("no"), said("{}"))
    assert (run.outcome, [call.model[-1] for call in asked]) == ("output_invalid", [*"aaabb"])
    assert [len(call.messages) for call in asked] == [1, 3, 5, 1, 3]
    assert (run.state.error or {})["details"]["finish"] == "length"


def visiting(retry: str) -> str:
    return FORM.replace("prompt: Hello", f"prompt: Hello, retry: {retry}")


def test_a_visit_is_retried_where_a_policy_takes_output_invalid() -> None:
    replies = [*[said("no")] * 3, said("{}")]
    for retry in ("{errors: [output_invalid]}", "3", "{max_attempts: 2}", "[{errors: [network]}, {errors: all}]"):
        run, asked = asking(visiting(retry), *replies)
        assert (run.outcome, len(asked)) == ({"said": {}}, 4), retry
        assert asked[3].messages == asked[0].messages
    for retry in ("1", "{errors: [network]}", "[{errors: [timeout]}]"):
        assert asking(visiting(retry), *replies)[0].outcome == "output_invalid", retry
    run, asked = asking(visiting("{max_attempts: 2}"), *[said("no")] * 9)
    assert (run.outcome, len(asked)) == ("output_invalid", 6)


def test_a_call_gives_a_reply_that_is_none_once_in_a_visit() -> None:
    refused = CallFailed(Failure("output_invalid", "the model refuses"))
    run, asked = asking(visiting("2"), *[refused] * 9)
    assert (run.outcome, len(asked)) == ("output_invalid", 2)


def test_a_model_call_is_retried_unless_its_node_says_otherwise() -> None:
    expected: dict[ErrorType, int] = {"network": 3, "timeout": 3, "authentication": 1, "request_refused": 1}
    for type_, calls in expected.items():
        run, asked = asking(FORM, *[CallFailed(Failure(type_, "no luck"))] * 9)
        assert (run.outcome, len(asked)) == (type_, calls)
    assert len(asking(visiting("1"), *[CallFailed(Failure("network", "no luck"))] * 9)[1]) == 1
