"""Where a body's routes lead: nodes that nothing reaches, and circles that nothing leaves."""

from __future__ import annotations

from collections.abc import Mapping

from runner.analysis.findings import Findings
from runner.model import Body, Node, Route, Workflow


def check_flow(workflow: Workflow, findings: Findings) -> None:
    """Check every body of a workflow."""
    for body in workflow.bodies.values():
        reached = _reachable(body)
        for node in body.nodes.values():
            if node.id not in reached:
                hint = f"'{body.start}' is the start; let a route lead to '{node.id}', or remove it"
                findings.add(
                    workflow, node.at, f"node '{node.id}' can't be reached", rule="unreachable", key=True, hint=hint
                )
            _check_dead_routes(workflow, node, findings)
        _check_end(workflow, body, reached, findings)


def _routes(node: Node) -> tuple[Route, ...]:
    handlers = node.on_error if isinstance(node.on_error, tuple) else ()
    return (*(node.next or ()), *handlers)


def _reachable(body: Body) -> dict[str, None]:
    found = {body.start: None}
    waiting = [body.start]
    while waiting:
        for route in _routes(body.nodes[waiting.pop()]):
            if route.to is not None and route.to in body.nodes and route.to not in found:
                found[route.to] = None
                waiting.append(route.to)
    return found


def _leaves(node: Node) -> bool:
    if node.verb == "end" or node.next is None:
        return True
    return any(route.to is None for route in _routes(node)) or (node.max_visits is not None and node.on_error is None)


def _check_end(workflow: Workflow, body: Body, reached: Mapping[str, None], findings: Findings) -> None:
    ending = {name for name in reached if _leaves(body.nodes[name])}
    growing = True
    while growing:
        more = {name for name in reached if name not in ending and _leads_into(body.nodes[name], ending)}
        growing = bool(more)
        ending |= more
    stuck = [name for name in reached if name not in ending]
    if stuck:
        circle = " → ".join([*stuck, stuck[0]])
        hint = "give one of its nodes a route to `exit`, to a node that leaves, or a max_visits"
        findings.add(
            workflow, body.nodes[stuck[0]].at, f"this can't end: {circle}", rule="endless", key=True, hint=hint
        )


def _leads_into(node: Node, names: set[str]) -> bool:
    return any(route.to is not None and route.to in names for route in _routes(node))


def _check_dead_routes(workflow: Workflow, node: Node, findings: Findings) -> None:
    for routes in (node.next or (), node.on_error if isinstance(node.on_error, tuple) else ()):
        always = next((position for position, route in enumerate(routes) if route.when is None), None)
        for route in routes[always + 1 :] if always is not None else ():
            words = "this route never fires: the one before it has no `when`"
            findings.add(workflow, route.at, words, rule="dead-route", severity="warning")
