"""One HTTP request on its way: connections that pass the gate, redirects, an answer within bounds.

It imports httpx, and so is imported only where a request is really sent.
"""

from __future__ import annotations

import ssl
import zlib
from collections.abc import AsyncIterator, Iterable, Mapping
from functools import cache

import httpcore
import httpx
import msgspec
from msgspec.structs import replace

from runner.workflow.hosts import PORTS, Host, plain_name
from runner.world.http_answers import Answer
from runner.world.providers.faults import retry_after
from runner.world.tools.addresses import NetworkGate
from runner.world.tools.child_process import MAX_OUTPUT
from runner.world.tools.refusal import Refusal

MOST_REDIRECTS = 5

CONNECTING = 10.0
"""Seconds that a connection may take to come about."""

LAST_PORT = 65535

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_AS_IT_WAS = frozenset({307, 308})
"""The redirects that ask for the same request again; the others ask for what lies at the new address."""

_PACKED = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
_OURS = (("User-Agent", "wf"), ("Accept-Encoding", "gzip"))


class Sending(msgspec.Struct, frozen=True):
    """A request as it goes to one address."""

    method: str
    url: httpx.URL
    headers: Mapping[str, str]
    content: bytes | None

    @property
    def host(self) -> Host:
        """The host, with the port that is asked."""
        return Host(plain_name(self.url.raw_host.decode("ascii")), self.url.port or PORTS[self.url.scheme])


class GatedBackend(httpcore.AsyncNetworkBackend):
    """Connects to what is permitted: each connection, also one after a redirect, is made here."""

    def __init__(self, gate: NetworkGate) -> None:
        self._gate = gate
        self._plain = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's own signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of the host that answers. Raises Refusal, and httpcore's errors."""
        first, *others = await self._gate.addresses(Host(host, port))
        try:
            return await self._plain.connect_tcp(first, port, timeout, local_address, socket_options)
        except (httpcore.ConnectError, httpcore.ConnectTimeout):
            if not others:
                raise
        return await self._plain.connect_tcp(others[0], port, timeout, local_address, socket_options)


async def exchange(
    method: str,
    url: str,
    headers: Mapping[str, str],
    content: bytes | None,
    gate: NetworkGate,
    now: float,
) -> Answer:
    """Send a request, follow where it is redirected, and give the answer. Raises Refusal."""
    first = sent = _sending(method, url, headers, content)
    async with httpcore.AsyncConnectionPool(_trusted(), network_backend=GatedBackend(gate)) as pool:
        for _ in range(MOST_REDIRECTS + 1):
            answer = await _answered(pool, sent, first)
            if answer.status not in _REDIRECTS or "location" not in answer.headers:
                return replace(answer, retry_after=retry_after(answer.headers, now))
            sent = _redirected(sent, answer)
    raise Refusal("tool_failed", f"{_name(first)} is redirected more than {MOST_REDIRECTS} times")


def _sending(method: str, url: str, headers: Mapping[str, str], content: bytes | None) -> Sending:
    """A request to an address. Raises Refusal (`input_invalid`)."""
    try:
        return Sending(method, _checked(httpx.URL(url)), headers, content)
    except (httpx.InvalidURL, ValueError) as error:
        raise Refusal("input_invalid", f"the address of the request can't be used: {error}") from error


@cache
def _trusted() -> ssl.SSLContext:
    """Which certificates are trusted: reading them takes some hundredths of a second."""
    return httpx.create_ssl_context()


def _name(sent: Sending) -> str:
    return f"{sent.method} {sent.url.copy_with(query=None, fragment=None)}"


def _checked(url: httpx.URL) -> httpx.URL:
    """An address that can be asked. Raises ValueError."""
    if url.scheme not in PORTS:
        raise ValueError("it does not begin with http:// or https://")
    if url.userinfo:
        raise ValueError("it holds a name and password, which are given by a header: headers: {Authorization: …}")
    if not plain_name(url.raw_host.decode("ascii")):
        raise ValueError("it names no host")
    if (url.port or 0) > LAST_PORT:
        raise ValueError(f"{url.port} is no port")
    return url


async def _answered(pool: httpcore.AsyncConnectionPool, sent: Sending, first: Sending) -> Answer:
    """What is answered to one request. Raises Refusal."""
    try:
        return await _ask(pool, sent)
    except Refusal as refusal:
        if sent is first:
            raise
        failure = refusal.failure
        words = f"{_name(first)} is redirected to {sent.host.entry}: {failure.message}"
        raise Refusal(failure.type, words, **failure.details) from refusal
    except httpcore.TimeoutException as error:
        raise Refusal("timeout", f"{_name(sent)}: no connection came about within {CONNECTING:g} s") from error
    except httpcore.LocalProtocolError as error:
        raise Refusal("input_invalid", f"{_name(sent)} can't be sent: {error}") from error
    except (httpcore.NetworkError, httpcore.RemoteProtocolError) as error:
        raise Refusal("network", f"{_name(sent)}: {str(error) or 'the connection broke'}") from error


async def _ask(pool: httpcore.AsyncConnectionPool, sent: Sending) -> Answer:
    url, host = sent.url, sent.host
    target = httpcore.URL(scheme=url.raw_scheme, host=host.name.encode(), port=host.port, target=url.raw_path)
    shown = Host(host.name, url.port)
    headers = {**dict(_OURS), "Host": str(shown), **sent.headers}
    async with pool.stream(
        sent.method.encode(),
        target,
        headers=[(name.encode(), value.encode()) for name, value in headers.items()],
        content=sent.content,
        extensions={"timeout": {"connect": CONNECTING}},
    ) as response:
        found = _headers(response.headers)
        return Answer(response.status, found, await _body(response.aiter_stream(), found, _name(sent)))


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by name in small letters; one that is given several times, joined as HTTP joins them."""
    headers = httpx.Headers(list(raw))
    return {name: headers[name] for name in headers}


