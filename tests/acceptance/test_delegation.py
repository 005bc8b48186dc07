"""Delegation: an agent gives tasks to others, each recorded beneath the call, with its own settings and failures."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.ground.errors import Failure
from runner.nodes.delegation import ends_the_asker
from runner.record.events import BranchPassed, StepStarted
from runner.record.run_state import Child, Step
from runner.record.snapshot import same
from runner.world.calls import AnyCall, CallDone, CallFailed, ModelCall, Outcome
from tests.acceptance.command_line import wf, write
from tests.acceptance.test_agents import said
from tests.simulation import Simulation, simulate

FLOW = """
schemas: {number: {type: object, properties: {n: {type: integer}}, required: [n]}}
tools: {add: {command: [x]}, take: {command: [y]}}
agents:
  lead: {model: openai/gpt-4o, instructions: You lead., agents: [worker], tools: [add]}
  worker: {model: openai/gpt-4o-mini, description: Does one thing., instructions: You work., agents: [clerk],
           tools: [take], temperature: 0.5, output_schema: number}
  clerk: {model: openai/gpt-4.1-nano}
nodes:
  ask: {agent: lead, prompt: Hello}
outputs: {said: "{{ nodes.ask.output }}"}
"""


def delegating(text: str, replies: dict[str, list[Outcome]], **options: Any) -> tuple[Simulation, list[ModelCall]]:
    """A run whose agents give these replies, each its own, and what they were asked, in order."""
    asked: list[ModelCall] = []
    left = {agent: iter(own) for agent, own in replies.items()}

    def reply(call: AnyCall, _step: Step) -> Outcome:
        if not isinstance(call, ModelCall):
            return CallDone({"text": "3", "stdout": "3\n", "stderr": "", "exit_code": 0})
        asked.append(call)
        return next(left[call.agent])

    return simulate(text, reply=reply, **options), asked


def task(agent: str, text: str = "do it") -> tuple[str, Any]:
    return (f"agent/{agent}", {"task": text})


def last(call: ModelCall) -> str:
    return str(call.messages[-1]["content"])


@pytest.mark.parametrize("crash", [False, True])
def test_a_delegate_works_beneath_the_call_and_its_answer_goes_back(crash: bool) -> None:
    replies: dict[str, list[Outcome]] = {
        "lead": [said("", task("worker", "count {{ inputs.x }}")), said("done")],
        "worker": [said("", ("take", {}), task("clerk", "look")), said('{"n": 3}')],
        "clerk": [said("seen")],
    }

    run, asked = delegating(FLOW, replies, crash=crash)

    assert run.outcome == {"said": "done"}
    assert run.ended == [
        "ask/call#1",
        "ask/call#2/call#1",
        "ask/call#2/call#2",
        "ask/call#2/call#3/call#1",
        "ask/call#2/call#3",
        "ask/call#2/call#4",
        "ask/call#2",
        "ask/call#3",
        "ask",
    ]
    by_lead, by_worker, by_clerk, by_worker_again, by_lead_again = asked
    assert [tool["name"] for tool in by_lead.tools] == ["add", "agent/worker"]
    assert by_lead.tools[1]["description"] == "Does one thing."
    assert [tool["name"] for tool in by_worker.tools] == ["take", "agent/clerk"]
    assert [message["content"] for message in by_worker.messages] == ["You work.", "count {{ inputs.x }}"]
    assert (by_worker.model, by_worker.temperature) == ("openai/gpt-4o-mini", 0.5)
    assert [message["content"] for message in by_clerk.messages] == ["look"]
    assert last(by_worker_again) == "seen"
    assert last(by_lead_again) == '{"n": 3}'


def told(lead: ModelCall) -> list[str]:
    """What an agent was told of its calls."""
    return [str(message["content"]) for message in lead.messages if message["role"] == "tool"]


DOWN = CallFailed(Failure("authentication", "who are you?"))
FAILURES: dict[str, tuple[list[Outcome], str]] = {
    "its model fails": ([DOWN], "error: who are you?"),
    "its replies do not fit": (
        [said("none")] * 3,
        "error: the reply does not fit its schema: the reply is no JSON: line 1, column 1: ",
    ),
    "it does not come to an end": (
        [said("", ("take", {}))] * 50,
        "error: the agent asks its model more than 50 times (max_turns) without coming to an end",
    ),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_what_a_delegate_fails_by_goes_back_to_the_model(failure: str) -> None:
    replies, words = FAILURES[failure]

    run, asked = delegating(FLOW, {"lead": [said("", task("worker")), said("done")], "worker": replies})

    assert run.outcome == {"said": "done"}
    assert [answer[: len(words)] for answer in told(asked[-1])] == [words]
    assert "ask/call#2:failed" in run.ended


def test_tasks_that_make_no_sense_are_answered_not_given() -> None:
    calls = [
        ("agent/worker", {}),
        ("agent/worker", {"task": 1}),
        ("agent/worker", "do it"),
        ("agent/clerk", {"task": ""}),
    ]

    run, asked = delegating(FLOW, {"lead": [said("", *calls), said("done")]})

    assert run.outcome == {"said": "done"}
    assert told(asked[1]) == [
        "error: tool 'agent/worker' can't take that: 'task' is missing",
        "error: tool 'agent/worker' can't take that: task: expected text, got the number 1",
        "error: the arguments of tool 'agent/worker' are to be a JSON object",
        "error: there is no tool 'agent/clerk'; the tools are: add, agent/worker",
    ]


@pytest.mark.parametrize("order", [0, -1])
@pytest.mark.parametrize("crash", [False, True])
def test_delegates_of_one_reply_work_at_the_same_time(order: int, crash: bool) -> None:
    replies: dict[str, list[Outcome]] = {
        "lead": [said("", task("worker", "1"), ("add", {}), task("worker", "2")), said("done")],
        "worker": [said('{"n": 1}'), said('{"n": 1}')],
    }

    run, asked = delegating(FLOW, replies, order=lambda waiting: waiting[order], crash=crash)

    assert run.outcome == {"said": "done"}
    assert [call.messages[-1]["content"] for call in asked[1:3]] == (["1", "2"] if order == 0 else ["2", "1"])
    assert len(told(asked[3])) == 3


@pytest.mark.parametrize(
    ("limits", "outcome", "words"),
    [
        (
            "max_depth: 1",
            {"said": "done"},
            "error: agents and workflows are nested 1 deep; limits.max_depth allows no more",
        ),
        ("max_depth: 2", {"said": "done"}, '{"n": 1}'),
        ("max_steps: 1", "step_limit", None),
        ("max_steps: 2", "step_limit", None),
        ("max_steps: 3", {"said": "done"}, '{"n": 1}'),
    ],
)
def test_a_delegation_counts_for_the_limits_of_the_workflow(limits: str, outcome: object, words: str | None) -> None:
    both = said("", task("worker"), task("worker"))
    replies: dict[str, list[Outcome]] = {"lead": [both, said("done")], "worker": [said('{"n": 1}')] * 2}

    run, asked = delegating(f"limits: {{{limits}}}\n{FLOW}", replies)

    assert run.outcome == outcome
    assert not any(isinstance(event, BranchPassed) for event in run.log), "a workflow ends once"
    assert words is None or told(asked[-1]) == [words] * 2


def test_how_deep_agents_delegate_is_told_to_the_one_who_would_go_deeper() -> None:
    replies: dict[str, list[Outcome]] = {
        "lead": [said("", task("worker")), said("done")],
        "worker": [said("", task("clerk")), said('{"n": 1}')],
    }

    run, asked = delegating(f"limits: {{max_depth: 2}}\n{FLOW}", replies)

    assert run.outcome == {"said": "done"}
    assert told(asked[2]) == ["error: agents and workflows are nested 2 deep; limits.max_depth allows no more"]


def test_who_a_node_names_wins_over_the_delegates_of_its_agent() -> None:
    text = FLOW.replace("prompt: Hello", "prompt: Hello, agents: [clerk], temperature: 0, model: openai/o3")

    run, asked = delegating(text, {"lead": [said("", task("clerk")), said("done")], "clerk": [said("seen")]})

    assert run.outcome == {"said": "done"}
    assert [tool["name"] for tool in asked[0].tools] == ["add", "agent/clerk"]
    assert [(call.model, call.temperature) for call in asked[:2]] == [("openai/o3", 0), ("openai/gpt-4.1-nano", None)]


def test_one_of_several_agents_delegates_to_its_own() -> None:
    text = FLOW.replace("agent: lead", "agent: {from: [worker, lead], name: '\"lead\"'}")

    run, asked = delegating(
        text, {"lead": [said("", task("worker")), said("done")], "worker": [said('{"n": 1}')]}, crash=True
    )

    assert run.outcome == {"said": "done"}
    assert [call.agent for call in asked] == ["lead", "worker", "lead"]


CHILD = """
agents:
  writer: {model: openai/gpt-4o, agents: [reader]}
  reader: {model: openai/gpt-4o}
