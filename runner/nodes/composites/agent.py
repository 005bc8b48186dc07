"""`agent`: asks an agent; a conversation of recorded model and tool calls."""

from __future__ import annotations

import msgspec

from runner.ground.errors import RETRYABLE
from runner.language.template import Template
from runner.nodes.contract import AgentUse, Ended, Kind, Opened, Settled, Shape, Stay, View
from runner.nodes.conversation import Conversation, Message
from runner.workflow.compiler import NodeReader
from runner.workflow.model import Node, Traits


class AgentSpec(msgspec.Struct, frozen=True):
    """Who is asked what."""

    use: AgentUse
    prompt: Template


def build(reader: NodeReader) -> AgentSpec:
    use = AgentUse(reader.agent("agent"), **reader.agent_keys())
    return AgentSpec(use, reader.text("prompt"))


def traits(spec: AgentSpec) -> Traits:
    return Traits(agent=spec.use.agent, model=spec.use.model, fallback=spec.use.fallback)


def open_(node: Node, view: View) -> Opened:
    return _conversation(node, view).go_on()


def settle(node: Node, view: View, _ended: Ended) -> Settled:
    return Stay() if view.open else _conversation(node, view).go_on()


def _conversation(node: Node, view: View) -> Conversation:
    spec: AgentSpec = node.spec
    resolved = view.agent(spec.use)

    def opening() -> list[Message]:
        told = resolved.agent.instructions
        system = [{"role": "system", "content": view.text(told)}] if told is not None else []
        return [*system, {"role": "user", "content": view.text(spec.prompt)}]

    return Conversation(resolved, view, opening)


KIND = Kind(
    verb="agent",
    build=build,
    open=open_,
    settle=settle,
    traits=traits,
    timed_as_whole=True,
    retried_as_whole=False,
    anew_after=frozenset({"output_invalid"}),
    retried=RETRYABLE | {"output_invalid"},
    takes_defaults=True,
    shape=Shape(("(", ")")),
)
