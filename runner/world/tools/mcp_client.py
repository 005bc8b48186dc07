"""A connection to an MCP server by the official SDK, which speaks both the protocol of 2026-07-28 and those before.

It loads the SDK, and so is imported only where a server is really asked.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, Protocol, TypeVar

import anyio
import mcp_types as types
from mcp.client.client import Client
from mcp.client.context import ClientRequestContext
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp.shared.message import SessionMessage
from pydantic import BaseModel, ConfigDict, ValidationError

from runner.ground.json_text import NotJson, parse_json
from runner.ground.json_value import Json
from runner.ground.plain import one_line
from runner.world.calls import Context, McpCall
from runner.world.large import beside
from runner.world.program_exits import how_ended, last_words
from runner.world.tools.addresses import NetworkGate
from runner.world.tools.child_process import MAX_OUTPUT, PIPE_PATIENCE, Launch
from runner.world.tools.mcp_http import GatedTransport, http_client
from runner.world.tools.mcp_process import ServerProcess, TooLong
from runner.world.tools.refusal import Refusal

STARTING = 60.0
"""Seconds that a server may take until it is ready."""

MOST_PAGES = 100
"""Pages of a list of tools that are asked for."""

CONNECTION_CLOSED = types.CONNECTION_CLOSED

Streams = tuple[Any, Any]


class _Sent(BaseModel):
    """A result as it was sent: what is made of it is ours to say."""

    model_config = ConfigDict(extra="allow")


T = TypeVar("T")

for _name in ("mcp", "client", "httpx2", "httpcore2"):  # they tell of what a server does wrong, which we do ourselves
    logging.getLogger(_name).addHandler(logging.NullHandler())
    logging.getLogger(_name).propagate = False


class Wire(Protocol):
    """How a server is reached: it opens the streams that the SDK talks over, and tells what went wrong on them."""

    def open(self) -> AbstractAsyncContextManager[Streams]:
        """The streams to and from the server."""
        ...

    async def trouble(self) -> Refusal | None:
        """What has gone wrong, if it is known here."""
        ...

    async def close(self, grace: float) -> None:
        """Let go of the server."""
        ...


class ProgramWire(Wire):
    """A server that is a program of this run."""

    def __init__(self, launch: Launch, context: Context) -> None:
        self._launch = launch
        self._context = context
        self._process: ServerProcess | None = None
        self._refusal: Refusal | None = None
        self._strange = ""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Streams]:
        process = self._process = await ServerProcess.start(self._launch, self._context)
        heard, reading = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        writing, told = anyio.create_memory_object_stream[SessionMessage](0)
        async with heard, reading, writing, told, anyio.create_task_group() as group:
            group.start_soon(self._hear, process, heard)
            group.start_soon(self._tell, process, told)
            try:
                yield reading, writing
            finally:
                group.cancel_scope.cancel()

    async def _hear(self, process: ServerProcess, heard: Any) -> None:
        """Pass on what the server says. A line that is no message is passed over: some print what is for people."""
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, TooLong):
            async with heard:
                while line := await self._line(process):
                    await self._take(line, heard)

    async def _take(self, line: bytes, heard: Any) -> None:
        if (message := await beside(len(line), _message, line)) is not None:
            await heard.send(SessionMessage(message))
        elif not self._strange:
            self._strange = one_line(line.decode("utf-8", "replace"), 80)

    async def _line(self, process: ServerProcess) -> bytes:
        try:
            return await process.line()
        except TooLong:
            self._refusal = Refusal("tool_failed", f"{self._launch.name} said more than {MAX_OUTPUT >> 20} MiB at once")
            raise

    async def _tell(self, process: ServerProcess, told: Any) -> None:
        async for message in told:
            process.write(message.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n")

    async def trouble(self) -> Refusal | None:
        if self._process is None or self._refusal is not None:
            return self._refusal
        name, process = self._launch.name, self._process
        if not await process.has_exited(PIPE_PATIENCE):
            strange = f"; it wrote what is no message: {self._strange}" if self._strange else ""
            said = f"{name} says nothing more{strange}"
            return Refusal("tool_failed", said, program=self._launch.program, stderr=process.said)
        process.stop()
        words = f"{how_ended(name, process.code or 0)}{last_words('', process.said)}"
        details = {"program": self._launch.program, "exit_code": process.code, "stderr": process.said}
        return Refusal("tool_failed", words, **details)

    async def close(self, grace: float) -> None:
        if self._process is not None:
            await self._process.close(grace)


class HttpWire(Wire):
    """A server that is asked by HTTP."""

    def __init__(self, name: str, url: str, headers: dict[str, str], gate: NetworkGate) -> None:
        self._name = name
        self._url = url
        self._headers = headers
        self._transport = GatedTransport(gate)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Streams]:
        async with (
            http_client(self._headers, self._transport) as client,
            streamable_http_client(self._url, http_client=client, max_sse_event_size=MAX_OUTPUT) as streams,
        ):
            yield streams

    async def trouble(self) -> Refusal | None:
        refusal, status = self._transport.refusal, self._transport.status
        self._transport.refusal, self._transport.status = None, 0
        if refusal is not None:
            type_, details = refusal.failure.type, refusal.failure.details
            return Refusal(type_, f"{self._name}: {refusal.message}", **details)
        if status:
            return Refusal(_BY_STATUS.get(status, "tool_failed"), f"{self._name} answered with {status}", status=status)
        return None

    async def close(self, grace: float) -> None:
        """The connections are closed with the streams."""


_BY_STATUS: dict[int, Any] = {
    401: "authentication",
    403: "authentication",
    429: "rate_limit",
    **dict.fromkeys((500, 502, 503, 504), "provider_unavailable"),
}


def _message(line: bytes) -> Any:
    """A line as a message; None if it is none. What is no JSON of ours, and yet an answer, is one that failed."""
    try:
        return types.jsonrpc_message_adapter.validate_python(parse_json(line.decode()), by_name=False)
    except NotJson as error:
        return _unusable(line, str(error))
    except (ValidationError, UnicodeDecodeError):
        return None


def _unusable(line: bytes, why: str) -> types.JSONRPCError | None:
    """The failure of the request that a line answers, if it does: who waits for it is not to wait in vain."""
    try:
        answer = json.loads(line)
        failed = {"code": types.PARSE_ERROR, "message": why}
        return types.JSONRPCError.model_validate({"jsonrpc": "2.0", "id": answer["id"], "error": failed})
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


class Connection:
    """One connection, which several calls may use at once. It lives in a task of its own, until it is closed.

    `listed` are the server's tools once they are known; whoever asks for them holds `listing`.
    """

    def __init__(self, name: str, wire: Wire, grace: float) -> None:
        self.name = name
        self.listing = asyncio.Lock()
        self.listed: list[dict[str, Json]] | None = None
        self._wire = wire
        self._grace = grace
        self._closing = asyncio.Event()
        self._ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._live())  # noqa: TID251 - no attempt's own: closed as the run ends
        self._calls = 0
        self.is_over = False

    async def _live(self) -> None:
        try:
            client = Client(_Opened(self._wire), elicitation_callback=_declined, cache=None)  # type: ignore[arg-type]
            async with asyncio.timeout(STARTING) as starting, client:
                starting.reschedule(None)
                self._ready.set_result(client)
                await self._closing.wait()
        except TimeoutError:
            self._failed(Refusal("timeout", f"{self.name} is not ready after {STARTING:g} s"))
        except Exception as error:  # noqa: BLE001 - the SDK raises groups of whatever went wrong
            first = _first(error)
            own = first if isinstance(first, Refusal) else await self._wire.trouble()
            self._failed(own or _unspoken(self.name, first))
        finally:
            self.is_over = True
            await self._wire.close(self._grace)

    def _failed(self, refusal: BaseException) -> None:
        if not self._ready.done():
            self._ready.set_exception(refusal)
            self._ready.exception()  # whoever asked may be gone

    async def tools(self) -> list[dict[str, Json]]:
        """The tools that the server offers now: `{name, description, schema}`. Raises Refusal."""
        return await self._used(self._list)

    async def call(self, call: McpCall, meta: dict[str, Json]) -> dict[str, Any]:
        """The result of a tool, as the server sent it. Raises Refusal."""

        async def ask(client: Client) -> dict[str, Any]:
            answered = {"inputResponses": call.responses, "requestState": call.state} if call.responses else {}
            params = types.CallToolRequestParams.model_validate(
                {"name": call.tool, "arguments": call.arguments, "_meta": meta, **answered}
            )
            sent = await client.session.send_request(types.CallToolRequest(params=params), _Sent)
            return sent.model_extra or {}

        return await self._used(ask)

    async def _list(self, client: Client) -> list[dict[str, Json]]:
        found: list[dict[str, Json]] = []
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            page = await client.list_tools(cursor=cursor)
            found += [
                {"name": tool.name, "description": tool.description or "", "schema": tool.input_schema}
                for tool in page.tools
            ]
            cursor = page.next_cursor
            if cursor is None:
                return found
        raise Refusal("output_invalid", f"{self.name} lists its tools on more than {MOST_PAGES} pages")

    async def _used(self, ask: Callable[[Client], Awaitable[T]]) -> T:
        client = await asyncio.shield(self._ready)
        self._calls += 1
        try:
            return await ask(client)
        except MCPError as error:
            raise await self._reason(error) from error
        except ValidationError as error:
            raise _unspoken(self.name, error) from error
        except (anyio.ClosedResourceError, anyio.BrokenResourceError) as error:
            self.is_over = True
            raise await self._wire.trouble() or _unspoken(self.name, error) from error
        except asyncio.CancelledError:
            self.is_over = True  # it may hang: whoever comes next is given another
            raise
        finally:
            self._calls -= 1
            if self.is_over and not self._calls:
                self._closing.set()

    async def _reason(self, error: MCPError) -> Refusal:
        said = error.error
        if said.code == types.PARSE_ERROR:
            return _unspoken(self.name, error)
        if said.code == CONNECTION_CLOSED:
            self.is_over = True
        if said.code in _OF_THE_CONNECTION and (trouble := await self._wire.trouble()) is not None:
            return trouble
        message = f"{self.name} refuses: {one_line(said.message, 500)}"
        return Refusal("tool_failed", message, code=said.code)

    async def close(self) -> None:
        """Let go of the server."""
        self.is_over = True
        self._closing.set()
        if not self._ready.done():
            self._task.cancel()
        await asyncio.wait([self._task])


_OF_THE_CONNECTION = frozenset({CONNECTION_CLOSED, types.INTERNAL_ERROR, types.INVALID_REQUEST})


class _Opened:
    """A wire as the SDK takes it: a context that gives the streams."""

    def __init__(self, wire: Wire) -> None:
        self._context = wire.open()

    async def __aenter__(self) -> Streams:
        return await self._context.__aenter__()

    async def __aexit__(self, *raised: Any) -> bool | None:
        return await self._context.__aexit__(*raised)


async def _declined(_context: ClientRequestContext, _params: Any) -> types.ElicitResult:
    """What a server is told that asks a person in the midst of a call: there is none to ask."""
    return types.ElicitResult(action="cancel")


def _first(group: BaseException) -> BaseException:
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group


def _unspoken(name: str, error: BaseException) -> Refusal:
    """What is said of a server that does not keep to the protocol."""
    words = one_line(json.dumps(str(error))[1:-1] or type(error).__name__, 300)
    return Refusal("output_invalid", f"{name} does not keep to the protocol: {words}")
