"""Every tool kind, by its key. A new one is a module, a schema, and a line here."""

from __future__ import annotations

from runner.nodes.contract import Calling, ToolKind
from runner.nodes.tools import command, files, http, python, served
from runner.nodes.tools.files import BUILT_IN

__all__ = ["ALL_TOOL_KINDS", "BUILT_IN", "TOOL_KINDS"]

TOOL_KINDS: dict[str, ToolKind] = {kind.key: kind for kind in (python.KIND, command.KIND, http.KIND)}
"""Those that a file can declare."""

ALL_TOOL_KINDS: dict[str, Calling] = {**TOOL_KINDS, files.KIND.key: files.KIND, served.KIND.key: served.KIND}
"""Those, the built-in ones, and what MCP servers offer."""
