"""Every node kind, by its verb. A new one is a module, a schema, and a line here."""

from __future__ import annotations

from runner.nodes.composites import agent, for_each, human, parallel, wait, workflow
from runner.nodes.contract import Kind
from runner.nodes.leaves import command, end, http, nothing, read, script, tool, write
from runner.nodes.tools import BUILT_IN, TOOL_KINDS
from runner.workflow.compiler import Kinds

KINDS: dict[str, Kind] = {
    "none": nothing.KIND,
    "agent": agent.KIND,
    "command": command.KIND,
    "script": script.KIND,
    "tool": tool.KIND,
    "read": read.KIND,
    "write": write.KIND,
    "http": http.KIND,
    "human": human.KIND,
    "parallel": parallel.KIND,
    "for_each": for_each.KIND,
    "workflow": workflow.KIND,
    "wait": wait.KIND,
    "end": end.KIND,
}

ALL_KINDS = Kinds(KINDS, TOOL_KINDS, BUILT_IN)
"""What a workflow file may hold."""
