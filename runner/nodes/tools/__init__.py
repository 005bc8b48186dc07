"""Every tool kind, by its key. A new one is a module, a schema, and a line here."""

from __future__ import annotations

from runner.nodes.contract import ToolKind
from runner.nodes.tools import command, files, http, python
from runner.nodes.tools.files import BUILT_IN
from runner.workflow.model import Tool

__all__ = ["BUILT_IN", "TOOL_KINDS", "kind_of"]

TOOL_KINDS: dict[str, ToolKind] = {kind.key: kind for kind in (python.KIND, command.KIND, http.KIND)}
"""The kinds that a workflow declares tools of."""


def kind_of(tool: Tool) -> ToolKind:
    """The kind of a tool, declared or built in."""
    return files.KIND if tool.name in BUILT_IN else TOOL_KINDS[tool.kind]
