"""How an MCP server is asked by HTTP: each connection passes the gate of the network, what comes back is bounded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

import httpcore2
import httpx2

from runner.workflow.hosts import Host
from runner.world.tools.addresses import NetworkGate
from runner.world.tools.child_process import MAX_OUTPUT
from runner.world.tools.refusal import Refusal

CONNECTING = 10.0
"""Seconds that a connection may take to come about."""


class GatedBackend(httpcore2.AsyncNetworkBackend):
    """Connects to what is permitted: each connection, also one after a redirect, is made here."""

    def __init__(self, gate: NetworkGate) -> None:
        self._gate = gate
        self._plain = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's own signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first address of the host. Raises Refusal, and httpcore's errors."""
        first, *_ = await self._gate.addresses(Host(host, port))
        return await self._plain.connect_tcp(first, port, timeout, local_address, socket_options)


class _Bounded(httpx2.AsyncByteStream):
    """A body of which no more is read than the bound."""

    def __init__(self, stream: httpx2.AsyncByteStream, wire: GatedTransport) -> None:
        self._stream = stream
        self._wire = wire

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for part in self._stream:
            size += len(part)
            if size > MAX_OUTPUT:
                self._wire.refusal = Refusal("tool_failed", f"the answer is longer than {MAX_OUTPUT >> 20} MiB")
                raise httpx2.ReadError(str(self._wire.refusal))
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


class GatedTransport(httpx2.AsyncHTTPTransport):
    """Sends requests to permitted hosts alone. `refusal` is what was refused last, `status` the last that failed."""

    def __init__(self, gate: NetworkGate) -> None:
        super().__init__(trust_env=False)
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=httpx2.create_ssl_context(trust_env=False), network_backend=GatedBackend(gate)
        )
        self.refusal: Refusal | None = None
        self.status = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request. Raises httpx's errors."""
        try:
            response = await super().handle_async_request(request)
        except Refusal as refusal:
            self.refusal = refusal
            raise httpx2.ConnectError(str(refusal)) from refusal
        except httpx2.TransportError as error:
            host = request.url.host
            self.refusal = Refusal("network", f"{host} can't be asked: {str(error) or type(error).__name__}", host=host)
            raise
        if response.status_code >= httpx2.codes.BAD_REQUEST:
            self.status = response.status_code
        if request.method == "POST":
            assert isinstance(response.stream, httpx2.AsyncByteStream)
            response.stream = _Bounded(response.stream, self)
        return response


def http_client(headers: dict[str, str], transport: GatedTransport) -> httpx2.AsyncClient:
    """A client that sends these headers, follows no redirect by itself, and reads no file and no variable."""
    bounds = httpx2.Timeout(None, connect=CONNECTING)
    return httpx2.AsyncClient(headers=headers, transport=transport, timeout=bounds, trust_env=False)