nodes: {write: {agent: writer, prompt: Write}}
outputs: {said: "{{ nodes.write.output }}"}
"""
PARENT = """
agents:
  mine: {model: openai/gpt-4o-mini, agents: [helper]}
  helper: {model: openai/gpt-4.1-nano}
nodes:
  call: {workflow: child.yaml, agents: {PUT: mine}}
outputs: {said: "{{ nodes.call.output.said }}"}
"""


def test_an_agent_that_is_put_into_a_child_brings_its_delegates_along() -> None:
    replies: dict[str, list[Outcome]] = {"mine": [said("", task("helper")), said("done")], "helper": [said("help")]}

    run, asked = delegating(PARENT.replace("PUT", "writer"), replies, files={"child.yaml": CHILD})

    assert run.outcome == {"said": "done"}
    assert [call.agent for call in asked] == ["mine", "helper", "mine"]


def test_a_delegate_may_be_put_into_a_child() -> None:
    replies: dict[str, list[Outcome]] = {
        "writer": [said("", task("reader")), said("done")],
        "mine": [said("", task("helper")), said("read")],
        "helper": [said("help")],
    }

    run, asked = delegating(PARENT.replace("PUT", "reader"), replies, files={"child.yaml": CHILD}, crash=True)

    assert run.outcome == {"said": "done"}
    assert [call.agent for call in asked] == ["writer", "mine", "helper", "mine", "writer"]


def test_a_delegate_falls_back_to_its_own_models_and_is_tried_again_by_the_policy_of_the_node() -> None:
    text = FLOW.replace("openai/gpt-4.1-nano", "openai/gpt-4.1-nano, fallback: [openai/o3]").replace(
        "prompt: Hello", "prompt: Hello, agents: [clerk], retry: {max_attempts: 2, initial_interval: 1ms}"
    )
    down = CallFailed(Failure("llm_down", "down"))
    replies: dict[str, list[Outcome]] = {
        "lead": [said("", task("clerk", "look")), said("done")],
        "clerk": [down, down, said("seen")],
    }

    run, asked = delegating(text, replies)

    assert run.outcome == {"said": "done"}
    assert [call.model for call in asked[1:4]] == ["openai/gpt-4.1-nano", "openai/gpt-4.1-nano", "openai/o3"]
    assert last(asked[3]) == "look"


def test_the_timeout_of_the_node_bounds_its_delegates_too() -> None:
    text = FLOW.replace("prompt: Hello", "prompt: Hello, timeout: 10s")
    replies: dict[str, list[Outcome]] = {"lead": [said("", task("worker"))], "worker": [said('{"n": 1}')]}

    run, _ = delegating(text, replies, slow={"ask/call#2/call#1": 60.0})

    assert run.outcome == "timeout"
    assert run.ended[-3:] == ["ask/call#2/call#1:cancelled", "ask/call#2:cancelled", "ask:failed"]


def test_a_run_may_be_cancelled_while_delegates_are_at_work() -> None:
    replies: dict[str, list[Outcome]] = {"lead": [said("", task("worker"), task("worker"))], "worker": []}

    run, _ = delegating(FLOW, replies, cancel_after=1)

    assert run.outcome == "cancelled"
    assert "ask/call#2:cancelled" in run.ended
    assert run.state.steps == {}


VALID = "wf: 1\nname: x\nagents:\n  a: {model: openai/o3, agents: [A]}\n  b: {model: openai/o3, agents: [B]}\n"
NODES = "nodes: {ask: {agent: a, prompt: x}}\n"
REFUSED = {
    ("a", "a"): "flow.yaml:4:3: error: agents delegate in a circle: 'a' → 'a'",
    ("b", "a"): "flow.yaml:4:3: error: agents delegate in a circle: 'a' → 'b' → 'a'",
    ("c", "b"): "flow.yaml:4:34: error: agent 'c' does not exist",
}


@pytest.mark.parametrize("names", REFUSED)
def test_delegates_must_exist_and_come_to_an_end(tmp_path: Path, names: tuple[str, str]) -> None:
    write(tmp_path, "flow.yaml", (VALID + NODES).replace("[A]", f"[{names[0]}]").replace("[B]", f"[{names[1]}]"))

    done = wf(tmp_path, "validate", "flow.yaml", code=2)

    assert REFUSED[names] in done.stderr


@pytest.mark.parametrize("key", ["delegates", "handoffs", "sub_agents"])
def test_what_others_call_delegates_is_told_by_our_word(tmp_path: Path, key: str) -> None:
    write(tmp_path, "flow.yaml", (VALID + NODES).replace("agents: [A]", f"{key}: [b]").replace("[B]", "[]"))

    assert "agents" in wf(tmp_path, "validate", "flow.yaml", code=2).stderr.partition(f"unknown key '{key}'")[2]


def test_what_a_delegate_reads_must_be_there_where_the_node_stands(tmp_path: Path) -> None:
    text = VALID.replace("[A]", "[b]").replace("agents: [B]", "instructions: '{{ inputs.n }}'")
    write(tmp_path, "flow.yaml", text + NODES)

    done = wf(tmp_path, "validate", "flow.yaml", code=2)

    assert "flow.yaml:5:" in done.stderr
    assert "inputs.n" in done.stderr


def test_a_delegate_that_cannot_be_asked_is_warned_about_and_keeps_no_run_from_starting(tmp_path: Path) -> None:
    text = VALID.replace("[A]", "[b]").replace("b: {model: openai/o3, agents: [B]", "b: {model: nobody/x")
    write(tmp_path, "flow.yaml", text + NODES)

    done = wf(tmp_path, "validate", "flow.yaml")

    assert "warning: there is no provider 'nobody'" in done.stderr


MOCKED = """
wf: 1
name: x
models: {m: openai/gpt-4o-mini}
permissions: {commands: [sh]}
tools: {mark: {command: [sh, -c, "echo x >> marks"]}}
agents:
  lead: {model: m, agents: [worker]}
  worker: {model: m, tools: [mark]}
