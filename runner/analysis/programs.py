"""Programs that are named in a file must be on the list of those that it may run."""

from __future__ import annotations

from collections.abc import Iterator

from runner.analysis.findings import Findings
from runner.errors import did_you_mean
from runner.model import JsonPath, Node, Workflow

Allowed = frozenset[str]


def check_programs(root: Workflow, findings: Findings) -> None:
    """Check the root workflow, and those it calls under what both allow."""
    seen: set[tuple[str, Allowed]] = set()
    waiting = [(root, root.permissions.commands if root.permissions is not None else frozenset())]
    while waiting:
        workflow, allowed = waiting.pop()
        if (workflow.file, allowed) in seen:
            continue
        seen.add((workflow.file, allowed))
        for at, program in _programs(workflow):
            _check(workflow, at, program, allowed, findings)
        for node in _nodes(workflow):
            callee = root.library.get(node.spec.target) if node.verb == "workflow" else None
            if callee is not None:
                own = callee.permissions
                waiting.append((callee, allowed if own is None else own.commands & allowed))


def _nodes(workflow: Workflow) -> Iterator[Node]:
    for body in workflow.bodies.values():
        yield from body.nodes.values()


def _programs(workflow: Workflow) -> Iterator[tuple[JsonPath, str]]:
    for node in _nodes(workflow):
        if node.verb == "command" and node.spec.argv[0].literal:
            yield (*node.at, "command", 0), node.spec.argv[0].source
        elif node.verb == "script":
            yield (*node.at, "script"), "sh"
        elif node.verb == "tool" and node.spec.tool in workflow.tools:
            yield from _tool_program(workflow, node)


def _tool_program(workflow: Workflow, node: Node) -> Iterator[tuple[JsonPath, str]]:
    tool = workflow.tools[node.spec.tool]
    if tool.argv and tool.argv[0].literal:
        yield (*tool.at, "command", 0), tool.argv[0].source


def _check(workflow: Workflow, at: JsonPath, program: str, allowed: Allowed, findings: Findings) -> None:
    if program in allowed or (program.startswith("/") and program in allowed):
        return
    near = did_you_mean(program, sorted(allowed))
    listed = ", ".join([*sorted(allowed), program])
    hint = f"add it: permissions: {{commands: [{listed}]}}"
    findings.add(workflow, at, f"program '{program}' is not permitted{near}", rule="permission", hint=hint)
