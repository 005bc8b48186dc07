"""A tool of an MCP server: the server says what it takes, the file what starts the server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from runner.ground.json_value import Json
from runner.language.template import Template
from runner.nodes.contract import Calling
from runner.record.tool_lists import served_hash
from runner.workflow.mcp_servers import OF_A_SERVER, McpServer, WantedTools
from runner.workflow.model import Tool
from runner.world.calls import AnyCall, ListToolsCall, McpCall


class ServedTool(msgspec.Struct, frozen=True):
    """A tool of a server, as it was listed: by its name there, and its hash."""

    wanted: WantedTools
    name: str
    hash: str


def list_call(wanted: WantedTools, folder: str) -> ListToolsCall:
    """The call that asks a server for its tools."""
    return ListToolsCall(**_reached(wanted.server, wanted.headers, folder))


def tool_of(wanted: WantedTools, listed: Mapping[str, Json]) -> Tool:
    """A tool that a server has listed."""
    server, name = wanted.server, str(listed["name"])
    return Tool(
        f"{server.name}{OF_A_SERVER}{name}",
        str(listed["description"]),
        listed["schema"],
        KIND.key,
        ServedTool(wanted, name, served_hash(listed)),
        approval=server.approval(name),
    )


def call(tool: Tool, arguments: dict[str, Json], folder: str) -> McpCall:
    spec: ServedTool = tool.spec
    return direct_call(spec.wanted, spec.name, arguments, folder, spec.hash)


def direct_call(wanted: WantedTools, tool: str, arguments: dict[str, Json], folder: str, hash_: str = "") -> McpCall:
    """The call of a tool that need not have been listed: what it takes is checked as it is made."""
    reached = _reached(wanted.server, wanted.headers, folder)
    return McpCall(**reached, tool=tool, arguments=arguments, hash=hash_)


def headers_of(server: McpServer, text: Callable[[Template], str]) -> dict[str, str]:
    """The headers with which a server is asked; `text` renders them."""
    return {name: text(template) for name, template in server.headers.items()}


def _reached(server: McpServer, headers: Mapping[str, str], folder: str) -> dict[str, Any]:
    if server.url:
        return {"server": server.name, "url": server.url, "headers": dict(headers)}
    return {
        "server": server.name,
        "argv": server.argv,
        "cwd": folder,
        "env": dict(server.env),
        "pass_env": server.pass_env,
    }


def shows(called: AnyCall) -> Json:
    assert isinstance(called, McpCall), "a server's tool calls the server"
    return called.url or list(called.argv)


KIND = Calling(key="mcp", call=call, fills_defaults=False, shows=shows)
