"""Delegation: an agent gives a task to another one, as it calls a tool. Pure."""

from __future__ import annotations

from runner.ground.json_value import Json
from runner.language.schema import compile_schema
from runner.nodes.agent_use import ResolvedAgent
from runner.nodes.contract import SubStep
from runner.record.address import is_inside
from runner.record.run_state import Child
from runner.workflow.model import Agent
from runner.world.providers.contract import ToolCall

PREFIX = "agent/"
"""What the tool that stands for an agent is called, before the agent's name."""

TASK = "task"
"""What an agent is given that was delegated to: its only input, and where the sub-step's memory has it."""

_INPUTS: dict[str, Json] = {
    "type": "object",
    "properties": {TASK: {"type": "string", "description": "What it is to do: it sees nothing of this conversation."}},
    "required": [TASK],
    "additionalProperties": False,
}

_FINAL = frozenset({"cancelled", "interrupted", "human_timeout"})
"""Failures of a delegate that are not told to the model: the run was stopped, or the file says that this fails it."""


def delegate_tools(resolved: ResolvedAgent) -> list[dict[str, Json]]:
    """The tools that stand for the agents which an agent may delegate to, as a model is told of them."""
    return [
        {"name": f"{PREFIX}{name}", "description": _description(name, agent), "schema": _INPUTS}
        for name, agent in resolved.delegates.items()
    ]


def _description(name: str, agent: Agent) -> str:
    return agent.description or f"Gives a task to the agent {name}, which answers once."


def is_delegation(asked: ToolCall, resolved: ResolvedAgent) -> bool:
    """Whether a model wants one of the agent's delegates to do something."""
    return asked["tool"].startswith(PREFIX) and asked["tool"].removeprefix(PREFIX) in resolved.delegates


def trouble_with(asked: ToolCall) -> str:
    """What a model is told of a task that can't be given like this; nothing where it can."""
    errors = compile_schema(_INPUTS).errors(asked["with"])
    return f"error: tool '{asked['tool']}' can't take that: {errors[0].message}" if errors else ""


def delegated(asked: ToolCall, key: str) -> SubStep:
    """The step in which another agent does what it is asked. The task is what the model said: it is never rendered."""
    name = asked["tool"].removeprefix(PREFIX)
    return SubStep(key, name, {TASK: asked["with"][TASK]}, {"tool": asked["tool"], "with": asked["with"]})


def ends_the_asker(child: Child, step: str) -> bool:
    """Whether the failure of a delegate is that of the step that asked it.

    So is a budget that is used up, unless it is the delegate's own, or that of another further down.
    """
    if child.error is None:
        return False
    details = child.error["details"]
    if child.error["type"] == "credit_exhausted" and details.get("source") == "budget":
        return details["of"] == step or not is_inside(details["of"], step)
    return child.error["type"] in _FINAL
