"""Gates hold inside delegates: what a delegate's model has chosen is approved by a person, also after a kill."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command_line import lines_until, started, wf
from tests.acceptance.test_approvals import TOOL, answer, begun, events, paid, pay

FLOW = """
wf: 1
name: paying
permissions: {python: [tools.py]}
tools: {pay: {python: "tools.py:pay", APPROVAL}}
agents:
  chief: {model: openai/gpt-4o-mini, agents: [clerk]}
  clerk: {model: openai/gpt-4o-mini, tools: [pay]}
nodes: {go: {agent: chief, prompt: Pay.}}
outputs: {said: "{{ nodes.go.output }}"}
"""
ASKED = "go/call#2/ask#2"


def give(*tasks: str) -> dict[str, Any]:
    return {"tool_calls": [{"tool": "agent/clerk", "with": {"task": task}} for task in tasks]}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return project(tmp_path, "approval: always")


def project(folder: Path, approval: str, *replies: Any, tasks: int = 1) -> Path:
    (folder / "tools.py").write_text(TOOL)
    (folder / "flow.yaml").write_text(FLOW.replace("APPROVAL", approval))
    chief = [give(*map(str, range(tasks))), "done"]
    (folder / "mock.yaml").write_text(json.dumps({"chief": chief, "clerk": [*(replies or [pay(5)]), "paid"]}))
    return folder


def told_chief(folder: Path) -> list[str]:
    """What the one who delegated was told."""
    steps = wf(folder, "show", "r", "--json", code=None).document["steps"]
    own = [step for step in steps if step["verb"] == "call" and step["step"].count("/") == 1]
    messages = [message for step in own for message in step["request"].get("messages", ())]
    return [message["content"] for message in messages if message["role"] == "tool"]


def test_a_call_of_a_delegate_waits_for_a_person_and_is_made_once(shop: Path) -> None:
    assert f"{ASKED}" in begun(shop).stderr
    assert paid(shop) == []

    answer(shop, ASKED, "approve")
    assert wf(shop, "resume", "r").stdout == "said: done\n"

    assert paid(shop) == ["5 nobody"]
    assert told_chief(shop) == ["paid"]


def test_what_is_denied_goes_back_to_the_delegate(shop: Path) -> None:
    begun(shop)

    answer(shop, ASKED, '{"deny": "too much"}', "--resume")

    assert paid(shop) == []
    told = [event for event in events(shop, "step_started") if "too much" in json.dumps(event.get("request"))]
    assert [event["step"] for event in told] == ["go/call#2/call#3"]


def test_an_approval_in_a_delegate_is_for_its_own_call_alone(tmp_path: Path) -> None:
    """Two delegates want the same: an approval of the one is none of the other."""
    project(tmp_path, "approval: always", pay(5), pay(5), "paid", tasks=2)
    begun(tmp_path)

    answer(tmp_path, ASKED, "approve")
    wf(tmp_path, "resume", "r", code=3)

    assert paid(tmp_path) == ["5 nobody"]
    answer(tmp_path, "go/call#3/ask#2", "approve", "--resume")
    assert paid(tmp_path) == ["5 nobody"] * 2


def test_an_approval_counts_after_a_kill_and_not_in_a_fork(shop: Path) -> None:
    with started(shop, "run", "flow.yaml", "--mock", "mock.yaml", "--run-id", "r", "--events") as running:
        lines_until(running, "step_waiting")
        running.send_signal(signal.SIGKILL)
        running.wait()
    answer(shop, ASKED, "approve")

    forked = wf(shop, "fork", f"r@{last_event(shop)}", "--run-id", "f", "--no-input", code=3)

    assert ASKED in forked.stderr
    assert paid(shop) == []
    assert wf(shop, "resume", "r").stdout == "said: done\n"
    assert paid(shop) == ["5 nobody"]


def last_event(folder: Path) -> int:
    return max(int(json.loads(line)["seq"]) for line in wf(folder, "logs", "r", "--json").stdout.splitlines())


def test_what_nobody_approves_fails_the_step_where_the_tool_says_so(tmp_path: Path) -> None:
    project(tmp_path, "approval: {when: 'true', timeout: 50ms, otherwise: fail}", pay(5, 6), "never")

    run = ("run", "flow.yaml", "--mock", "mock.yaml", "--json", "--no-input", "--run-id", "r")
    done = wf(tmp_path, *run, code=1).document

    assert (done["error"]["type"], done["error"]["step"]) == ("human_timeout", "go")
    steps = {step["step"]: step["status"] for step in wf(tmp_path, "show", "r", "--json").document["steps"]}
    assert (steps[ASKED], steps["go/call#2/ask#3"], steps["go/call#2"]) == ("failed", "cancelled", "failed")
    assert paid(tmp_path) == []
