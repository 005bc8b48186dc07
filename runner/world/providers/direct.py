"""Model servers that speak OpenAI's protocol, asked directly: one request, its answer streamed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from runner.ground.errors import Failure
from runner.ground.json_value import Json
from runner.world.calls import Attempt, CallDone, CallFailed, Context, ModelCall, Outcome
from runner.world.large import beside
from runner.world.providers.answers import Object, Trouble, read_answer, read_completion
from runner.world.providers.contract import model_call
from runner.world.providers.endpoints import Endpoint
from runner.world.providers.exchange import LONGEST_ANSWER, Unusable
from runner.world.providers.faults import error_type_of, failure_of, used_by
from runner.world.providers.prices import listed, usage_of
from runner.world.providers.streamed import Assembly
from runner.world.providers.wire import Answer, ToolNames, reply_of, request_of

_CONNECTING = 10.0
"""Seconds that a connection may take to come about."""

_REDIRECT, _ERROR = 300, 400
_UNTAKEN = frozenset({400, 422})
"""Statuses by which a server says that it does not take a request as it is."""

_OTHER_REASONS = frozenset({"context_length_exceeded", "request_too_large", "model_not_found", "not_found"})


class Cut(ConnectionError):
    """The stream of an answer ended before the answer did."""


class Direct:
    """Asks servers over HTTP. It keeps its connections, and remembers which models take no JSON Schema, for one run."""

    def __init__(self) -> None:
        self._http: Any = None
        self._takes_no_schema: set[str] = set()

    def load(self) -> None:
        """Load what speaks HTTP, and the price list."""
        _load()
        listed("")

    async def close(self) -> None:
        """Let go of the connections."""
        if self._http is not None:
            client, self._http = self._http, None
            await client.aclose()

    async def ask(self, attempt: Attempt, context: Context, endpoint: Endpoint) -> Outcome:
        """Answer the attempt's model call, which `endpoint` is for. See Provider."""
        call = model_call(attempt)
        if refused := _not_taken(call, endpoint):
            return CallFailed(refused)
        asking = _Asking(self._connected(), attempt, context, endpoint)
        try:
            return await self._ask(asking, call)
        except (Unusable, OSError, _load().HTTPError, _load().InvalidURL) as error:
            failure = failure_of(error, endpoint, context.environment, context.clock.now())
            return CallFailed(failure, usage=used_by(error, endpoint))

    async def _ask(self, asking: _Asking, call: ModelCall) -> Outcome:
        """Ask with a schema; of a server that does not take one, once more with the schema in the prompt."""
        takes_schema = call.model not in self._takes_no_schema
        try:
            return await asking.ask(takes_schema=takes_schema)
        except Unusable as error:
            if call.output_schema is None or not takes_schema or not _may_be_untaken(error.trouble):
                raise
        outcome = await asking.ask(takes_schema=False)
        self._takes_no_schema.add(call.model)
        return outcome

    def _connected(self) -> Any:
        if self._http is None:
            httpx = _load()
            self._http = httpx.AsyncClient(limits=httpx.Limits(max_connections=None, max_keepalive_connections=100))
        return self._http


