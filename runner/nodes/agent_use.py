"""How a node uses an agent: which, with what it says itself, and what comes of that."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from runner.ground.json_value import Json
from runner.language.expression import Expression
from runner.language.template import Template
from runner.workflow.mcp_servers import WantedTools
from runner.workflow.model import Agent, ContextBound, Model, Tool
from runner.workflow.money import Budget


class OneOf(msgspec.Struct, frozen=True):
    """One of several agents: `name` says which, as the step opens."""

    agents: tuple[str, ...]
    name: Expression


class AgentUse(msgspec.Struct, frozen=True):
    """An agent, by name or written in place, and what a node says itself: that wins over what the agent says."""

    agent: str | Agent | OneOf
    model: str = ""
    fallback: tuple[str, ...] | None = None
    tools: tuple[str, ...] | None = None
    agents: tuple[str, ...] | None = None
    instructions: Template | None = None
    output_schema: Mapping[str, Json] | None = None
    temperature: float | None = None
    max_reply_tokens: int | None = None
    max_turns: int | None = None
    context: ContextBound | None = None
    limits: Budget | None = None


class ResolvedAgent(msgspec.Struct, frozen=True):
    """An agent as a node uses it: with what the node says, its models in the order they are tried, its tools.

    `name` is the one that was chosen, of several; `summary` the model that sums up a long conversation; `wanted` are
    tools of MCP servers, which the servers describe; `delegates` the agents that it may delegate to, by name.
    """

    agent: Agent
    models: tuple[Model, ...]
    tools: Mapping[str, Tool]
    name: str = ""
    summary: Model | None = None
    wanted: tuple[WantedTools, ...] = ()
    delegates: Mapping[str, Agent] = {}
