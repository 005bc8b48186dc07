"""Every tool kind, by its key. A new one is a module, a schema, and a line here."""

from __future__ import annotations

from runner.nodes.contract import Calling, ToolKind
from runner.nodes.tools import command, http, python, served

TOOL_KINDS: dict[str, ToolKind] = {kind.key: kind for kind in (python.KIND, command.KIND, http.KIND)}
"""Those that a file can declare."""

ALL_TOOL_KINDS: dict[str, Calling] = {**TOOL_KINDS, served.KIND.key: served.KIND}
"""Those, and what MCP servers offer."""
