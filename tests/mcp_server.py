"""An MCP server made with the official SDK: `mcp_server.py stdio`, or `… http [old]`, which prints its port.

By HTTP it says what it is asked: a line of the headers for each call of `headers`.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from functools import partial
from typing import Annotated, Any

import uvicorn
from mcp.server import MCPServer
from mcp.server.mcpserver import Context, Elicit, Resolve
from pydantic import BaseModel

server = MCPServer("sdk", log_level="CRITICAL")


class Amount(BaseModel):
    """What a person is asked."""

    euros: int


def how_much() -> Elicit[Amount]:
    return Elicit("How much is to be paid?", Amount)


@server.tool()
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@server.tool()
def pay(to: str, amount: Annotated[Amount, Resolve(how_much)]) -> str:
    """Pays somebody what a person says."""
    return f"paid {amount.euros} to {to}"


@server.tool()
def headers(context: Context) -> str:
    """Tells with which key it was asked, and by which version of the protocol."""
    found = context.headers or {}
    return f"{found.get('authorization')} {found.get('mcp-protocol-version')}"


def old(app: Any) -> Any:
    """The app as one that knows no protocol but those before 2026-07-28."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        first = await receive()
        if b'"server/discover"' not in first.get("body", b""):
            await app(scope, partial(_again, [first], receive), send)
            return
        error = {"code": -32601, "message": "there is no server/discover"}
        body = json.dumps({"jsonrpc": "2.0", "id": json.loads(first["body"])["id"], "error": error}).encode()
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return answer


async def _again(first: list[Any], receive: Any) -> Any:
    return first.pop() if first else await receive()


async def serve(*, is_old: bool) -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    app = old(server.streamable_http_app()) if is_old else server.streamable_http_app()
    sys.stdout.write(f"{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    await uvicorn.Server(uvicorn.Config(app, log_level="critical")).serve([listening])


if __name__ == "__main__":
    if sys.argv[1] == "http":
        asyncio.run(serve(is_old="old" in sys.argv))
    else:
        server.run("stdio")