nodes: {ask: {agent: lead, prompt: Go}}
outputs: {said: "{{ nodes.ask.output }}"}
"""
REPLIES = """
ask: [{tool_calls: [{tool: agent/worker, with: {task: one}}, {tool: agent/worker, with: {task: two}}]}, done]
ask/call#3: [second]
worker: [{tool_calls: [{tool: mark}]}, first]
"""


@pytest.fixture
def team(tmp_path: Path) -> Path:
    write(tmp_path, "flow.yaml", MOCKED)
    write(tmp_path, "m.yaml", REPLIES)
    return tmp_path


SHOWN = """\
steps
  ✓ ask [agent] completed
    ✓ ask/call#1 completed (openai/gpt-4o-mini)
    ✓ ask/call#2 [agent worker] completed
      ✓ ask/call#2/call#1 completed (openai/gpt-4o-mini)
      ✓ ask/call#2/call#2 completed
      ✓ ask/call#2/call#3 completed (openai/gpt-4o-mini)
    ✓ ask/call#3 [agent worker] completed
      ✓ ask/call#3/call#1 completed (openai/gpt-4o-mini)
    ✓ ask/call#4 completed (openai/gpt-4o-mini)
output    said: done"""


def test_what_a_delegate_did_is_shown_beneath_the_call(team: Path) -> None:
    done = wf(team, "run", "flow.yaml", "--mock", "m.yaml", "--run-id", "r")

    assert "warning" not in done.stderr
    assert "✓ ask/call#3 [worker]" in done.stderr
    shown = re.sub(r" \d+\.\d\d s", "", wf(team, "show", "r").stdout)
    assert shown[shown.index("steps") :].strip() == SHOWN
    told = wf(team, "logs", "r").stdout
    assert "▸ ask/call#2 [agent worker]" in told
    assert wf(team, "doctor").code == 0


def test_what_a_delegate_used_is_counted_for_the_node(team: Path) -> None:
    counted = "worker: [{reply: first, usage: {prompt_tokens: 3, reply_tokens: 2, cost_usd: 0.5}}]\n"
    write(team, "m.yaml", REPLIES.replace("worker: [{tool_calls: [{tool: mark}]}, first]\n", counted))

    done = wf(team, "run", "flow.yaml", "--mock", "m.yaml", "--run-id", "r", "--json").document

    assert (done["tokens"], done["cost_usd"]) == (5, 0.5)
    assert "completed, 5 tokens" in wf(team, "graph", "r").stdout


def test_a_run_may_be_forked_while_delegates_are_at_work(team: Path) -> None:
    wf(team, "run", "flow.yaml", "--mock", "m.yaml", "--run-id", "r")
    points = [line.split()[0] for line in wf(team, "checkpoints", "r").stdout.splitlines() if line.startswith("r@")]

    write(team, "again.yaml", "ask: [{repeat: done}]\nworker: [{repeat: again}]\n")
    outputs = [wf(team, "fork", point, "--mock", "again.yaml", "--json").document["outputs"] for point in points[:-1]]
    assert outputs == [{"said": "done"}] * len(outputs)
    assert len(outputs) > 4


def test_another_version_of_a_delegate_is_another_version_of_the_node_that_may_ask_it(team: Path) -> None:
    write(team, "m.yaml", REPLIES.replace("worker: [{tool_calls: [{tool: mark}]}, first]\n", ""))
    wf(team, "run", "flow.yaml", "--mock", "m.yaml", "--run-id", "r", "--no-input", code=3)
    write(team, "changed.yaml", MOCKED.replace("tools: [mark]", "tools: [mark], instructions: Be quick"))

    done = wf(team, "resume", "r", "--workflow", "changed.yaml", "--mock", "m.yaml", code=2)

    assert "changed    ask (agents)" in done.stderr


SLOW = """
wf: 1
name: slow
models: {m: openai/gpt-4o-mini}
permissions: {commands: [sleep]}
tools: {doze: {command: [sleep, "100"]}}
agents:
  lead: {model: m, agents: [worker]}
  worker: {model: m, tools: [doze]}
