"""A conversation with a model: from its opening and the calls that have ended to what comes next. Pure.

A composite's memory keeps the messages, so that a turn takes in the calls that ended since the last one, and no others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

from runner.ground.errors import RETRYABLE, Failure
from runner.ground.json_text import NotJson, parse_json
from runner.ground.json_value import Json
from runner.language.schema import compile_schema
from runner.nodes.contract import Done, Failed, Memory, ResolvedAgent, Spawn, StepFailed, SubCall, View
from runner.nodes.leaves.tool import tool_call
from runner.record.address import numbered
from runner.record.events import CALL
from runner.record.run_state import Child
from runner.workflow.model import Model
from runner.world.calls import ModelCall
from runner.world.providers.contract import Reply, ToolCall

MAX_REPAIRS = 2
"""How often a model is asked again when its reply does not fit its schema."""

MAX_CALLS = 50
"""How many model and tool calls one conversation may make."""

MAX_REPLY = 1 << 20
"""How many characters a reply may have that is to be JSON."""

_FENCED = re.compile(r"\A\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*\Z", re.DOTALL)

FALLS_BACK = RETRYABLE | {"credit_exhausted"}

Message = dict[str, Json]


class Conversation:
    """A conversation as its calls have made it.

    `opening` gives the messages that it begins with. It is asked only where the memory has none: at the beginning, and
    for a record that was made before memories kept them.
    """

    def __init__(self, resolved: ResolvedAgent, view: View, opening: Callable[[], list[Message]]) -> None:
        self._resolved = resolved
        self._view = view
        self._kept: list[Message] = view.memory.get("messages", [])
        self._new: list[Message] = [] if self._kept else opening()
        self._calls: int = view.memory.get("calls", 0)
        self._fallbacks: int = view.memory.get("fallbacks", 0)
        self._repairs: int = view.memory.get("repairs", 0)

    def go_on(self) -> Spawn | Done | Failed:
        """Take in the calls that have ended, and say what follows them."""
        while True:
            last = self._new[-1] if self._new else self._kept[-1]
            if last.get("tool_calls"):
                answer: Spawn | Done | Failed | None = self._take_tools(last["tool_calls"])
            elif (child := self._view.children.get(_key(self._calls + 1))) is not None:
                self._calls += 1
                answer = self._take_reply(child)
            else:
                answer = _endless() if self._calls >= MAX_CALLS else self._spawn(self._model_call())
            if answer is not None:
                return answer

    def _spawn(self, *calls: SubCall) -> Spawn:
        numbers = {"calls": self._calls, "fallbacks": self._fallbacks, "repairs": self._repairs}
        return Spawn(calls, memory=Memory(numbers, {"messages": self._new}))

    def _model_call(self) -> SubCall:
        agent, messages = self._resolved.agent, [*self._kept, *self._new]
        model: Model = self._resolved.models[self._fallbacks]
        call = ModelCall(
            agent.name,
            model.name,
            tuple(messages),
            agent.max_reply_tokens or model.max_reply_tokens,
            agent.temperature if agent.temperature is not None else model.temperature,
            dict(agent.output_schema) if agent.output_schema is not None else None,
            tuple(
                {"name": tool.name, "description": tool.description, "schema": dict(tool.inputs)}
                for tool in self._resolved.tools.values()
            ),
        )
        return SubCall(_key(self._calls + 1), call, {"model": model.name, "messages": _since_reply(messages)})

    def _take_reply(self, child: Child) -> Done | Failed | None:
        """Take in what a model replied; None while the conversation goes on."""
        if child.status != "completed":
            return self._fall_back(child.error or {})
        reply: Reply = child.output
        if reply["tool_calls"]:
            self._new.append({"role": "assistant", "content": reply["text"], "tool_calls": reply["tool_calls"]})
            return None
        self._new.append({"role": "assistant", "content": reply["text"]})
        schema = self._resolved.agent.output_schema
        if schema is None:
            return Done(reply["text"])
        value, trouble = _parsed(reply["text"], schema)
        return self._repair(reply["text"], trouble) if trouble else Done(value)

    def _fall_back(self, error: dict[str, Json]) -> Failed | None:
        self._fallbacks += 1
        if error["type"] in FALLS_BACK and self._fallbacks < len(self._resolved.models):
            return None
        failure = Failure(error["type"], error["message"], error["details"])
        return Failed(failure, error={**error, "step": self._view.step})

    def _repair(self, text: str, trouble: str) -> Failed | None:
        self._repairs += 1
        if self._repairs > MAX_REPAIRS:
            words = f"the reply does not fit its schema: {trouble}"
            return Failed(Failure("output_invalid", words, {"reply": text[:2000]}))
        words = f"That does not fit: {trouble}. Reply again, with the corrected JSON alone."
        self._new.append({"role": "user", "content": words})
        return None

    def _take_tools(self, wanted: list[ToolCall]) -> Spawn | Failed | None:
        """The tools that a reply asked for, each a call of its own; their results, once all are there, are taken in."""
        if self._calls + len(wanted) > MAX_CALLS:
            return _endless()
        calls, results, pending = self._calls, [], []
        for asked in wanted:
            result = self._refusal(asked)
            if result is None:
                calls += 1
                ended = self._view.children.get(_key(calls))
                if ended is None:
                    pending.append(self._tool_call(asked, calls))
                    continue
                result = _result_of(ended)
            results.append({"role": "tool", "tool_call_id": asked["id"], "content": result})
        if pending:
            return self._spawn(*pending)
        self._calls = calls
        self._new += results
        return None

    def _refusal(self, asked: ToolCall) -> str | None:
        """What a model is told of a tool that can't be called like this; None for one that can."""
        tools = self._resolved.tools
        if asked["tool"] not in tools:
            return f"error: there is no tool '{asked['tool']}'; the tools are: {', '.join(tools) or 'none'}"
        if not isinstance(asked["with"], dict):
            return f"error: the arguments of tool '{asked['tool']}' are to be a JSON object"
        try:
            self._tool_call(asked, 0)
        except StepFailed as error:
            return f"error: {error.failure.message}"
        return None

    def _tool_call(self, asked: ToolCall, number: int) -> SubCall:
        call = tool_call(self._resolved.tools[asked["tool"]], asked["with"], self._view.folder)
        return SubCall(_key(number), call, {"tool": asked["tool"], "with": asked["with"]})