async def _body(parts: AsyncIterator[bytes], headers: Mapping[str, str], name: str) -> bytes:
    """The whole body, unpacked. Raises Refusal where it has no end that is near."""
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", *_PACKED):
        raise Refusal("output_invalid", f"{name}: the answer is packed as '{encoding}', which was not asked for")
    unpacking = zlib.decompressobj(_PACKED[encoding]) if encoding in _PACKED else None
    body, came = bytearray(), False
    try:
        async for part in parts:
            came = came or bool(part)
            body += part if unpacking is None else unpacking.decompress(part, MAX_OUTPUT + 1 - len(body))
            if len(body) > MAX_OUTPUT:
                raise Refusal("tool_failed", f"{name}: the answer is longer than {MAX_OUTPUT >> 20} MiB")
    except zlib.error as error:
        raise Refusal(
            "output_invalid", f"{name}: the answer is said to be packed as '{encoding}', and is not"
        ) from error
    if unpacking is not None and came and not unpacking.eof:
        raise Refusal("network", f"{name}: the answer was cut")
    return bytes(body)


def _redirected(sent: Sending, answer: Answer) -> Sending:
    """What a redirect asks for: to another host goes nothing that was meant for this one. Raises Refusal."""
    try:
        url = _checked(sent.url.join(answer.headers["location"]))
    except (httpx.InvalidURL, ValueError) as error:
        raise _refused(sent, answer, f"to an address that can't be used: {error}") from error
    repeats = answer.status in _AS_IT_WAS or sent.method in ("GET", "HEAD")
    method, content = (sent.method, sent.content) if repeats else ("GET", None)
    there = Sending(method, url, sent.headers, content)
    if _is_same(sent, there):
        return there if repeats else replace(there, headers=_without_content(sent.headers))
    if content is not None:
        raise _refused(
            sent, answer, f"to {there.host.entry}, and what is sent goes to no other host: give that address"
        )
    return replace(there, headers={})


def _refused(sent: Sending, answer: Answer, said: str) -> Refusal:
    facts = {"status": answer.status, "headers": dict(answer.headers)}
    return Refusal("tool_failed", f"{_name(sent)} is redirected {said}", **facts)


def _is_same(sent: Sending, there: Sending) -> bool:
    """Whether a redirect stays with the server, if perhaps from its http to its https."""
    ports = (sent.host.port, there.host.port)
    if there.host.name != sent.host.name or there.url.scheme != sent.url.scheme:
        return there.host.name == sent.host.name and there.url.scheme == "https" and ports == tuple(PORTS.values())
    return ports[0] == ports[1]


def _without_content(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if not name.lower().startswith("content-")}
