"""What is asked after a crash: it finds out, and does nothing else; and it has to be able to say what it found."""

from __future__ import annotations

from collections.abc import Iterator

from runner.workflow.analysis.findings import Findings
from runner.workflow.model import Body, Node, Program, Workflow

_SAYS = "{done: true, output: …} or {done: false}"


def check_checks(findings: Findings) -> None:
    """Check the body of each `on_crash: {check: …}` of a workflow, those of its tools too."""
    for body in _checks(findings.workflow):
        for node in _all_in(body):
            if node.traits.ends:
                hint = f"let it say what became of the call: {_SAYS}"
                findings.error(
                    "a check can't end the workflow", (*node.at, node.verb), rule="check", key=True, hint=hint
                )
        for node in body.nodes.values():
            _check_last(node, findings)


def _checks(workflow: Workflow) -> Iterator[Body]:
    yield from (node.check for node in workflow.nodes if node.check is not None)
    yield from (tool.check for tool in workflow.tools.values() if tool.check is not None)


def _all_in(body: Body) -> Iterator[Node]:
    """The nodes of a body and of its branches; a check in a check is looked at by itself."""
    for node in body.nodes.values():
        yield node
        for inner in node.bodies.values() if node.check is None else ():
            yield from _all_in(inner)


def _check_last(node: Node, findings: Findings) -> None:
    """Whatever a program printed, its check says nothing unless that is read as JSON."""
    program = getattr(node.spec, "program", node.spec)
    if None in node.arrows and isinstance(program, Program) and program.parse != "json":
        words = f"this check never says {_SAYS}: what its program prints is not read"
        hint = "write parse: json beside it, and let it print that"
        findings.note(words, findings.source.place(node.at, key=True), hint, "check", "warning")