def _key(number: int) -> str:
    return numbered(CALL, number)


def _endless() -> Failed:
    return Failed(Failure("loop_limit", f"the agent makes more than {MAX_CALLS} calls without coming to an end"))


def _since_reply(messages: list[Message]) -> list[Message]:
    """The messages that came after the model's last reply: all that it has not been sent yet."""
    replies = (position for position in range(len(messages) - 1, -1, -1) if messages[position]["role"] == "assistant")
    return messages[next(replies, -1) + 1 :]


def _result_of(child: Child) -> str:
    """What a tool's call gave, as the text that a model is told."""
    if child.status != "completed":
        return f"error: {(child.error or {}).get('message', child.status)}"
    return child.output if isinstance(child.output, str) else json.dumps(child.output, ensure_ascii=False)


def _parsed(text: str, schema: Mapping[str, Json]) -> tuple[Json, str]:
    """The value of a JSON reply (a code fence around it is taken off), and what is wrong with it, if anything."""
    if len(text) > MAX_REPLY:
        return None, f"the reply is longer than {MAX_REPLY} characters"
    fenced = _FENCED.match(text)
    try:
        value = parse_json(fenced.group(1) if fenced else text)
    except NotJson as error:
        return None, f"the reply is no JSON: {error}"
    compiled = compile_schema(schema)
    value = compiled.received(value)
    errors = compiled.errors(value)
    if errors:
        return None, "; ".join(error.message for error in errors[:5])
    return compiled.normalise(value), ""
