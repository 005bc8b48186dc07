"""MCP servers as a file declares them: how each is reached, and what is said of its tools. None is asked here."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

import msgspec

from runner.language.template import Template
from runner.workflow.approval import ApprovalRule

ALL = "*"
"""Stands for every tool of a server."""

OF_A_SERVER = "/"
"""Parts the name of a server from that of its tool."""

TAKEN = frozenset({"agent", "files"})
"""What begins names of tools that are no server's: agents that are asked, and what is built in."""

ASKING = ApprovalRule()
"""What holds of a tool of which the file says nothing: what the server itself says of it does not count."""


class McpServer(msgspec.Struct, frozen=True, kw_only=True):
    """An MCP server: a program (`argv`, with what its environment sets and passes on), or an address with headers.

    The program and its environment are the same in every run. `tools` are the rules that the file gives for calls of
    tools that a model chooses; None stands for a tool that is called without asking.
    """

    name: str
    at: tuple[str | int, ...] = ()
    argv: tuple[str, ...] = ()
    env: Mapping[str, str] = msgspec.field(default_factory=dict)
    pass_env: tuple[str, ...] = ()
    url: str = ""
    headers: Mapping[str, Template] = msgspec.field(default_factory=dict)
    tools: Mapping[str, ApprovalRule | None] = msgspec.field(default_factory=dict)

    def approval(self, tool: str) -> ApprovalRule | None:
        """When a person is asked before a model's call of a tool is made."""
        return self.tools.get(tool, self.tools.get(ALL, ASKING))


class WantedTools(msgspec.Struct, frozen=True):
    """Tools of one server that an agent may call, by name, or ALL; and the headers with which the server is asked."""

    server: McpServer
    names: tuple[str, ...]
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)


def server_of(name: str) -> tuple[str, str]:
    """The server and the tool that `server/tool` names; no server where the tool is the file's own."""
    server, slash, tool = name.partition(OF_A_SERVER)
    return (server, tool) if slash and server not in TAKEN else ("", name)


def identity_of(argv: tuple[str, ...], url: str) -> str:
    """What tells a server from others, whatever file declares it: how it is reached."""
    return url or shlex.join(argv)
