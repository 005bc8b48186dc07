"""`agent`: asks an agent; a conversation of recorded model and tool calls."""

from __future__ import annotations

import json
from collections.abc import Mapping

import msgspec

from runner.calls import ModelCall
from runner.compiler import NodeReader
from runner.errors import RETRYABLE, Failure
from runner.model import Agent, Json, Model, Node
from runner.nodes.composites.reply import parse_reply
from runner.nodes.contract import (
    Answer,
    Done,
    Ended,
    Failed,
    Kind,
    Opened,
    ResolvedAgent,
    Spawn,
    Stay,
    StepFailed,
    SubCall,
    View,
)
from runner.nodes.leaves.tool import tool_call
from runner.state import Child
from runner.template import Template

MAX_REPAIRS = 2
"""How often a model is asked again when its reply does not fit its schema."""

MAX_CALLS = 50
"""How many model and tool calls one visit may make."""

FALLS_BACK = RETRYABLE | {"credit_exhausted"}


class AgentSpec(msgspec.Struct, frozen=True):
    """Who is asked what. The node's own keys win over the agent's."""

    agent: str | Agent
    prompt: Template
    instructions: Template | None
    model: str
    fallback: tuple[str, ...]
    output_schema: Mapping[str, Json] | None


def build(reader: NodeReader) -> AgentSpec:
    for key in ("model", "fallback"):
        reader.check_models(key)
    return AgentSpec(
        reader.agent("agent"),
        reader.text("prompt"),
        reader.text("instructions") if reader.get("instructions") is not None else None,
        reader.get("model", default=""),
        tuple(reader.get("fallback", default=())),
        reader.schema("output_schema"),
    )


class _Talk(msgspec.Struct):
    """The conversation as the ended calls make it, and what comes next."""

    messages: list[dict[str, Json]]
    calls: int = 0
    fallbacks: int = 0
    repairs: int = 0


def open_(node: Node, view: View) -> Opened:
    return _turn(node, view)


def settle(node: Node, view: View, _ended: Ended) -> Answer:
    if view.open:
        return Stay()
    return _turn(node, view)


def _turn(node: Node, view: View) -> Spawn | Done | Failed:
    """Replay the recorded calls of this step, and say what follows them."""
    spec: AgentSpec = node.spec
    resolved = view.agent(spec.agent, spec.model, spec.fallback)
    schema = spec.output_schema if spec.output_schema is not None else resolved.agent.output_schema
    talk = _Talk(_opening(spec, resolved, view))
    while (child := view.children.get(_key(talk.calls + 1))) is not None:
        talk.calls += 1
        answer = _replay(talk, child, resolved, schema, view)
        if answer is not None:
            return answer
    if talk.calls >= MAX_CALLS:
        return Failed(Failure("loop_limit", f"the agent made {MAX_CALLS} calls without coming to an end"))
    return Spawn((_ask(talk, resolved, schema),))


def _key(number: int) -> str:
    return f"call#{number}"


def _opening(spec: AgentSpec, resolved: ResolvedAgent, view: View) -> list[dict[str, Json]]:
    instructions = spec.instructions or resolved.agent.instructions
    system = [{"role": "system", "content": view.text(instructions)}] if instructions is not None else []
    return [*system, {"role": "user", "content": view.text(spec.prompt)}]


def _ask(talk: _Talk, resolved: ResolvedAgent, schema: Mapping[str, Json] | None) -> SubCall:
    agent = resolved.agent
    model: Model = resolved.models[talk.fallbacks]
    call = ModelCall(
        agent.name,
        model.name,
        tuple(talk.messages),
        agent.max_reply_tokens or model.max_reply_tokens,
        agent.temperature if agent.temperature is not None else model.temperature,
        dict(schema) if schema is not None else None,
        tuple(
            {"name": tool.name, "description": tool.description, "schema": dict(tool.inputs)}
            for tool in resolved.tools.values()
        ),
    )
    since = max(
        (position for position, message in enumerate(talk.messages) if message["role"] == "assistant"), default=-1
    )
    return SubCall(_key(talk.calls + 1), call, {"model": model.name, "messages": talk.messages[since + 1 :]})


def _replay(
    talk: _Talk, child: Child, resolved: ResolvedAgent, schema: Mapping[str, Json] | None, view: View
) -> Spawn | Done | Failed | None:
    if child.status != "completed":
        return _after_failure(talk, child, resolved)
    if child.output["tool_calls"]:
        return _tool_round(talk, child.output, resolved, view)
    talk.messages.append({"role": "assistant", "content": child.output["text"]})
    if schema is None:
        return Done(child.output["text"])
    value, trouble = parse_reply(child.output["text"], schema)
    if not trouble:
        return Done(value)
    talk.repairs += 1
    if talk.repairs > MAX_REPAIRS:
        return Failed(
            Failure(
                "output_invalid",
                f"the reply does not fit its schema: {trouble}",
                {"reply": child.output["text"][:2000]},
            )
        )
    talk.messages.append(
        {"role": "user", "content": f"That does not fit: {trouble}. Reply again, with the corrected JSON alone."}
    )
    return None


def _after_failure(talk: _Talk, child: Child, resolved: ResolvedAgent) -> Failed | None:
    error = child.error or {}
    talk.fallbacks += 1
    if error["type"] in FALLS_BACK and talk.fallbacks < len(resolved.models):
        return None
    return Failed(Failure(error["type"], error["message"], error["details"]))


def _tool_round(talk: _Talk, output: Mapping[str, Json], resolved: ResolvedAgent, view: View) -> Spawn | None:
    """The tools that a reply asked for, each a call of its own; their results, once all are there, go to the model."""
    wanted = output["tool_calls"]
    talk.messages.append({"role": "assistant", "content": output["text"], "tool_calls": wanted})
    pending: list[SubCall] = []
    for asked in wanted:
        answer = _refusal(asked, resolved, view)
        if answer is None:
            talk.calls += 1
            ended = view.children.get(_key(talk.calls))
            if ended is None:
                pending.append(_tool(asked, resolved, view, talk.calls))
                continue
            answer = _tool_result(ended)
        talk.messages.append({"role": "tool", "tool_call_id": asked["id"], "content": answer})
    return Spawn(tuple(pending)) if pending else None


def _refusal(asked: Mapping[str, Json], resolved: ResolvedAgent, view: View) -> str | None:
    if asked["tool"] not in resolved.tools:
        return f"error: there is no tool '{asked['tool']}'; the tools are: {', '.join(resolved.tools) or 'none'}"
    try:
        tool_call(resolved.tools[asked["tool"]], asked["with"], view.folder)
    except StepFailed as error:
        return f"error: {error.failure.message}"
    return None


def _tool(asked: Mapping[str, Json], resolved: ResolvedAgent, view: View, number: int) -> SubCall:
    call = tool_call(resolved.tools[asked["tool"]], asked["with"], view.folder)
    return SubCall(_key(number), call, {"tool": asked["tool"], "with": asked["with"]})


def _tool_result(child: Child) -> str:
    if child.status != "completed":
        return f"error: {(child.error or {}).get('message', child.status)}"
    return child.output if isinstance(child.output, str) else json.dumps(child.output, ensure_ascii=False)


KIND = Kind("agent", build, open_, settle)
