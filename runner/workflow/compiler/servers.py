"""`mcp_servers:` as declared: what starts a server, or where it is asked, and the rules for calls of its tools."""

from __future__ import annotations

import re

from runner.ground.json_value import Json
from runner.workflow.approval import ApprovalRule
from runner.workflow.compiler.declarations import approval
from runner.workflow.compiler.reader import NodeReader
from runner.workflow.hosts import PORTS, authority_of, is_of_the_connection
from runner.workflow.mcp_servers import TAKEN, McpServer
from runner.workflow.reach import JsonPath

_BRACES = re.compile(r"\{[{%#]")
_INSTEAD = {
    "command": "write the argument out; what differs from run to run is given with each call",
    "env": "pass a variable on by its name alone: env: [NAME]",
    "url": "write it out; headers may have templates of the inputs",
}


def mcp_server(reader: NodeReader) -> McpServer:
    """An entry of `mcp_servers:`. What starts it, and where it is asked, are texts alone: no data can change them."""
    if reader.id in TAKEN:
        reader.error(f"'{reader.id}/…' are tools of wf itself", key=True, hint="give the server another name")
    argv, url = tuple(reader.get("command", default=())), str(reader.get("url", default=""))
    set_, passed = _environment(reader.get("env", default=()))
    fixed: dict[JsonPath, Json] = {
        **{("command", place): text for place, text in enumerate(argv)},
        **set_,
        ("url",): url,
    }
    for at, text in fixed.items():
        _check_fixed(reader, text, *at)
    for name in filter(is_of_the_connection, reader.get("headers", default={})):
        words = f"header '{name}' says how a request is sent, and is wf's own"
        reader.error(words, "headers", name, key=True, hint="remove it", rule="header")
    return McpServer(
        name=reader.id,
        at=reader.at,
        argv=argv,
        env={str(at[-1]): str(text) for at, text in set_.items()},
        pass_env=passed,
        url=url if not url or _is_address(reader, url) else "",
        headers={name: reader.template("headers", name, role="server") for name in reader.get("headers", default={})},
        tools={name: _rule(reader, name) for name in reader.get("tools", default={})},
    )


def _environment(env: Json) -> tuple[dict[JsonPath, Json], tuple[str, ...]]:
    """What `env` sets, by its place, and which variables it passes on: a mapping, or a list of names and mappings."""
    if isinstance(env, dict):
        return {("env", name): text for name, text in env.items()}, ()
    mappings = [(place, entry) for place, entry in enumerate(env) if isinstance(entry, dict)]
    set_: dict[JsonPath, Json] = {("env", at, name): text for at, entry in mappings for name, text in entry.items()}
    return set_, tuple(entry for entry in env if isinstance(entry, str))


def _rule(reader: NodeReader, tool: str) -> ApprovalRule | None:
    return approval(reader, "tools", tool, usual="never" if reader.get("tools", tool, "read_only") else "always")


def _check_fixed(reader: NodeReader, text: Json, *at: str | int) -> None:
    if _BRACES.search(str(text)):
        words = (
            "what starts an MCP server, and where it is asked, is the same in every run: a template can't stand here"
        )
        reader.error(words, *at, hint=_INSTEAD.get(str(at[0]), ""), rule="server")


def _is_address(reader: NodeReader, url: str) -> bool:
    """Whether an address can be asked; what is wrong with it is noted."""
    authority = authority_of(url)
    if authority is None or authority.scheme not in PORTS or not authority.host.name:
        reader.error("an address begins with http:// or https://", "url", hint="write https://HOST/PATH", rule="url")
        return False
    if "@" in authority.written:
        hint = 'give them by a header: headers: {Authorization: "…"}'
        reader.error("a name and password in an address are not sent", "url", hint=hint, rule="url")
        return False
    return True
