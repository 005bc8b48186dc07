"""What a run did at each node of the file: statuses, visits, costs, routes taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from runner.ground.json_value import Json
from runner.record.address import owner_of, segments
from runner.record.events import CALL
from runner.workflow.model import Body, Node, Workflow

Row = Mapping[str, Json]

_OPEN = ("running", "waiting")


class Overlay(msgspec.Struct):
    """By a node's address: how often it had each status, what it used. `routes` hold whether the step had failed."""

    words: str = ""
    statuses: dict[str, Counter[str]] = {}
    last: dict[str, str] = {}
    tokens: Counter[str] = msgspec.field(default_factory=Counter)
    cost: dict[str, float | None] = {}
    uncounted: set[str] = set()
    routes: set[tuple[str, str | None, bool]] = set()

    def status(self, address: str) -> str:
        """The status that a node is drawn in: one that is still open, else its last."""
        counts = self.statuses[address]
        return next((status for status in _OPEN if counts[status]), self.last[address])

    def said(self, address: str) -> str:
        """Its statuses with their counts, and what it used."""
        counts = self.statuses.get(address)
        if counts is None:
            return ""
        words = ", ".join(status if count == 1 else f"{status} ×{count}" for status, count in counts.items())
        tokens = self.tokens[address]
        if address in self.uncounted:
            words += f", ≥ {tokens} tokens" if tokens else ", usage unknown"
        elif tokens:
            cost = self.cost[address]
            words += f", {tokens} tokens, {'price unknown' if cost is None else f'${cost:.4f}'}"
        return words


def overlay_of(workflow: Workflow, words: str, steps: Iterable[Row], calls: Iterable[Row]) -> Overlay:
    """What the rows of a run's tables of steps and model calls say of the nodes of the workflow's own file."""
    overlay = Overlay(words)
    for row in steps:
        if found := find_node(workflow, str(row["step"])):
            _visit(overlay, *found, row)
    for call in calls:
        if found := _asking(workflow, str(call["step"])):
            place = found[1].key
            counts = (call["prompt_tokens"], call["reply_tokens"])
            overlay.tokens[place] += sum(count or 0 for count in counts)
            if None in counts and call["status"] != "running":
                overlay.uncounted.add(place)
            before, now = overlay.cost.get(place, 0.0), call["cost_usd"]
            overlay.cost[place] = None if before is None or now is None else before + now
    return overlay


def _asking(workflow: Workflow, call: str) -> tuple[Body, Node] | None:
    """The node whose call it is; of a call in a call, which a delegate makes, the node whose that is."""
    place = owner_of(call)
    found = find_node(workflow, place)
    while found is None and (last := segments(place)[-1]) is not None and last.name == CALL:
        place = owner_of(place)
        found = find_node(workflow, place)
    return found


def _visit(overlay: Overlay, body: Body, node: Node, row: Row) -> None:
    place, status = node.key, str(row["status"])
    overlay.statuses.setdefault(place, Counter())[status] += 1
    overlay.last[place] = status
    target = row["route"]
    if target is not None and target in body.nodes:
        overlay.routes.add((place, body.nodes[target].key, status == "failed"))
    elif status not in _OPEN:
        overlay.routes.add((place, None, status == "failed"))


def find_node(workflow: Workflow, step: str) -> tuple[Body, Node] | None:
    """The node that a step's address visits, in the workflow's own file; None for calls, and in called workflows."""
    body: Body | None = workflow.body
    node: Node | None = None
    for position, segment in enumerate(segments(step)):
        if segment is None or body is None or (node is not None and node.traits.branching is None):
            return None
        name = segment.name
        side = {"rescue": workflow.rescue, "finally": workflow.finally_}.get(name) if position == 0 else None
        if side is not None and name not in workflow.body.nodes:
            body, node = side, side.only if side.single else None
        elif name in body.nodes:
            node = body.nodes[name]
        elif node is not None and name in node.bodies:
            body = node.bodies[name]
            node = body.only if body.single else None
        else:
            return None
        body, node = _items(body, node, segment.depth)
        body = _inside(body, node)
    return (_holder(workflow, node), node) if node is not None else None


def _items(body: Body, node: Node | None, depth: int) -> tuple[Body, Node | None]:
    """The body that is run for an item of an item …, so many deep, and its node if it has but one."""
    for _ in range(depth):
        branching = None if node is None else node.traits.branching
        if node is None or branching is None or not branching.items:
            return body, None
        body = node.bodies[branching.items]
        node = body.only if body.single else None
    return body, node


def _inside(body: Body, node: Node | None) -> Body:
    return body if node is None or node.traits.branching is None else Body({}, "", body.at)


def _holder(workflow: Workflow, node: Node) -> Body:
    return next(body for body in workflow.bodies.values() if node in body.nodes.values())
