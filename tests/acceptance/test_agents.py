"""Agents as a workflow has them: which calls they make, and what becomes of the replies."""

from __future__ import annotations

from typing import Any

from runner.ground.errors import Failure
from runner.record.events import StepRemembered
from runner.record.run_state import Step
from runner.world.calls import AnyCall, CallDone, CallFailed, ModelCall, Outcome
from tests.simulation import Simulation, simulate

SETTINGS = """
models: {fast: openai/gpt-4o-mini, smart: {model: openai/gpt-4o, temperature: 0.9, max_reply_tokens: 99}}
tools: {theirs: {command: [x]}, ours: {command: [y]}}
agents:
  worker: {model: fast, fallback: [smart], tools: [theirs], instructions: Theirs, temperature: 0.5}
nodes:
  plain: {agent: worker, prompt: Hello, on_error: own}
  own:
    {agent: worker, prompt: Hello, model: smart, fallback: [], tools: [ours], instructions: Ours, temperature: 0,
     max_reply_tokens: 7, on_error: continue}
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


def test_an_agent_does_not_call_tools_without_end() -> None:
    once = said("", ("add", {"a": 1}))
    assert asking(TOOLS, *[once] * 50)[0].outcome == "loop_limit"
    run, asked = asking(TOOLS, said("", *[("add", {"a": 1})] * 1000))
    assert (run.outcome, len(asked), run.ended) == ("loop_limit", 1, ["ask/call#1", "ask:failed"])


FORM = """
agents: {worker: {model: openai/gpt-4o-mini, output_schema: {type: object}}}
nodes: {ask: {agent: worker, prompt: Hello}}
outputs: {said: "{{ nodes.ask.output }}"}
"""


def test_a_reply_that_does_not_fit_is_asked_for_again_twice_at_most() -> None:
    run, asked = asking(FORM, *[said("no JSON")] * 60)
    assert (run.outcome, len(asked)) == ("output_invalid", 3)


def test_each_turn_adds_its_own_messages_to_the_conversation_that_is_kept() -> None:
    run, _ = asking(TOOLS, said("", ("add", {"a": 1})), said("", ("add", {"a": 2})), said("done"))
    kept = [event.added["messages"] for event in run.log if isinstance(event, StepRemembered)]
    assert [[message["role"] for message in added] for added in kept] == [["assistant"], ["tool"]] * 2
