"""A model server on loopback, good and bad: the first part of the path asked for says how it behaves."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from runner.ground.json_value import Json

USAGE = {"prompt_tokens": 1000, "completion_tokens": 2000, "total_tokens": 3000}
TRUNCATED_BY = 1000


def completion(message: Json, finish: str = "stop", **changes: Json) -> Json:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    head = {"id": "x", "object": "chat.completion", "created": 1, "model": "served-elsewhere"}
    return {**head, "choices": [choice], "usage": USAGE, **changes}


def tool_calls(*calls: tuple[str, str]) -> Json:
    return [
        {"id": f"c{number}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for number, (name, arguments) in enumerate(calls, start=1)
    ]


def _called(arguments: Json) -> dict[str, Json]:
    return {"id": "c1", "type": "function", "function": {"name": "git__log", "arguments": arguments}}


LOG_CALL = tool_calls(("git__log", '{"count": 3}'))
ODD_IDS: list[Json] = [None, 7, []]
ANSWERS: dict[str, Json] = {
    "ok": completion({"content": "hello"}),
    "tools": completion({"content": None, "tool_calls": LOG_CALL}, "tool_calls"),
    "odd_tools": completion({"content": "well", "tool_calls": tool_calls(("made_up", "{bad"), ("git__log", "[1]"))}),
    "cut_tools": completion({"content": None, "tool_calls": LOG_CALL}, "length"),
    "no_choices": completion({}, choices=[]),
    "null": completion({"content": None}),
    "blank": completion({"content": " \n"}),
    "refusal": completion({"content": None, "refusal": "I would rather not."}),
    "filtered": completion({"content": "He"}, "content_filter"),
    "cut": completion({"content": "Once upon"}, "length"),
    "cut_at_once": completion({"content": None}, "length"),
    "surrogate": completion({"content": "half \ud83d"}),
    "uncounted": completion({"content": "hello"}, usage=None),
    "array": [1],
    "cut_word": completion({"content": "Once upon"}, "max_tokens"),
    "cut_model": completion({"content": "Once upon"}, "model_length"),
    "in_parts": completion({"content": [{"type": "text", "text": "hel"}, {"type": "output_text", "text": "lo"}]}),
    "thought": completion({"content": [{"type": "thinking", "text": "hm"}, {"type": "text", "text": "hello"}]}),
    "one_part": completion({"content": {"type": "text", "text": "hello"}}),
    "bare_texts": completion({"content": ["hel", "lo"]}),
    "bare_message": completion({}, choices=[{"index": 0, "message": "hello"}]),
    "old_text": completion({}, choices=[{"index": 0, "text": "hello", "finish_reason": None}]),
    "more_than_asked": {
        **completion({"content": "hello", "audio": 5, "annotations": "x"}, "eos"),
        "id": 7,
        "created": "now",
    },
    "refusing_part": completion({"content": [{"type": "refusal", "refusal": "I would rather not."}]}),
    "null_message": completion({}, choices=[{"index": 0, "message": None, "finish_reason": "stop"}]),
    "no_message": completion({}, choices=[{"index": 0, "finish_reason": "stop"}]),
    "list_message": completion({}, choices=[{"index": 0, "message": ["hello"]}]),
    "null_choice": completion({}, choices=[None]),
    "null_choices": completion({}, choices=None),
    "no_answer": {},
    "old_call": completion(
        {"content": None, "function_call": {"name": "git__log", "arguments": '{"count": 3}'}}, "function_call"
    ),
    "object_arguments": completion({"content": None, "tool_calls": [_called({"count": 3})]}, "tool_calls"),
    "no_arguments": completion({"content": None, "tool_calls": [_called(None), _called(""), _called(" ")]}, "stop"),
    "list_arguments": completion({"content": None, "tool_calls": [_called([3])]}, "tool_calls"),
    "odd_ids": completion({"content": None, "tool_calls": [{**_called({}), "id": odd} for odd in ODD_IDS]}),
    "nameless": completion({"content": None, "tool_calls": [{"id": "c1", "function": {"arguments": "{}"}}, None]}),
}
"""Answers with status 200, by the mode that gives them."""

ODD_USAGES: list[Json] = [
    None,
    {},
    "many",
    [1, 2],
    {"prompt_tokens": None, "completion_tokens": 2},
    {"prompt_tokens": 1, "completion_tokens": "2"},
    {"prompt_tokens": 1, "completion_tokens": 2.5},
    {"prompt_tokens": -1, "completion_tokens": 2},
    {"prompt_tokens": True, "completion_tokens": 2},
    {"prompt_tokens": 0, "completion_tokens": 0},
    {"total_tokens": 3},
]
ANSWERS |= {f"usage_{number}": completion({"content": "hello"}, usage=usage) for number, usage in enumerate(ODD_USAGES)}
ANSWERS["usage_whole"] = completion(
    {"content": "hello"},
    usage={"prompt_tokens": 1000.0, "completion_tokens": 2000, "prompt_tokens_details": {"cached_tokens": "x"}},
)

INSIDE: dict[str, tuple[Json, str]] = {
    "number": ({"error": {"code": 429, "message": "slow down"}}, "rate_limit"),
    "digits": ({"error": {"code": "402", "message": "top up"}}, "credit_exhausted"),
    "bad_gateway": ({"error": {"code": 502, "message": "idle upstream"}, "choices": []}, "llm_down"),
    "away": ({"error": {"code": 503}}, "provider_unavailable"),
    "gone": ({"error": {"code": 404, "message": "retired"}}, "request_refused"),
    "key": ({"error": {"code": 401, "message": "who?"}}, "authentication"),
    "word": ({"error": {"type": "rate_limit_error", "message": "slow down"}}, "rate_limit"),
    "long": ({"error": {"code": "context_length_exceeded", "message": "too long"}}, "request_refused"),
    "empty_account": ({"error": {"type": "insufficient_quota", "message": "top up"}}, "credit_exhausted"),
    "overloaded": ({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}, "llm_down"),
    "google": ({"error": {"code": 8, "status": "RESOURCE_EXHAUSTED", "message": "busy"}}, "rate_limit"),
    "text": ({"error": "the model crashed"}, "llm_down"),
    "flat": ({"object": "error", "code": 400, "message": "bad", "type": "BadRequestError"}, "request_refused"),
    "several": ({"success": False, "errors": [{"code": 10000, "message": "no"}]}, "llm_down"),
    "choice": (completion({"content": ""}, "error", error={"code": 500, "message": "above"}), "llm_down"),
}
"""Errors that come with status 200, and what they are."""
for _name, _code in (("in_choice_429", 429), ("in_choice_402", 402), ("in_choice_502", 502)):
    _choice = {"index": 0, "finish_reason": "error", "message": {"role": "assistant", "content": ""}}
    _inside = {"choices": [{**_choice, "error": {"code": _code, "message": "upstream"}}]}
    INSIDE[_name] = (_inside, {429: "rate_limit", 402: "credit_exhausted", 502: "llm_down"}[_code])
ANSWERS |= {f"inside_{name}": body for name, (body, _) in INSIDE.items()}
ANTHROPIC = {
    "id": "m",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": [{"type": "text", "text": "hello"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 5, "output_tokens": 2},
}
GEMINI = {
    "candidates": [{"content": {"parts": [{"text": "hello"}], "role": "model"}, "finishReason": "STOP", "index": 0}],
    "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7},
}
ANSWERS |= {
    "anthropic_usage": {**ANTHROPIC, "usage": {"input_tokens": None, "output_tokens": "2"}},
    "anthropic_no_usage": {**ANTHROPIC, "usage": None},
    "anthropic_text": {**ANTHROPIC, "content": "hello", "usage": {}},
    "gemini_odd": {**GEMINI, "usageMetadata": {"promptTokenCount": "5"}},
}
DATE = "Sat, 22 Nov 2031 10:00:00 GMT"


@dataclass(frozen=True, slots=True)
class Request:
    """One request as the server saw it."""

    path: str
    headers: dict[str, str]
    body: Json


@dataclass(slots=True)
class Heard:
    """All requests so far, and what ends the ones that hang."""

    requests: list[Request] = field(default_factory=list)
    asked: Event = field(default_factory=Event)
    over: Event = field(default_factory=Event)

    def take(self) -> list[Request]:
        taken, self.requests[:] = list(self.requests), []
        self.asked.clear()
        return taken

    def add(self, request: Request) -> None:
        self.requests.append(request)
        self.asked.set()


class StubServer(ThreadingHTTPServer):
    """Listens on a free port of 127.0.0.1, in a thread."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.heard = Heard()

    def answer(self, handler: Handler, request: Request) -> None:
        """Answer as the path says; a test's own server may decide otherwise."""
        mode = request.path.split("/")[1]
        if mode == "schemaless":
            handler.schemaless(request)
        else:
            handler.behave(mode)

    def base(self, mode: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{mode}"

    def start(self) -> None:
        Thread(target=self.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.heard.over.set()
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StubServer

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"null")
        request = Request(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
        self.server.heard.add(request)
        self.server.answer(self, request)

    def behave(self, mode: str) -> None:
        if mode.startswith("sse_"):
            self.stream_events(_events(mode.removeprefix("sse_")))
            return
        if mode in _BEHAVIOURS:
            _BEHAVIOURS[mode](self)
        elif mode.isdigit():
            self._fail(int(mode))
        else:
            self.send(200, ANSWERS[mode])

    def do_GET(self) -> None:
        self.server.heard.add(Request(self.path, {}, None))
        self.send(404, {})

    def send(self, status: int, body: Json, *, missing: int = 0, **headers: str) -> None:
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "text/html" if sent.startswith(b"<") else "application/json")
        self.send_header("content-length", str(len(sent) + missing))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(sent)
        self.close_connection = self.close_connection or bool(missing)

    def stream_events(self, events: list[bytes]) -> None:
        """Send a stream of events, each as a chunk of its own, cut within it."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for event in (*events, b""):
            middle = len(event) // 2
            for part in (event[:middle], event[middle:]) if middle else (event,):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                self.wfile.flush()

    def _fail(self, status: int) -> None:
        key = self.headers.get("authorization") or self.headers.get("x-api-key")
        self.send(status, {"error": {"message": f"no luck, says \x1b[31m{key}", "type": "x"}}, Retry_After="7")

    def dribble(self) -> None:
        """A byte now and then, without end: no read ever takes long."""
        self.send(200, b"", missing=TRUNCATED_BY)
        while not self.server.heard.over.wait(0.05):
            try:
                self.wfile.write(b" ")
            except OSError:
                return

    def hang(self) -> None:
        self.server.heard.over.wait(20)
        self.close_connection = True

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def schemaless(self, request: Request) -> None:
        """Take no JSON Schema, as some servers of this protocol do."""
        if "response_format" in request.body:
            self.send(400, {"error": {"message": "unknown field response_format", "type": "invalid_request_error"}})
        else:
            self.send(200, ANSWERS["ok"])

    def vanish(self) -> None:
        """Hang up without a word."""
        self.close_connection = True

    def redirect(self) -> None:
        path = self.path.replace("/redirect", "/ok", 1)
        self.send(307, b"", Location=f"http://localhost:{self.server.server_port}{path}")


def _error(status: int, message: str, code: str = "", **headers: str) -> Callable[[Handler], None]:
    body = {"error": {"message": message, "type": "x", "code": code}}
    return lambda handler: handler.send(status, body, missing=0, **headers)


def streamed(answer: Json) -> list[Json]:
    """A completion in the pieces in which a server streams it."""
    choice = answer["choices"][0]
    message = choice["message"]
    text = message.get("content") or ""
    deltas: list[Json] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": text[at : at + 3]} for at in range(0, len(text), 3)]
    for place, call in enumerate(message.get("tool_calls") or ()):
        function = call["function"]
        deltas.append({"tool_calls": [{**call, "index": place, "function": {**function, "arguments": ""}}]})
        deltas += [
            {"tool_calls": [{"index": place, "function": {"arguments": piece}}]}
            for piece in function["arguments"] or ""
        ]
    chunks: list[Json] = [{"model": "served", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]})
    return [*chunks, {"choices": [], "usage": answer["usage"]}]


def _events(mode: str) -> list[bytes]:
    """The events of a stream: of an answer; `cut` ones lack the end, `failing` ones come to an error."""
    name = mode.removeprefix("halved_").removeprefix("failing_").removeprefix("endless_")
    events = [f"data: {json.dumps(chunk)}\n\n".encode() for chunk in streamed(ANSWERS[name])]
    if mode.startswith("halved_"):
        return events[:2]
    if mode.startswith("failing_"):
        return [*events[:2], b'data: {"error": {"code": 429, "message": "slow down"}}\n\n']
    if mode.startswith("endless_"):
        return [b": keep-alive\n\n", b"event: x\r\n", *events[:-2], b"data: [DONE]"]
    return [*events, b"data: [DONE]\n\n"]


_BEHAVIOURS: dict[str, Callable[[Handler], None]] = {
    "quota": _error(429, "You exceeded your current quota", "insufficient_quota"),
    "poor": _error(400, "Top up your account", "billing_error"),
    "quoting": _error(400, "Not allowed: 'insufficient_quota, rate limit, timeout'"),
    "long": _error(400, "This model's maximum context length is 100 tokens", "context_length_exceeded"),
    "echo": _error(401, "Incorrect API key provided: sk-proj-ab***********wxyz"),
    "later": _error(429, "busy", Retry_After="100000"),
    "shortly": _error(429, "busy", Retry_After="0.4"),
    "dated": _error(429, "busy", Retry_After=DATE),
    "soon": _error(429, "busy", Retry_After="soon"),
    "html": lambda handler: handler.send(200, b"<html>bad gateway</html>"),
    "half_json": lambda handler: handler.send(200, b'{"choices": ['),
    "truncated": lambda handler: handler.send(200, json.dumps(ANSWERS["ok"]).encode()[:60], missing=TRUNCATED_BY),
    "anthropic": lambda handler: handler.send(200, ANTHROPIC),
    "gemini": lambda handler: handler.send(200, GEMINI),
    "dribble": Handler.dribble,
    "hang": Handler.hang,
    "reset": Handler.reset,
    "redirect": Handler.redirect,
    "vanish": Handler.vanish,
}