nodes: {ask: {agent: lead, prompt: Go, timeout: 500ms}}
outputs: {said: "{{ nodes.ask.output }}"}
"""


def test_a_retry_begins_the_call_anew_that_a_delegate_was_at(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", SLOW)
    write(tmp_path, "m.yaml", REPLIES.replace("tool: mark", "tool: doze"))
    assert wf(tmp_path, "run", "flow.yaml", "--mock", "m.yaml", "--run-id", "r", code=1).stderr.count("timeout") > 0
    write(tmp_path, "again.yaml", REPLIES + "ask/call#2/call#2: [{stdout: awake}]\n")

    done = wf(tmp_path, "retry", "r", "--mock", "again.yaml", "--json").document

    assert (done["status"], done["outputs"]) == ("completed", {"said": "done"})


ERRORS: dict[str, tuple[str, dict[str, Any], bool]] = {
    "it failed itself": ("llm_down", {}, False),
    "the provider's account is empty": ("credit_exhausted", {"source": "provider"}, False),
    "its own budget": ("credit_exhausted", {"source": "budget", "of": "ask/call#2"}, False),
    "its own budget, in a later attempt": ("credit_exhausted", {"source": "budget", "of": "ask~2/call#2"}, False),
    "a budget further down": ("credit_exhausted", {"source": "budget", "of": "ask/call#2/call#1"}, False),
    "the budget of who asked": ("credit_exhausted", {"source": "budget", "of": "ask"}, True),
    "the budget of the run": ("credit_exhausted", {"source": "budget", "of": ""}, True),
    "the run is stopped": ("cancelled", {}, True),
    "a crash, which is to fail it": ("interrupted", {}, True),
    "nobody approved, which is to fail it": ("human_timeout", {}, True),
}


@pytest.mark.parametrize("error", ERRORS)
def test_which_failures_of_a_delegate_are_those_of_who_asked_it(error: str) -> None:
    type_, details, is_final = ERRORS[error]
    child = Child("failed", error={"type": type_, "message": "", "details": details})

    assert ends_the_asker(child, "ask") is is_final
    assert not ends_the_asker(Child("completed"), "ask")


def test_a_step_fails_by_what_no_answer_of_its_model_would_mend() -> None:
    """A crash cut off a call of the delegate, and the node's `on_crash` is to fail it."""
    cut_off = CallFailed(Failure("interrupted", "the process was stopped"))

    run, _ = delegating(FLOW, {"lead": [said("", task("worker"))], "worker": [cut_off]})

    assert run.outcome == "interrupted"
    assert run.ended[-2:] == ["ask/call#2:failed", "ask:failed"]


