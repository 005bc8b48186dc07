"""The agent that a step asks, once it is known by which name: its models, its tools, and whom it may delegate to."""

from __future__ import annotations

import msgspec

from runner.engine.scheduler.live import Live
from runner.ground.errors import Failure
from runner.nodes.agent_use import AgentUse, OneOf, ResolvedAgent
from runner.nodes.contract import StepFailed
from runner.record.run_state import Frame
from runner.workflow.mcp_servers import server_of
from runner.workflow.model import Agent


class Asked(msgspec.Struct, frozen=True):
    """The agent that a step asks, as it was named, and what its node says beside that.

    Its models and tools are seen from one frame, the agents that it may delegate to from one that may be another. It
    stands inside so many (`depth`) agents that have delegated to each other.
    """

    name: str | Agent
    agent: Agent
    said: AgentUse
    seen_from: Frame
    delegates_from: Frame
    depth: int = 0

    def tools_from(self, frame: Frame) -> tuple[Frame, tuple[str, ...]]:
        """The names of its tools, and a frame of the workflow that declares them; `frame` is where its node stands."""
        return (self.seen_from, self.agent.tools) if self.said.tools is None else (frame, self.said.tools)


def find(live: Live, agent: str | Agent, frame: Frame) -> tuple[Agent, Frame]:
    """An agent as seen from a frame, and a frame of the workflow that it belongs to. Raises StepFailed."""
    try:
        return live.agent(frame, agent)
    except KeyError:
        raise StepFailed(Failure("agent_not_found", f"there is no agent '{agent}' here")) from None


def resolved(live: Live, asked: Asked, frame: Frame) -> ResolvedAgent:
    """The agent with what its node says in its place: what that names is of the workflow of `frame`, where it stands.

    Raises StepFailed.
    """
    found, said, home, here = asked.agent, asked.said, live.workflow_of(asked.seen_from), live.workflow_of(frame)
    first = (here, said.model) if said.model else (home, found.model)
    rest = [(home, name) for name in found.fallback] if said.fallback is None else [(here, n) for n in said.fallback]
    models = tuple(live.model(workflow, name) for workflow, name in (first, *rest))
    declaring, names = asked.tools_from(frame)
    tools = {name: live.workflow_of(declaring).tools[name] for name in names if not server_of(name)[0]}
    name = str(asked.name) if isinstance(said.agent, OneOf) else ""
    agent = _as_used(found, said)
    bound, teller = agent.context, here if said.context is not None else home
    summary = live.model(teller, bound.summary) if bound is not None and bound.summary is not None else None
    delegates = {other: find(live, other, asked.delegates_from)[0] for other in agent.agents}
    return ResolvedAgent(agent, models, tools, name, summary, delegates=delegates)


def _as_used(agent: Agent, use: AgentUse) -> Agent:
    said = {key: getattr(use, key) for key in _OWN_WORDS}
    return msgspec.structs.replace(agent, **{key: value for key, value in said.items() if value is not None})


_OWN_WORDS = (
    "instructions",
    "agents",
    "output_schema",
    "temperature",
    "max_reply_tokens",
    "max_turns",
    "context",
    "limits",
)
"""What a node may say of an agent itself, beside its models and tools."""
