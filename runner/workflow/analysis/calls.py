"""What nodes give to the workflows and tools that they call: each name must be one that is taken there."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from runner.ground.errors import did_you_mean, nearest
from runner.workflow.analysis.findings import Findings
from runner.workflow.model import Called, Node, Tool, Workflow
from runner.workflow.reach import JsonPath


def check_calls(findings: Findings) -> None:
    """Check every node of a workflow that calls another or a tool."""
    workflow = findings.workflow
    for node in workflow.nodes:
        called = node.traits.called or Called()
        if (callee := workflow.library.get(called.workflow)) is not None:
            _check_workflow(node, called, callee, findings)
        elif called.tool in workflow.tools:
            _check_tool(node, called, workflow.tools[called.tool], findings)


def _check_workflow(node: Node, called: Called, callee: Workflow, findings: Findings) -> None:
    name = f"workflow '{callee.name}'"
    needed = [entry.name for entry in callee.inputs.values() if entry.required and not entry.env]
    _check_given(node, called.arguments, name, needed, findings)
    _check_names(called.arguments, callee.inputs, (*node.at, "with"), (name, "input"), findings)
    _check_names(called.agents, callee.agents, (*node.at, "agents"), (name, "agent"), findings)


def _check_tool(node: Node, called: Called, tool: Tool, findings: Findings) -> None:
    name, properties = f"tool '{tool.name}'", tool.inputs.get("properties", {})
    _check_given(node, called.arguments, name, tool.inputs.get("required", ()), findings)
    if tool.inputs.get("additionalProperties") is False:
        _check_names(called.arguments, properties, (*node.at, "with"), (name, "input"), findings)


def _check_given(node: Node, given: Collection[str], callee: str, needed: Collection[str], findings: Findings) -> None:
    misspelt = [nearest(name, [*needed]) for name in given if name not in needed]
    for name in needed:
        if name not in given and name not in misspelt:
            at = (*node.at, "with") if given else (*node.at, node.verb)
            hint = f"give it: with: {{{name}: …}}"
            findings.error(f"{callee} needs input '{name}'", at, rule="input", key=True, hint=hint)


def _check_names(
    given: Iterable[str], known: Collection[str], at: JsonPath, said: tuple[str, str], findings: Findings
) -> None:
    """Check that each name given at a path is `known` to what is called. `said` are the callee and what the name is."""
    callee, what = said
    for name in given:
        if name not in known:
            words = f"{callee} has no {what} '{name}'{did_you_mean(name, list(known))}"
            hint = f"its {what}s are: {', '.join(known)}" if known else f"it has no {what}s"
            findings.error(words, (*at, name), rule="name", key=True, hint=hint)