def test_what_is_delegated_is_no_part_of_the_session_but_its_answer_is() -> None:
    text = FLOW.replace("outputs:", "  more: {agent: lead, prompt: And?, session: s}\noutputs:")
    text = text.replace("prompt: Hello", "prompt: Hello, session: s, next: more")
    replies: dict[str, list[Outcome]] = {
        "lead": [said("", task("clerk")), said("done"), said("more")],
        "clerk": [said("", ("agent/nobody", {})), said("seen")],
    }

    run, asked = delegating(text.replace("agents: [worker]", "agents: [clerk]"), replies, crash=True)

    assert run.outcome == {"said": "done"}
    spoken = [(message["role"], message["content"]) for message in asked[-1].messages]
    assert spoken[1:] == [
        ("user", "Hello"),
        ("assistant", ""),
        ("tool", "seen"),
        ("assistant", "done"),
        ("user", "And?"),
    ]


def test_whom_a_node_names_is_looked_for_where_the_node_stands() -> None:
    child = CHILD.replace("agent: writer,", "agent: writer, agents: [reader],")
    replies: dict[str, list[Outcome]] = {"mine": [said("", task("reader")), said("done")], "reader": [said("read")]}

    run, asked = delegating(PARENT.replace("PUT", "writer"), replies, files={"child.yaml": child})

    assert run.outcome == {"said": "done"}
    assert [call.agent for call in asked] == ["mine", "reader", "mine"]


