"""What model servers answer, odd forms too, made into the one form that litellm reads: of a chat completion. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import msgspec

from runner.ground.json_value import Json

Object = dict[str, Json]

_ERROR = 400
_NO_ERROR = 600
_STATUS = re.compile("[45][0-9][0-9]")


class Trouble(msgspec.Struct, frozen=True):
    """Why an answer can't be used. `status` is HTTP's, or the code that the body tells; `codes` are its words for it.

    `said` is the server's own message, `wrong` ours, for an answer that is no reply; `usage` what it counted for that.
    """

    status: int | None = None
    codes: tuple[str, ...] = ()
    said: str = ""
    wrong: str = ""
    usage: Object | None = None


def read_answer(status: int, body: bytes, *, is_completion: bool) -> Object | Trouble:
    """The answer that a body holds. `is_completion`: a chat completion was asked for, by OpenAI's protocol."""
    try:
        answer = json.loads(body.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        answer = None
    if status >= _ERROR:
        return _refused(status, _error_in(answer), body)
    if not isinstance(answer, dict):
        return Trouble(wrong="the provider's answer is no JSON object")
    if (trouble := read_error(answer)) is not None:
        return trouble
    if is_completion or "choices" in answer:
        return read_completion(answer)
    return _other_protocol(answer)


def read_error(answer: Json) -> Trouble | None:
    """The error that a body, or a part of an answer, is; None where it is none."""
    error = _error_in(answer)
    return _trouble_of(error) if error else None


def _refused(status: int, error: Object, body: bytes) -> Trouble:
    """An answer with a status that is an error: what its body says of it, else the body's text."""
    told = _trouble_of(error)
    return Trouble(status, told.codes, told.said or ("" if error else body.decode("utf-8", "replace")))


def _error_in(answer: Json) -> Object:
    """The error that a body is, in the forms that are in use; {} where it is none."""
    if not isinstance(answer, dict):
        return {}
    if answer.get("object") == "error":
        return answer
    found = answer.get("error") or (not answer.get("choices") and _first(answer.get("errors"))) or answer.get("detail")
    if isinstance(found, dict):
        return found if any(found.values()) else {}
    return {"message": found if isinstance(found, str) else _json(found)} if found else {}


def _trouble_of(error: Mapping[str, Json]) -> Trouble:
    named = [error.get(key) for key in ("code", "type", "status")]
    statuses = [status for name in named if (status := _as_status(name)) is not None]
    said = error.get("message") or ""
    return Trouble(
        next(iter(statuses), None),
        tuple(name for name in named if isinstance(name, str)),
        said if isinstance(said, str) else _json(said),
    )


def _as_status(code: Json) -> int | None:
    """An HTTP status that is told as a code: 429, or "429"."""
    number = int(code) if isinstance(code, str) and _STATUS.fullmatch(code) else code
    return number if type(number) is int and _ERROR <= number < _NO_ERROR else None


def read_completion(answer: Object) -> Object | Trouble:
    """A chat completion in its plain form: one choice, and of all else what is read of it."""
    choice = _first(answer.get("choices"))
    if not isinstance(choice, dict):
        return Trouble(wrong="the provider's answer holds no reply (choices: [])", usage=_counted(answer))
    if choice.get("finish_reason") == "error" or _error_in({"error": choice.get("error")}):
        return _trouble_of(_error_in({"error": choice.get("error")}))
    message = _message(choice)
    if message is None:
        return Trouble(wrong="the provider's answer holds no message", usage=_counted(answer))
    finish = _FINISHES.get(str(choice.get("finish_reason")).lower(), "stop")
    plain = {
        "id": "reply",
        "object": "chat.completion",
        "created": 0,
        "model": str(answer.get("model") or "unknown"),
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
    }
    if usage := _counted(answer):
        plain["usage"] = {**usage, "total_tokens": usage["prompt_tokens"] + usage["completion_tokens"]}
    return plain


def _counted(answer: Mapping[str, Json]) -> Object:
    return _usage(answer.get("usage"), ("prompt_tokens", "completion_tokens"))


_FINISHES = {
    **{name: name for name in ("stop", "length", "content_filter", "tool_calls")},
    **dict.fromkeys(("max_tokens", "max_output_tokens", "model_length"), "length"),
    **dict.fromkeys(("safety", "filtered"), "content_filter"),
    "function_call": "tool_calls",
}


def _message(choice: Mapping[str, Json]) -> Object | None:
    """A choice's message: its text (content in parts is joined), and its tool calls, in the old form too."""
    message = choice.get("message")
    if message is None and isinstance(choice.get("text"), str):
        message = choice["text"]
    if isinstance(message, str):
        message = {"content": message}
    if not isinstance(message, dict):
        return None
    parts = message.get("content")
    refusal = message.get("refusal") or _joined(parts, "refusal")
    calls = [call for sent in _calls_in(message) if (call := _call(sent)) is not None]
    plain: Object = {"role": "assistant", "content": _joined(parts, "text") or None}
    if isinstance(refusal, str) and refusal:
        plain["refusal"] = refusal
    return {**plain, "tool_calls": calls} if calls else plain


def joined_text(content: Json) -> str:
    """The text of a content: text, one part, or a list of parts."""
    return _joined(content, "text")


def _joined(content: Json, key: str) -> str:
    """The text of content, or its refusal: content is text, one part, or a list of parts."""
    if isinstance(content, str):
        return content if key == "text" else ""
    if isinstance(content, dict):
        text = content.get(key)
        return text if isinstance(text, str) and content.get("type") not in _UNSAID else ""
    if isinstance(content, list):
        return "".join(_joined(part, key) for part in content)
    return "" if content is None or key != "text" else _json(content)


_UNSAID = frozenset({"thinking", "reasoning", "redacted_thinking"})
"""Parts of a content that are not what the model says."""


def _calls_in(message: Mapping[str, Json]) -> list[Json]:
    calls = message.get("tool_calls") or []
    found = calls if isinstance(calls, list) else [calls]
    old = message.get("function_call")
    return found or ([{"function": old}] if old else [])


def _call(sent: Json) -> Object | None:
    """A tool call, its arguments as text; one that names no tool has no name, for the agent to refuse."""
    if not isinstance(sent, dict):
        return None
    inner = sent.get("function")
    function: Object = inner if isinstance(inner, dict) else sent
    arguments = function.get("arguments")
    identity, name = sent.get("id"), function.get("name")
    return {
        "id": str(identity) if isinstance(identity, str | int) else "",
        "type": "function",
        "function": {
            "name": name if isinstance(name, str) else "",
            "arguments": arguments if isinstance(arguments, str) else "{}" if arguments is None else _json(arguments),
        },
    }


def _usage(usage: Json, counts: tuple[str, str]) -> Object:
    """The numbers in a usage; {} if one of `counts` is none: what is not known is not guessed."""
    if not isinstance(usage, dict):
        return {}
    told = {key: number for key, value in usage.items() if (number := _count(value)) is not None}
    if not all(name in told for name in counts):
        return {}
    parts = {key: value for key, value in usage.items() if isinstance(value, dict)}
    details = {
        key: {name: number for name, value in part.items() if (number := _count(value)) is not None}
        for key, part in parts.items()
    }
    return {**told, **details}


def _count(value: Json) -> int | None:
    """A number of tokens, or None: of a type that is no number, negative, or no whole one."""
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and value >= 0 else None


def _other_protocol(answer: Object) -> Object:
    """Anthropic's or Gemini's answer. Counts that are none are zeros there, which is read as unknown."""
    if "candidates" in answer:
        usage, counts = "usageMetadata", ("promptTokenCount", "candidatesTokenCount")
    elif answer.get("type") == "message":
        usage, counts = "usage", ("input_tokens", "output_tokens")
        content = answer.get("content") or []
        answer = {**answer, "content": [{"type": "text", "text": content}] if isinstance(content, str) else content}
    else:
        return answer
    return {**answer, usage: _usage(answer.get(usage), counts) or dict.fromkeys(counts, 0)}


def _first(items: Json) -> Json:
    return items[0] if isinstance(items, list) and items else None


def _json(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)
