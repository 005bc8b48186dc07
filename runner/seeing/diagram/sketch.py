"""A workflow's graph in plain text: a line for each node, with where it leads."""

from __future__ import annotations

from runner.nodes import KINDS
from runner.workflow.model import Node, Workflow


def sketch(workflow: Workflow) -> list[str]:
    """The lines of the workflow's own body, the start first."""
    body = workflow.body
    nodes = [body.nodes[body.start], *(node for node in body.nodes.values() if node.id != body.start)]
    return [f"{_named(node)}{_leads(node)}" for node in nodes]


def _named(node: Node) -> str:
    shape = KINDS[node.verb].shape
    if not shape.framed:
        return node.id
    return f"{node.id} [{shape.items or ' ∥ '.join(node.bodies)}]"


def _leads(node: Node) -> str:
    targets = dict.fromkeys(route.to or "exit" for route in node.next or ())
    return f" → {' | '.join(targets)}" if targets else ""
