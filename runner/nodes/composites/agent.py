"""`agent`: asks an agent; a conversation of recorded model and tool calls."""

from __future__ import annotations

import json
from collections.abc import Mapping

import msgspec

from runner.ground.errors import RETRYABLE, Failure
from runner.ground.json_value import Json
from runner.language.template import Template
from runner.nodes.composites.reply import parse_reply
from runner.nodes.contract import (
    AgentUse,
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
from runner.record.events import StepStarted
from runner.record.run_state import Child
from runner.workflow.compiler import NodeReader
from runner.workflow.model import Agent, Model, Node
from runner.world.calls import ModelCall
from runner.world.providers.contract import Reply, ToolCall

MAX_REPAIRS = 2
"""How often a model is asked again when its reply does not fit its schema."""

MAX_CALLS = 50
"""How many model and tool calls one visit may make."""

FALLS_BACK = RETRYABLE | {"credit_exhausted"}


class AgentSpec(msgspec.Struct, frozen=True):
    """Who is asked what."""

    use: AgentUse
    prompt: Template


def build(reader: NodeReader) -> AgentSpec:
    for key in ("model", "fallback"):
        reader.check_models(key)
    fallback, tools = reader.get("fallback"), reader.get("tools")
    use = AgentUse(
        reader.agent("agent"),
        reader.get("model", default=""),
        None if fallback is None else tuple(fallback),
        None if tools is None else tuple(reader.tool("tools", position) for position in range(len(tools))),
        reader.text("instructions") if reader.get("instructions") is not None else None,
        reader.schema("output_schema"),
        reader.get("temperature"),
        reader.get("max_reply_tokens"),
    )
    return AgentSpec(use, reader.text("prompt"))


class _Talk(msgspec.Struct):
    """The conversation as the ended calls make it, and what comes next."""

    messages: list[dict[str, Json]]
    calls: int = 0
    fallbacks: int = 0
    repairs: int = 0


def open_(node: Node, view: View) -> Opened:
    return _turn(node, view)


class _Message(msgspec.Struct):
    role: str


class _Request(msgspec.Struct):
    """A model call in short, as readers of the record take it apart."""

    model: str
    messages: list[_Message]


def calls(node: Node, view: View, started: StepStarted) -> bool:
    """Whether the conversation so far leads to this call."""
    answer = _turn(node, view)
    children = answer.children if isinstance(answer, Spawn) else ()
    call = next((child.call for child in children if isinstance(child, SubCall) and child.key == started.key), None)
    if isinstance(call, ModelCall):
        return started.agent == call.agent and _is_request(started.request)
    return call is not None and not started.agent


def _is_request(request: Mapping[str, Json]) -> bool:
    try:
        msgspec.convert(request, _Request)
    except msgspec.ValidationError:
        return False
    return True


def settle(node: Node, view: View, _ended: Ended) -> Answer:
    if view.open:
        return Stay()
    return _turn(node, view)


def _turn(node: Node, view: View) -> Spawn | Done | Failed:
    """Replay the recorded calls of this step, and say what follows them."""
    spec: AgentSpec = node.spec
    resolved = view.agent(spec.use)
    talk = _Talk(_opening(spec, resolved.agent, view))
    while (child := view.children.get(_key(talk.calls + 1))) is not None:
        talk.calls += 1
        answer = _replay(talk, child, resolved, view)
        if answer is not None:
            return answer
    return _endless() if talk.calls >= MAX_CALLS else Spawn((_ask(talk, resolved),))


def _endless() -> Failed:
    return Failed(Failure("loop_limit", f"the agent makes more than {MAX_CALLS} calls without coming to an end"))


def _key(number: int) -> str:
    return f"call#{number}"


def _opening(spec: AgentSpec, agent: Agent, view: View) -> list[dict[str, Json]]:
    told = agent.instructions
    system = [{"role": "system", "content": view.text(told)}] if told is not None else []
    return [*system, {"role": "user", "content": view.text(spec.prompt)}]


def _ask(talk: _Talk, resolved: ResolvedAgent) -> SubCall:
    agent = resolved.agent
    model: Model = resolved.models[talk.fallbacks]
    call = ModelCall(
        agent.name,
        model.name,
        tuple(talk.messages),
        agent.max_reply_tokens or model.max_reply_tokens,
        agent.temperature if agent.temperature is not None else model.temperature,
        dict(agent.output_schema) if agent.output_schema is not None else None,
        tuple(
            {"name": tool.name, "description": tool.description, "schema": dict(tool.inputs)}
            for tool in resolved.tools.values()
        ),
    )
    since = max(
        (position for position, message in enumerate(talk.messages) if message["role"] == "assistant"), default=-1
    )
    return SubCall(_key(talk.calls + 1), call, {"model": model.name, "messages": talk.messages[since + 1 :]})


def _replay(talk: _Talk, child: Child, resolved: ResolvedAgent, view: View) -> Spawn | Done | Failed | None:
    if child.status != "completed":
        return _after_failure(talk, child, resolved, view)
    reply: Reply = child.output
    if reply["tool_calls"]:
        return _tool_round(talk, reply, resolved, view)
    talk.messages.append({"role": "assistant", "content": reply["text"]})
    schema = resolved.agent.output_schema
    if schema is None:
        return Done(reply["text"])
    value, trouble = parse_reply(reply["text"], schema)
    if not trouble:
        return Done(value)
    talk.repairs += 1
    if talk.repairs > MAX_REPAIRS:
        return Failed(
            Failure(
                "output_invalid",
                f"the reply does not fit its schema: {trouble}",
                {"reply": reply["text"][:2000]},
            )
        )
    talk.messages.append(
        {"role": "user", "content": f"That does not fit: {trouble}. Reply again, with the corrected JSON alone."}
    )
    return None


def _after_failure(talk: _Talk, child: Child, resolved: ResolvedAgent, view: View) -> Failed | None:
    error = child.error or {}
    talk.fallbacks += 1
    if error["type"] in FALLS_BACK and talk.fallbacks < len(resolved.models):
        return None
    return Failed(Failure(error["type"], error["message"], error["details"]), error={**error, "step": view.step})


def _tool_round(talk: _Talk, reply: Reply, resolved: ResolvedAgent, view: View) -> Spawn | Failed | None:
    """The tools that a reply asked for, each a call of its own; their results, once all are there, go to the model."""
    wanted = reply["tool_calls"]
    if talk.calls + len(wanted) > MAX_CALLS:
        return _endless()
    talk.messages.append({"role": "assistant", "content": reply["text"], "tool_calls": wanted})
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


def _refusal(asked: ToolCall, resolved: ResolvedAgent, view: View) -> str | None:
    if asked["tool"] not in resolved.tools:
        return f"error: there is no tool '{asked['tool']}'; the tools are: {', '.join(resolved.tools) or 'none'}"
    if not isinstance(asked["with"], dict):
        return f"error: the arguments of tool '{asked['tool']}' are to be a JSON object"
    try:
        tool_call(resolved.tools[asked["tool"]], asked["with"], view.folder)
    except StepFailed as error:
        return f"error: {error.failure.message}"
    return None


def _tool(asked: ToolCall, resolved: ResolvedAgent, view: View, number: int) -> SubCall:
    call = tool_call(resolved.tools[asked["tool"]], asked["with"], view.folder)
    return SubCall(_key(number), call, {"tool": asked["tool"], "with": asked["with"]})


def _tool_result(child: Child) -> str:
    if child.status != "completed":
        return f"error: {(child.error or {}).get('message', child.status)}"
    return child.output if isinstance(child.output, str) else json.dumps(child.output, ensure_ascii=False)


KIND = Kind("agent", build, open_, settle, calls=calls)
