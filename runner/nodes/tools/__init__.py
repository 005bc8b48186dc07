"""Every tool kind, by its key. A new one is a module, a schema, and a line here."""

from __future__ import annotations

from runner.nodes.contract import ToolKind
from runner.nodes.tools import command, http, python

TOOL_KINDS: dict[str, ToolKind] = {kind.key: kind for kind in (python.KIND, command.KIND, http.KIND)}