class _Asking:
    """One model call, asked of one server."""

    def __init__(self, client: Any, attempt: Attempt, context: Context, endpoint: Endpoint) -> None:
        self._http = client
        self._attempt = attempt
        self._context = context
        self._endpoint = endpoint
        self._call = model_call(attempt)
        self._names = ToolNames(tuple(tool["name"] for tool in self._call.tools))
        self._entry = _listed(endpoint)

    async def ask(self, *, takes_schema: bool) -> Outcome:
        """Send one request, and read its answer. Raises Unusable, and httpx's errors."""
        request = request_of(self._call, self._names, takes_schema=takes_schema)
        if self._entry.get("supports_reasoning"):
            request["max_completion_tokens"] = request.pop("max_tokens")
        sent = {"model": self._endpoint.name, **request, "stream": True, "stream_options": {"include_usage": True}}
        async with self._sent(sent) as response:
            streamed, answer = await self._read(response)
        return self._outcome(answer, streamed=streamed)

    @asynccontextmanager
    async def _sent(self, body: Mapping[str, Json]) -> AsyncIterator[Any]:
        headers = {"authorization": f"Bearer {self._endpoint.key}"} if self._endpoint.key else {}
        timeout = _load().Timeout(self._call.idle_timeout, connect=min(_CONNECTING, self._call.idle_timeout), pool=None)
        url = f"{self._endpoint.base}/chat/completions"
        async with self._http.stream("POST", url, json=body, headers=headers, timeout=timeout) as response:
            yield response

    async def _read(self, response: Any) -> tuple[bool, Object]:
        """The completion in its plain form, and whether its text was streamed. Raises Unusable."""
        status = response.status_code
        if _REDIRECT <= status < _ERROR:
            raise Unusable(Trouble(status), response.headers)
        if status < _REDIRECT and "event-stream" in response.headers.get("content-type", ""):
            assembly = await self._follow(response)
            answer = assembly.trouble or read_completion(assembly.completion())
            return True, _usable(answer, response)
        body = b"".join([part async for part in _bounded(response)])
        return False, _usable(await beside(len(body), _read_answer, status, body), response)

    async def _follow(self, response: Any) -> Assembly:
        """Put a streamed answer together, and stream its text on. Raises Cut."""
        assembly = Assembly()
        async for part in _bounded(response):
            self._stream(assembly.take(part))
            if assembly.trouble:
                return assembly
        self._stream(assembly.end())
        if not assembly.is_whole:
            raise Cut("the answer was cut: its stream ended before the reply did")
        return assembly

    def _stream(self, text: str) -> None:
        if text:
            self._context.stream(self._attempt.step, text)

    def _outcome(self, answer: Object, *, streamed: bool) -> Outcome:
        (choice,) = answer["choices"]
        usage = usage_of(self._endpoint.model, self._entry, answer.get("usage"))
        reply = reply_of(_answer(choice), self._call, self._names)
        if isinstance(reply, Failure):
            return CallFailed(reply, usage=usage)
        if not streamed:
            self._stream(reply["text"])
        return CallDone(reply, usage)


def _load() -> Any:
    import httpx  # noqa: PLC0415 - takes a tenth of a second: only when a model is really asked

    return httpx


def _read_answer(status: int, body: bytes) -> Object | Trouble:
    return read_answer(status, body, is_completion=True)


async def _bounded(response: Any) -> AsyncIterator[bytes]:
    """The parts of an answer, decompressed. Raises Unusable where it has no end that is near."""
    length = 0
    async for part in response.aiter_bytes():
        length += len(part)
        if length > LONGEST_ANSWER:
            words = f"the provider's answer is longer than {LONGEST_ANSWER >> 20} MB"
            raise Unusable(Trouble(wrong=words), response.headers)
        yield part


def _listed(endpoint: Endpoint) -> Mapping[str, Json]:
    return listed(endpoint.model) if endpoint.has_list_price else {}


def _usable(answer: Object | Trouble, response: Any) -> Object:
    if isinstance(answer, Trouble):
        raise Unusable(answer, response.headers)
    return answer


def _may_be_untaken(trouble: Trouble) -> bool:
    """Whether a server may have refused a request for its schema: it tells no other reason by a code."""
    return (
        trouble.status in _UNTAKEN
        and error_type_of(trouble) == "request_refused"
        and not _OTHER_REASONS.intersection(trouble.codes)
    )


def _not_taken(call: ModelCall, endpoint: Endpoint) -> Failure | None:
    """What is known of a model that it does not take, without asking it: those that reason take no temperature."""
    if call.temperature in (None, 1) or not _listed(endpoint).get("supports_reasoning"):
        return None
    words = f"{call.model} takes no temperature of {call.temperature:g}: remove `temperature`; nothing was sent"
    return Failure("input_invalid", words)


def _answer(choice: Mapping[str, Json]) -> Answer:
    message = choice["message"]
    calls = tuple(
        (call["id"], call["function"]["name"], call["function"]["arguments"]) for call in message.get("tool_calls", ())
    )
    return Answer(message.get("content") or "", message.get("refusal") or "", calls, choice["finish_reason"])
