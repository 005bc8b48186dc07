"""What MCP servers send, judged: the tools that they list, and what a call of one has given. All of it is data."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from runner.ground.errors import Failure, did_you_mean
from runner.ground.json_text import NotJson, parse_json
from runner.ground.json_value import Json
from runner.ground.plain import head, one_line, plain
from runner.language.schema import check_schema
from runner.world.calls import CallDone, CallFailed, McpCall, Outcome

MOST_TOOLS = 1000
LONGEST_DESCRIPTION = 20_000
LARGEST_LIST = 4 * 1024 * 1024
"""Tools of a server, characters of what one is for, and bytes of a whole list."""

LONGEST_MESSAGE = 2000
MOST_NAMED = 20
MOST_ASKED = 10

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")

Tool = Mapping[str, Json]


def listed(found: Sequence[Tool]) -> tuple[list[dict[str, Json]], str]:
    """A server's tools as they are kept, what can't be seen in them made visible; or what is wrong with the list."""
    if len(found) > MOST_TOOLS:
        return [], f"it lists {len(found)} tools, more than {MOST_TOOLS}"
    if len(json.dumps(found)) > LARGEST_LIST:
        return [], f"its list of tools is longer than {LARGEST_LIST >> 20} MiB"
    names: set[str] = set()
    for place, tool in enumerate(found, 1):
        name = str(tool["name"])
        if not _NAME.fullmatch(name):
            return [], f"the name of its tool {place} can't be used: {json.dumps(one_line(name, 60))}"
        if name in names:
            return [], f"it lists two tools called '{name}'"
        names.add(name)
    return [{**tool, "description": plain(str(tool["description"]))} for tool in found], ""


def trouble_with(tool: Tool) -> str:
    """Why a tool can't be offered to a model, or called; nothing if it can."""
    name, schema = tool["name"], tool["schema"]
    if len(tool["description"]) > LONGEST_DESCRIPTION:
        return f"tool '{name}' is described by more than {LONGEST_DESCRIPTION} characters"
    if mistakes := check_schema(schema):
        path, words = mistakes[0]
        where = f" at {'/'.join(map(str, path))}" if path else ""
        return f"the input schema of tool '{name}' can't be used{where}: {words}"
    return ""


def no_such_tool(server: str, name: str, tools: Sequence[Tool]) -> str:
    """What is said of a tool that a server does not have."""
    names = [str(tool["name"]) for tool in tools]
    more = " …" if len(names) > MOST_NAMED else ""
    shown = f"; its tools are: {', '.join(names[:MOST_NAMED])}{more}" if names else "; it has none"
    return f"MCP server '{server}' has no tool '{one_line(name, 60)}'{did_you_mean(name, names)}{shown}"


def judged_result(call: McpCall, result: Mapping[str, Any]) -> Outcome:
    """The outcome of a call: what is structured as it is, else the text; all parts where there is more than text."""
    name = f"tool '{call.server}/{call.tool}'"
    try:
        sent = parse_json(json.dumps(result, allow_nan=False))
    except (NotJson, ValueError, RecursionError) as error:
        return CallFailed(Failure("output_invalid", f"{name}: what was sent can't be used: {error}", _which(call)))
    if sent.get("resultType") == "input_required":
        return _asking(call, sent)
    parts = sent.get("content") or []
    text = "\n".join(str(part.get("text", "")) for part in parts if part.get("type") == "text")
    if sent.get("isError"):
        said = head(text, LONGEST_MESSAGE) or "it does not say why"
        return CallFailed(Failure("tool_failed", f"{name}: {said}", {**_which(call), "content": parts}))
    if sent.get("structuredContent") is not None:
        return CallDone(sent["structuredContent"])
    if all(part.get("type") == "text" for part in parts):
        return CallDone(text)
    return CallDone({"text": text, "content": parts})


def _which(call: McpCall) -> dict[str, Json]:
    return {"server": call.server, "tool": call.tool}


def _asking(call: McpCall, sent: Mapping[str, Any]) -> CallFailed:
    """What comes of a call whose server asks something first: `details.asks` where a form can answer it."""
    requests: Mapping[str, Any] = sent.get("inputRequests") or {}
    asked = {key: _form(request) for key, request in requests.items()}
    said = "; ".join(one_line(form["message"], 300) for form in asked.values() if form is not None)
    words = f"tool '{call.server}/{call.tool}' asks a person first, which only a call that an agent has made waits for"
    state = sent.get("requestState") or ""
    if not asked or None in asked.values() or len(asked) > MOST_ASKED:
        words = f"tool '{call.server}/{call.tool}' asks for more than a person can give by a form"
        return CallFailed(Failure("tool_failed", words, _which(call)))
    return CallFailed(Failure("input_invalid", f"{words}: {said}", {**_which(call), "asks": asked, "state": state}))


def _form(request: Mapping[str, Any]) -> dict[str, Any] | None:
    """What is asked of a person, and the schema of the answer; None for what no form can answer."""
    params = request.get("params", {})
    schema = params.get("requestedSchema")
    is_form = request.get("method") == "elicitation/create" and params.get("mode", "form") == "form"
    if not is_form or not isinstance(schema, dict) or check_schema(schema):
        return None
    return {"message": plain(str(params.get("message", ""))), "schema": schema}
