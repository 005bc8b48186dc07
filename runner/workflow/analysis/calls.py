"""What nodes give to the workflows and tools that they call: each name must be one that is taken there."""

from __future__ import annotations

from collections.abc import Collection

from runner.ground.errors import did_you_mean, nearest
from runner.workflow.analysis.findings import Findings
from runner.workflow.model import Node, Workflow


def check_calls(workflow: Workflow, findings: Findings) -> None:
    """Check every `workflow` and `tool` node of a workflow."""
    for body in workflow.bodies.values():
        for node in body.nodes.values():
            if node.verb == "workflow" and (callee := workflow.library.get(node.spec.target)) is not None:
                _check_workflow(workflow, node, callee, findings)
            elif node.verb == "tool" and node.spec.tool in workflow.tools:
                _check_tool(workflow, node, findings)


def _check_workflow(workflow: Workflow, node: Node, callee: Workflow, findings: Findings) -> None:
    needed = [entry.name for entry in callee.inputs.values() if entry.required and not entry.env]
    _check_given(workflow, node, f"workflow '{callee.name}'", needed, findings)
    _check_names(workflow, node, "with", ("input", f"workflow '{callee.name}'"), callee.inputs, findings)
    _check_names(workflow, node, "agents", ("agent", f"workflow '{callee.name}'"), callee.agents, findings)


def _check_tool(workflow: Workflow, node: Node, findings: Findings) -> None:
    tool = workflow.tools[node.spec.tool]
    _check_given(workflow, node, f"tool '{tool.name}'", tool.inputs.get("required", ()), findings)
    if tool.inputs.get("additionalProperties") is False:
        _check_names(workflow, node, "with", ("input", f"tool '{tool.name}'"), tool.inputs["properties"], findings)


def _check_given(workflow: Workflow, node: Node, callee: str, needed: Collection[str], findings: Findings) -> None:
    given = node.spec.arguments
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
    for name in node.spec.arguments if key == "with" else node.spec.agents:
        if name not in known:
            words = f"{callee} has no {what} '{name}'{did_you_mean(name, list(known))}"
            hint = f"its {what}s are: {', '.join(known)}" if known else f"it has no {what}s"
            findings.add(workflow, (*node.at, key, name), words, rule="name", key=True, hint=hint)
