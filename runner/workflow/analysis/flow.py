"""Where a body's routes lead: nodes that nothing reaches, and circles that nothing leaves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from runner.workflow.analysis.findings import Findings
from runner.workflow.model import UNKNOWN, Body, Node, Route

MOST_NAMED = 10
"""How many nodes a message names."""


def check_flow(findings: Findings) -> None:
    """Check every body of a workflow."""
    for body in findings.workflow.bodies.values():
        for node in body.nodes.values():
            _check_dead_routes(node, findings)
        if _is_whole(body):
            reached = _reachable(body, body.start)
            _check_reach(body, reached, findings)
            _check_end(body, reached, findings)


def _is_whole(body: Body) -> bool:
    """Whether every node, and every name of one, could be read; else nothing is proved of the body."""
    if any(node.verb == UNKNOWN for node in body.nodes.values()):
        return False
    targets = [route.to for node in body.nodes.values() for route in node.routes if route.to is not None]
    return body.nodes.keys() >= {body.start, *targets}


def _targets(node: Node) -> list[str]:
    return [name for name in node.arrows if name is not None]


def _closure(starts: Iterable[str], following: Callable[[str], Iterable[str]]) -> dict[str, None]:
    """The nodes that one comes to from the starts, in the order in which they are found."""
    found = dict.fromkeys(starts)
    waiting = list(found)
    while waiting:
        more = [name for name in dict.fromkeys(following(waiting.pop())) if name not in found]
        found.update(dict.fromkeys(more))
        waiting.extend(more)
    return found


def _reachable(body: Body, start: str) -> dict[str, None]:
    return _closure([start], lambda name: _targets(body.nodes[name]))


def _check_reach(body: Body, reached: Collection[str], findings: Findings) -> None:
    """Report each node that nothing reaches, those to which only others of them lead with the first of these."""
    lost = [name for name in body.nodes if name not in reached]
    led_to = {target for name in lost for target in _targets(body.nodes[name]) if target != name}
    told: set[str] = set()
    for name in sorted(lost, key=lambda name: name in led_to):
        if name in told:
            continue
        behind = [other for other in _reachable(body, name) if other not in reached and other not in {name, *told}]
        told |= {name, *behind}
        words = f"node '{name}' can't be reached"
        if behind:
            more = ", …" if len(behind) > MOST_NAMED else ""
            words += f", nor what only it leads to: {', '.join(behind[:MOST_NAMED])}{more}"
        hint = f"'{body.start}' is the start; let a route lead to '{name}', or remove it"
        findings.error(words, body.nodes[name].at, rule="unreachable", key=True, hint=hint)


def _leaves(node: Node) -> bool:
    return None in node.arrows or (node.max_visits is not None and node.on_error is None)


def _check_end(body: Body, reached: Collection[str], findings: Findings) -> None:
    ending = _ending(body, reached)
    if stuck := [name for name in reached if name not in ending]:
        circle = _circle(body, stuck[0])
        words = f"this can't end: {' → '.join([*circle, circle[0]])}"
        hint = "give one of its nodes a route to `exit`, to a node that leaves, or a max_visits"
        findings.error(words, body.nodes[circle[0]].at, rule="endless", key=True, hint=hint)


def _ending(body: Body, reached: Collection[str]) -> Collection[str]:
    """The nodes from which there is a way out of the body."""
    led_from: dict[str, list[str]] = {}
    for name in reached:
        for target in _targets(body.nodes[name]):
            led_from.setdefault(target, []).append(name)
    leaving = [name for name in reached if _leaves(body.nodes[name])]
    return _closure(leaving, lambda name: led_from.get(name, ()))


def _circle(body: Body, start: str) -> list[str]:
    """The circle into which the first route of each node leads, from a node on that no way leaves."""
    way = [start]
    while True:
        following = _targets(body.nodes[way[-1]])[0]
        if following in way:
            return way[way.index(following) :]
        way.append(following)


def _check_dead_routes(node: Node, findings: Findings) -> None:
    if node.traits.ends and node.condition is None:
        _warn([route for route in node.next or () if route.at != node.at], "the workflow ends here", findings)
        return
    for routes in (node.next or (), node.handlers):
        always = next((position for position, route in enumerate(routes) if route.when is None), len(routes))
        _warn(routes[always + 1 :], "the one before it has no `when`", findings)


def _warn(routes: Collection[Route], reason: str, findings: Findings) -> None:
    for route in routes:
        place = findings.source.place(route.at)
        findings.note(f"this route never fires: {reason}", place, "", "dead-route", "warning")