def test_a_delegate_is_told_what_the_node_sees() -> None:
    text = FLOW.replace("instructions: You work.", "instructions: 'Visit {{ visits }}, {{ nodes.first.output }}'")
    text = text.replace("nodes:\n", "nodes:\n  first: {agent: clerk, prompt: x, next: ask}\n")
    text = text.replace("prompt: Hello", "prompt: Hello, next: [{when: visits < 2, to: ask}, {to: exit}]")
    lead: list[Outcome] = [said("", task("worker")), said("done")]
    replies: dict[str, list[Outcome]] = {"clerk": [said("one")], "lead": lead * 2, "worker": [said('{"n": 1}')] * 2}

    _, asked = delegating(text, replies)

    told_first = [call.messages[0]["content"] for call in asked if call.agent == "worker"]
    assert told_first == ["Visit 1, one", "Visit 2, one"]


def answering(call: AnyCall, _step: Step) -> Outcome:
    """Each says what it was asked by, after it has delegated parts of it; so nothing depends on who ends first."""
    assert isinstance(call, ModelCall)
    answers, text = told(call), str(call.messages[0]["content"])
    if not answers and call.tools:
        name = str(call.tools[0]["name"])
        return said("", *[(name, {"task": f"{text}{number}"}) for number in range(3)])
    return said(f"{text}({' '.join(answers)})")


TREE = """
agents:
  a: {model: openai/o3, agents: [b]}
  b: {model: openai/o3, agents: [c]}
  c: {model: openai/o3}
nodes: {ask: {agent: a, prompt: x}}
outputs: {said: "{{ nodes.ask.output }}"}
"""
LEAVES = [[f"x{first}{second}()" for second in range(3)] for first in range(3)]
WHOLE = f"x({' '.join(f'x{first}({chr(32).join(leaves)})' for first, leaves in enumerate(LEAVES))})"


@given(st.lists(st.integers(0, 8), min_size=1), st.booleans())
def test_in_whatever_order_delegates_end_the_answer_is_the_same(chosen: list[int], crash: bool) -> None:
    """Also where every commit is followed by a crash."""
    draws = itertools.cycle(chosen)

    run = simulate(TREE, reply=answering, order=lambda waiting: waiting[next(draws) % len(waiting)], crash=crash)

    assert run.outcome == {"said": WHOLE}
    assert same(run.twin, run.state)
    assert len({event.step for event in run.log if isinstance(event, StepStarted)}) == len(run.ended) == 30
