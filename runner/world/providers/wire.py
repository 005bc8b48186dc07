"""A model call in the form that litellm takes, and the reply back out of it."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping

import msgspec

from runner.ground.errors import Failure
from runner.ground.json_text import NotJson, parse_json
from runner.ground.json_value import Json
from runner.world.calls import ModelCall
from runner.world.providers.contract import Reply, ToolCall
from runner.world.providers.parts import parts_of

_UNCLEAN = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST_NAME = 64
_SCHEMA_PROMPT = "Answer with one JSON value alone, without code fences, that fits this JSON Schema:"


class ToolNames:
    """Tools' names as providers take them (`[A-Za-z0-9_-]`, 64 at most), and back: `git/log` is sent as `git__log`."""

    def __init__(self, names: tuple[str, ...]) -> None:
        taken = Counter(_clean(name) for name in names)
        self._sent = {name: _clean(name) if taken[_clean(name)] == 1 else _hashed(name) for name in names}
        self._meant = {sent: name for name, sent in self._sent.items()}

    def sent(self, name: str) -> str:
        return self._sent.get(name) or _clean(name)

    def meant(self, sent: str) -> str:
        """The tool that a model means; a name that was not offered stays as it is."""
        return self._meant.get(sent, sent)


def _clean(name: str) -> str:
    clean = _UNCLEAN.sub("__", name)
    return clean if len(clean) <= _LONGEST_NAME else _hashed(name)


def _hashed(name: str) -> str:
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{_UNCLEAN.sub('_', name)[: _LONGEST_NAME - 9]}_{digest}"


def request_of(call: ModelCall, names: ToolNames, *, takes_schema: bool) -> dict[str, Json]:
    """The call as keyword arguments of a completion. A schema that the model does not take is put into the prompt."""
    schema = call.output_schema
    messages = [_message(message, names) for message in call.messages]
    request: dict[str, Json] = {"messages": messages, "max_tokens": call.max_reply_tokens}
    if call.temperature is not None:
        request["temperature"] = call.temperature
    if call.tools:
        request["tools"] = [_tool(tool, names) for tool in call.tools]
    if schema is not None and takes_schema:
        described = {"name": "reply", "schema": schema, "strict": False}
        request["response_format"] = {"type": "json_schema", "json_schema": described}
    elif schema is not None:
        request["messages"] = _instructed(messages, f"{_SCHEMA_PROMPT}\n{_json(schema)}")
    return request


def _message(message: Mapping[str, Json], names: ToolNames) -> dict[str, Json]:
    if message.get("files"):
        return parts_of(message)
    if not message.get("tool_calls"):
        return {key: value for key, value in message.items() if key != "tool_calls"}
    calls = [_function_call(call, names) for call in message["tool_calls"]]
    return {**message, "content": message.get("content") or None, "tool_calls": calls}


def _function_call(call: ToolCall, names: ToolNames) -> dict[str, Json]:
    arguments = call["with"]
    if not isinstance(arguments, dict):
        arguments = {"not_an_object": arguments}
    function = {"name": names.sent(call["tool"]), "arguments": _json(arguments)}
    return {"id": call["id"], "type": "function", "function": function}


def _tool(tool: Mapping[str, Json], names: ToolNames) -> dict[str, Json]:
    schema = tool.get("schema") or {"type": "object", "properties": {}}
    function = {"name": names.sent(tool["name"]), "description": tool.get("description", ""), "parameters": schema}
    return {"type": "function", "function": function}


def _instructed(messages: list[dict[str, Json]], instruction: str) -> list[dict[str, Json]]:
    """The messages with one more instruction, in the one system message that all providers take: the first."""
    if messages and messages[0]["role"] == "system":
        first = {**messages[0], "content": f"{messages[0]['content']}\n\n{instruction}"}
        return [first, *messages[1:]]
    return [{"role": "system", "content": instruction}, *messages]


def _json(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)


class Answer(msgspec.Struct, frozen=True):
    """What a provider sent: one choice. A tool call is its id, name and arguments, as sent."""

    text: str = ""
    refusal: str = ""
    tool_calls: tuple[tuple[str, str, str], ...] = ()
    finish: str = "stop"


def reply_of(answer: Answer, call: ModelCall, names: ToolNames) -> Reply | Failure:
    """The answer as a Reply; a Failure where there is none in it. One that was cut is for the agent to judge."""
    text = readable(answer.text)
    if problem := _problem(answer, text, call):
        details = {"reply": text, "errors": [problem], "finish": answer.finish}
        return Failure("output_invalid", f"{call.model}: {problem}", details)
    calls = [_tool_call(sent, names) for sent in answer.tool_calls]
    finish = "tool_calls" if calls and answer.finish != "length" else answer.finish
    return Reply(text=text, tool_calls=calls, finish=finish if finish in {"tool_calls", "length"} else "stop")


def _problem(answer: Answer, text: str, call: ModelCall) -> str:
    is_empty = not text.strip() and not answer.tool_calls
    if answer.finish == "content_filter":
        return "the provider's content filter stopped the reply"
    if answer.refusal and is_empty:
        return f"the model refuses: {readable(answer.refusal)[:300]}"
    if answer.finish == "length":
        used_up = f"max_reply_tokens ({call.max_reply_tokens}) was used up before the model said anything: raise it"
        return used_up if is_empty and call.output_schema is None else ""
    return "the reply is empty" if is_empty else ""


def _tool_call(sent: tuple[str, str, str], names: ToolNames) -> ToolCall:
    identity, name, arguments = sent
    return {"id": readable(identity), "tool": names.meant(readable(name)), "with": _arguments(arguments)}


def _arguments(text: str) -> Json:
    try:
        value = parse_json(text.strip() or "{}")
    except NotJson:
        return readable(text)
    return value if isinstance(value, dict) else readable(text)


def readable(text: str) -> str:
    """`text` with a replacement character for each half of a surrogate pair: UTF-8 has no place for it."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
