"""What nodes give to the workflows and tools that they call: each name must be one that is taken there."""

from __future__ import annotations

from collections.abc import Collection

from runner.ground.errors import did_you_mean, nearest
from runner.workflow.analysis.findings import Findings
from runner.workflow.model import Called, Node, Tool, Workflow


def check_calls(workflow: Workflow, findings: Findings) -> None:
    """Check every node of a workflow that calls another or a tool."""
    for body in workflow.bodies.values():
        for node in body.nodes.values():
            called = node.traits.called or Called()
            if (callee := workflow.library.get(called.workflow)) is not None:
                _check_workflow(workflow, node, callee, findings)
            elif called.tool in workflow.tools:
                _check_tool(workflow, node, workflow.tools[called.tool], findings)


def _check_workflow(workflow: Workflow, node: Node, callee: Workflow, findings: Findings) -> None:
    needed = [entry.name for entry in callee.inputs.values() if entry.required and not entry.env]
    _check_given(workflow, node, f"workflow '{callee.name}'", needed, findings)
    _check_names(workflow, node, "with", ("input", f"workflow '{callee.name}'"), callee.inputs, findings)
    _check_names(workflow, node, "agents", ("agent", f"workflow '{callee.name}'"), callee.agents, findings)


def _check_tool(workflow: Workflow, node: Node, tool: Tool, findings: Findings) -> None:
    _check_given(workflow, node, f"tool '{tool.name}'", tool.inputs.get("required", ()), findings)
    if tool.inputs.get("additionalProperties") is False:
        _check_names(workflow, node, "with", ("input", f"tool '{tool.name}'"), tool.inputs["properties"], findings)


def _check_given(workflow: Workflow, node: Node, callee: str, needed: Collection[str], findings: Findings) -> None:
    given = node.traits.called.arguments if node.traits.called else ()
    misspelt = [nearest(name, [*needed]) for name in given if name not in needed]
    for name in needed:
        if name not in given and name not in misspelt:
            at = (*node.at, "with") if given else (*node.at, node.verb)
            hint = f"give it: with: {{{name}: …}}"
            findings.add(workflow, at, f"{callee} needs input '{name}'", rule="input", key=True, hint=hint)


def _check_names(
    workflow: Workflow, node: Node, key: str, said: tuple[str, str], known: Collection[str], findings: Findings
) -> None:
    """Check that each name given under a key of the node is `known` to what is called."""
    what, callee = said
    called = node.traits.called or Called()
    for name in called.arguments if key == "with" else called.agents:
        if name not in known:
            words = f"{callee} has no {what} '{name}'{did_you_mean(name, list(known))}"
            hint = f"its {what}s are: {', '.join(known)}" if known else f"it has no {what}s"
            findings.add(workflow, (*node.at, key, name), words, rule="name", key=True, hint=hint)
