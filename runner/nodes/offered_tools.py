"""The tools that a model is offered: those of the file, and those that MCP servers have listed. Pure.

A list is a recorded call of the agent's step: what a model was told of a tool is what it is called by, also after a
crash, and whatever the server offers by then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from runner.ground.errors import Failure
from runner.ground.json_value import Json
from runner.nodes.agent_use import ResolvedAgent
from runner.nodes.contract import Failed, SubCall, View
from runner.nodes.tools.served import list_call, tool_of
from runner.record.address import numbered
from runner.workflow.mcp_servers import ALL, WantedTools
from runner.workflow.model import Tool
from runner.world.mcp_results import no_such_tool, trouble_with

LIST = "tools"
"""What a step calls its asking of a server for its tools: `tools#1`."""


def offered_tools(resolved: ResolvedAgent, view: View) -> Mapping[str, Tool] | SubCall | Failed:
    """All tools by name; or the call by which the next server is asked for its own; or why there are none."""
    if not resolved.wanted:
        return resolved.tools
    if "tools" not in view.notes:
        found = _found(resolved, view)
        if not isinstance(found, dict):
            return found
        view.notes["tools"] = found
    tools: Mapping[str, Tool] = view.notes["tools"]
    return tools


def _found(resolved: ResolvedAgent, view: View) -> dict[str, Tool] | SubCall | Failed:
    tools = dict(resolved.tools)
    for number, wanted in enumerate(resolved.wanted, 1):
        key = numbered(LIST, number)
        child = view.children.get(key)
        if child is None:
            return SubCall(key, list_call(wanted, view.folder), {"server": wanted.server.name})
        if child.status != "completed":
            error = child.error or {}
            return Failed(Failure(error["type"], error["message"], error["details"]), error=error)
        listed: list[dict[str, Json]] = child.output["tools"]
        if trouble := _trouble(wanted, listed):
            return Failed(Failure("tool_failed", trouble))
        tools |= {tool.name: tool for tool in _made(wanted, listed)}
    return tools


def _made(wanted: WantedTools, listed: list[dict[str, Json]]) -> Iterator[Tool]:
    return (tool_of(wanted, tool) for tool in listed if ALL in wanted.names or tool["name"] in wanted.names)


def _trouble(wanted: WantedTools, listed: list[dict[str, Json]]) -> str:
    """What keeps the wanted tools from being offered; nothing if nothing does."""
    server, names = wanted.server.name, {tool["name"] for tool in listed}
    lacking = [name for name in wanted.names if name not in {*names, ALL}]
    if lacking:
        return no_such_tool(server, lacking[0], listed)
    wrong = (trouble_with(tool) for tool in listed if ALL in wanted.names or tool["name"] in wanted.names)
    return next((f"MCP server '{server}': {trouble}" for trouble in wrong if trouble), "")
