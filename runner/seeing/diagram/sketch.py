"""A workflow's graph in plain text: a line for each node, with where it leads."""

from __future__ import annotations

from runner.seeing.diagram.overlay import COMPOSED
from runner.workflow.model import Node, Workflow


def sketch(workflow: Workflow) -> list[str]:
    """The lines of the workflow's own body, the start first."""
    body = workflow.body
    nodes = [body.nodes[body.start], *(node for node in body.nodes.values() if node.id != body.start)]
    return [f"{_named(node)}{_leads(node)}" for node in nodes]


def _named(node: Node) -> str:
    if node.verb == "for_each":
        return f"{node.id} [for each]"
    return f"{node.id} [{' ∥ '.join(node.bodies)}]" if node.verb in COMPOSED else node.id


def _leads(node: Node) -> str:
    targets = dict.fromkeys(route.to or "exit" for route in node.next or ())
    return f" → {' | '.join(targets)}" if targets else ""
