"""An agent that another version changes: what it is amid begins anew in a fork, and can't be gone on with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.command_line import wf, write

FLOW = """
wf: 1
name: agents
permissions: {commands: ["true"]}
models: {fast: {model: a/b}, other: {model: c/d}}
tools: {t: {command: ["true"], inputs: {x: {type: string}}}}
agents:
  one:
    model: fast
    fallback: [other]
    instructions: be good
    tools: [t]
nodes:
  ask: {agent: one, prompt: hello, next: approve}
  approve: {human: {prompt: Good?, choices: ["yes"]}}
"""
SCRIPT = 'one: [{error: credit_exhausted}, {tool_calls: [{tool: t, with: {x: "1"}}]}, done]\n'
ANEW = "one: [done, done, done, done]\n"
CHANGES = {
    "no tool": ("    tools: [t]\n", ""),
    "no fallback": ("    fallback: [other]\n", ""),
    "other instructions": ("be good", "be better"),
    "another model": ("a/b", "a/c"),
    "another program": ('command: ["true"]', 'command: ["true", "-"]'),
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with run `r`, in which an agent has fallen back, used a tool and answered."""
    write(tmp_path, "flow.yaml", FLOW)
    write(tmp_path, "script.yaml", SCRIPT)
    write(tmp_path, "anew.yaml", ANEW)
    wf(tmp_path, "run", "flow.yaml", "--mock", "script.yaml", "--run-id", "r", "--no-input", code=3)
    return tmp_path


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_agent_begins_anew_wherever_its_conversation_is(project: Path, change: str) -> None:
    write(project, "changed.yaml", FLOW.replace(*CHANGES[change]))
    points = [point["seq"] for point in wf(project, "checkpoints", "r", "--json").document[:-1]]
    assert len(points) > 3
    for point in points[:-1]:
        words = ("fork", f"r@{point}", "--workflow", "changed.yaml", "--mock", "anew.yaml", "--no-input", "--json")
        forked = wf(project, *words, code=3).document
        assert [waiting["step"] for waiting in forked["waiting"]] == ["approve"]
        calls = [call["step"] for call in wf(project, "show", forked["run"], "--json").document["model_calls"]]
        assert len(calls) >= 1


@pytest.mark.parametrize("change", CHANGES)
def test_a_run_does_not_go_on_under_a_version_in_which_an_agent_that_it_asked_is_another(
    project: Path, change: str
) -> None:
    write(project, "changed.yaml", FLOW.replace(*CHANGES[change]))
    said = wf(project, "resume", "r", "--workflow", "changed.yaml", "--no-input", code=2).stderr
    assert "'ask', which it has begun, is not the same there" in said
