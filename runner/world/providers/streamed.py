"""An answer that comes in pieces: server-sent events of OpenAI's protocol, put together into one completion. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator

from runner.ground.json_value import Json
from runner.world.providers.answers import Object, Trouble, joined_text, read_error

_END = "[DONE]"


class Assembly:
    """What has come of an answer so far.

    `is_whole` once the server has said that it ends: by `[DONE]`, or by why the reply is over. A stream that ends
    otherwise was cut.
    """

    def __init__(self) -> None:
        self.trouble: Trouble | None = None
        self.is_whole = False
        self._unread = b""
        self._event: list[str] = []
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._calls: list[dict[str, str]] = []
        self._places: dict[int, dict[str, str]] = {}
        self._half = ""
        self._answer: Object = {}
        self._choice: Object = {}

    def take(self, part: bytes) -> str:
        """Take in the next bytes of the stream; the reply's text that is new in them."""
        *lines, self._unread = (self._unread + part).replace(b"\r\n", b"\n").split(b"\n")
        return "".join(self._line(line.decode("utf-8", "replace")) for line in lines)

    def end(self) -> str:
        """The stream has ended: a last line need not."""
        return self.take(b"\n\n")

    def completion(self) -> Object:
        """The completion, as if it had come in one piece. The first choice alone counts."""
        message: Object = {"role": "assistant", "content": "".join(self._text) + self._half}
        if self._refusal:
            message["refusal"] = "".join(self._refusal)
        if self._calls:
            message["tool_calls"] = [
                {"id": call["id"], "function": {"name": call["name"], "arguments": call["arguments"]}}
                for call in self._calls
            ]
        return {**self._answer, "choices": [{**self._choice, "message": message}]}

    def _line(self, line: str) -> str:
        if line.startswith("data:"):
            self._event.append(line[5:].removeprefix(" "))
        elif not line and self._event:
            told, self._event = "\n".join(self._event), []
            return self._take_event(told)
        return ""

    def _take_event(self, told: str) -> str:
        if told.strip() == _END:
            self.is_whole = True
            return ""
        try:
            event = json.loads(told)
        except (ValueError, RecursionError):
            event = None
        if not isinstance(event, dict):
            self.trouble = self.trouble or Trouble(wrong="the provider's answer holds an event that is no JSON object")
            return ""
        return self._take_chunk(event)

    def _take_chunk(self, chunk: Object) -> str:
        self.trouble = self.trouble or read_error(chunk)
        if model := chunk.get("model"):
            self._answer["model"] = model
        if usage := chunk.get("usage"):
            self._answer["usage"] = usage
        choices = chunk.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict) or choice.get("index") not in (0, None):
            return ""
        self._choice |= {key: choice[key] for key in ("finish_reason", "error") if choice.get(key)}
        self.is_whole |= bool(choice.get("finish_reason"))
        delta = choice.get("delta") or choice.get("message")
        return self._take_delta(delta) if isinstance(delta, dict) else ""

    def _take_delta(self, delta: Object) -> str:
        self._refusal += [refusal] if isinstance(refusal := delta.get("refusal"), str) else []
        for sent in _calls_in(delta):
            self._take_call(sent)
        return self._take_text(joined_text(delta.get("content")))

    def _take_text(self, text: str) -> str:
        """Keep a text; but half a character that its end may be waits for the other half."""
        text, self._half = self._half + text, ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        self._text += [text] if text else []
        return text

    def _take_call(self, sent: Object) -> None:
        """Add to the tool call that a piece belongs to: by its place, or the last one; another id begins another."""
        inner = sent.get("function")
        function = inner if isinstance(inner, dict) else {}
        identity, name, arguments = map(_text, (sent.get("id"), function.get("name"), function.get("arguments")))
        told = sent.get("index")
        place: int = told if isinstance(told, int) else max(self._places, default=0)
        call = self._places.get(place)
        if call is None or (identity and call["id"] and identity != call["id"]):
            call = self._places[place] = {"id": "", "name": "", "arguments": ""}
            self._calls.append(call)
        call["id"] = call["id"] or identity
        call["name"] = call["name"] or name
        call["arguments"] += arguments


def _calls_in(delta: Object) -> Iterator[Object]:
    calls = delta.get("tool_calls") or []
    yield from (call for call in (calls if isinstance(calls, list) else [calls]) if isinstance(call, dict))
    if isinstance(old := delta.get("function_call"), dict):
        yield {"index": 0, "function": old}


def _text(value: Json) -> str:
    """A piece as text; an object of arguments comes whole, as JSON; nothing is none."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)
