"""Asks MCP servers: each is started, or connected to, when a run first uses it, and serves the run to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from types import ModuleType
from typing import Any, TypeVar

import msgspec

from runner.ground.advice import accepting_tools
from runner.ground.json_value import Json
from runner.language.schema import compile_schema
from runner.record.gates import Gate
from runner.record.tool_lists import ToolList, changes, difference, list_hash, served_hash
from runner.workflow.mcp_servers import identity_of
from runner.workflow.permissions import Permissions
from runner.workflow.policies import CALL_TIMEOUT
from runner.world.calls import Attempt, CallDone, CommandCall, Context, ListToolsCall, McpCall, Outcome, ServerCall
from runner.world.large import LARGE, beside
from runner.world.mcp_results import judged_result, listed, no_such_tool, trouble_with
from runner.world.tools.addresses import NetworkGate
from runner.world.tools.child_process import Launch
from runner.world.tools.commands import permitted_program
from runner.world.tools.refusal import Refusal

T = TypeVar("T")

META = "wf/idempotency-key"
"""By what a server can tell that a call is made again."""

_MOST_CHANGES = 5

_OF_STEPS = ("WF_STEP", "WF_ATTEMPT", "WF_IDEMPOTENCY_KEY")
"""The variables that tell of one step, where a server serves all."""


class ServerKey(msgspec.Struct, frozen=True):
    """What calls have in common that share a server."""

    server: str
    permissions: Permissions


async def perform_list_tools(call: ListToolsCall, attempt: Attempt, context: Context) -> Outcome:
    """List the tools of a server; the output is `{hash, tools}`. Raises Refusal."""

    async def ask() -> Outcome:
        tools = await _tools(await _connection(call, attempt, context), call, context)
        return CallDone({"hash": list_hash(tools), "tools": tools})

    return await _in_time(ask(), attempt)


async def perform_mcp(call: McpCall, attempt: Attempt, context: Context) -> Outcome:
    """Call a tool of a server; the output is what it returned. Raises Refusal."""

    async def ask() -> Outcome:
        connection = await _connection(call, attempt, context)
        tool = _called(call, await _tools(connection, call, context))
        context.passed(Gate("mcp", f"{call.server}/{call.tool}", hash=served_hash(tool)))
        result = await connection.call(call, {META: attempt.idempotency_key})
        return await beside(LARGE + 1, judged_result, call, result)

    return await _in_time(ask(), attempt)


async def close_servers(context: Context) -> None:
    """Let go of all servers of a run."""
    connections = [each for key, each in context.servers.items() if isinstance(key, ServerKey)]
    await asyncio.gather(*(connection.close() for connection in connections))


def uses_servers(context: Context) -> bool:
    """Whether there is any to let go of."""
    return any(isinstance(key, ServerKey) for key in context.servers)


async def _in_time(asking: Awaitable[T], attempt: Attempt) -> T:
    """Without a timeout of its own, an attempt may take as long as a model's call."""
    if attempt.timeout is not None:
        return await asking
    try:
        async with asyncio.timeout(CALL_TIMEOUT):
            return await asking
    except TimeoutError as error:
        raise Refusal("timeout", f"no end after {CALL_TIMEOUT:g} s; `timeout:` may give it longer") from error


async def _connection(call: ServerCall, attempt: Attempt, context: Context) -> Any:
    """The connection to the server of a call: the one that there is, or another."""
    sdk = await load_sdk()
    reached = msgspec.json.encode(
        [call.argv, call.cwd, call.env, call.pass_env, call.url, call.headers], order="sorted"
    )
    key = ServerKey(reached.decode(), attempt.permissions)
    connection = context.servers.get(key)
    if connection is None or connection.is_over:
        name = f"MCP server '{call.server}'"
        wire = _wire(sdk, name, call, attempt, context)
        connection = context.servers[key] = sdk.Connection(name, wire, context.grace)
    return connection


def _wire(sdk: ModuleType, name: str, call: ServerCall, attempt: Attempt, context: Context) -> Any:
    if call.url:
        return sdk.HttpWire(name, call.url, call.headers, NetworkGate(attempt.permissions, context.passed))
    program = CommandCall(call.argv, call.cwd, call.env, call.pass_env)
    launch = permitted_program(program, attempt, context)
    environment = {key: value for key, value in launch.environment.items() if key not in _OF_STEPS}
    talking: Launch = msgspec.structs.replace(launch, name=name, environment=environment, talks=True)
    return sdk.ProgramWire(talking, context)


async def load_sdk() -> ModuleType:
    """What speaks the protocol. The first time it takes a while, in a thread: not what an attempt's time is for."""
    if not _loaded:
        _loaded.append(await asyncio.to_thread(_sdk))
    return _loaded[0]


_loaded: list[ModuleType] = []


def _sdk() -> ModuleType:
    from runner.world.tools import mcp_client  # noqa: PLC0415 - loads the SDK, which takes most of a second

    return mcp_client


async def _tools(connection: Any, call: ServerCall, context: Context) -> list[dict[str, Json]]:
    """The tools of a server, which are those that people know. Raises Refusal."""
    async with connection.listing:
        if connection.listed is None:
            tools, trouble = await beside(LARGE + 1, listed, await connection.tools())
            if trouble:
                raise Refusal("output_invalid", f"MCP server '{call.server}': {trouble}", server=call.server)
            _check_known(call, tools, context)
            connection.listed = tools
    found: list[dict[str, Json]] = connection.listed
    return found


def _check_known(call: ServerCall, tools: list[dict[str, Json]], context: Context) -> None:
    """Keep the tools of a server that is used for the first time. Raises Refusal where they are not those kept."""
    identity = identity_of(call.argv, call.url)
    known = context.tool_lists.of(identity)
    if known is None:
        context.tool_lists.keep(ToolList(identity, call.server, context.clock.now(), tools))
        return
    if known.hash == list_hash(tools):
        return
    context.tool_lists.keep(msgspec.structs.replace(known, offered=tools))
    found = changes(known.tools, tools)
    more = [f"and {len(found) - _MOST_CHANGES} more"] if len(found) > _MOST_CHANGES else []
    said = "; ".join((*found[:_MOST_CHANGES], *more))
    words = f"the tools of MCP server '{call.server}' are not those that were accepted: {said}"
    details: dict[str, Any] = {"server": call.server, "difference": difference(known.tools, tools)}
    raise Refusal("permission_denied", f"{words}; {accepting_tools(call.server)}", **details)


def _called(call: McpCall, tools: list[dict[str, Json]]) -> dict[str, Json]:
    """The tool that is called, with arguments that fit it. Raises Refusal."""
    tool = next((tool for tool in tools if tool["name"] == call.tool), None)
    if tool is None:
        raise Refusal("tool_failed", no_such_tool(call.server, call.tool, tools), server=call.server)
    if call.hash and served_hash(tool) != call.hash:
        words = f"tool '{call.server}/{call.tool}' is not what it was when the agent was told of it"
        raise Refusal("permission_denied", words, server=call.server, tool=call.tool)
    if trouble := trouble_with(tool):
        raise Refusal("output_invalid", f"MCP server '{call.server}': {trouble}", server=call.server)
    if errors := compile_schema(tool["schema"]).errors(call.arguments):
        words = f"tool '{call.server}/{call.tool}' can't take that: {errors[0].message}"
        raise Refusal("input_invalid", words)
    return tool
