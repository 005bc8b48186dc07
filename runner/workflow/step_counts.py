"""How many steps a body, or the items of a list, take at least: what `limits.max_steps` has to allow."""

from __future__ import annotations

from runner.workflow.model import Body, Branching, Node


def steps_of_items(node: Node, items: int) -> int:
    """The least steps that a node takes for so many items, its own not counted; 0 where some may be needless."""
    branching = node.traits.branching
    if branching is None or not branching.items or not branching.all_run:
        return 0
    return items * _least_of_body(node.bodies[branching.items])


def least_steps(node: Node) -> int:
    """The least steps that a visit of a node takes, if its `if` holds: its own, and those of a literal list."""
    total = (node.traits.branching or Branching()).total
    return 1 + (steps_of_items(node, total) if total else 0)


def _least_of_body(body: Body) -> int:
    """Of a body only the node that it starts at is certain to be visited; one that is skipped is a step too."""
    first = body.nodes[body.start]
    return 1 if first.condition is not None else least_steps(first)
