"""How many steps a body, or the items of a list, take at least: what `limits.max_steps` has to allow."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush

from runner.workflow.model import Body, Branching, Node

_END = ""
"""Stands for the end of a body."""


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
    """The fewest steps on a way through a body; 1 if it has no end."""
    waiting, seen = [(0, body.start)], set[str]()
    while waiting:
        taken, name = heappop(waiting)
        if name == _END:
            return taken
        if name not in seen and name in body.nodes:
            seen.add(name)
            for steps, target in _ways_on(body.nodes[name]):
                heappush(waiting, (taken + steps, target))
    return 1


def _ways_on(node: Node) -> Iterator[tuple[int, str]]:
    """Where a node may lead, each with the steps until then: one, if it may be skipped or fail."""
    following = [route.to or _END for route in node.next or ()]
    if node.traits.ends or node.next is None:
        following.append(_END)
    whole = 1 if node.condition is not None or node.on_error == "continue" else least_steps(node)
    yield from ((whole, target) for target in following)
    yield from ((1, route.to or _END) for route in node.handlers)
