"""A workflow as a Mermaid flowchart; over a run, with what became of each node and which routes were taken."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from runner.model import Body, Node, Route, Workflow

Json = Any

SHAPES: dict[str, tuple[str, str]] = {
    "none": ("{", "}"),
    "human": ("[/", "/]"),
    "wait": ("{{", "}}"),
    "workflow": ("[[", "]]"),
    "end": ("(((", ")))"),
    "agent": ("(", ")"),
}
"""Brackets by verb; every other leaf is a box, `parallel` and `for_each` are frames."""

FRAMES = frozenset({"parallel", "for_each"})
PLAIN = re.compile(r"[^A-Za-z0-9 _.,:=/+*!?'-]")
LONGEST = 500

STYLES = {
    "completed": "fill:#d4edda,stroke:#2e7d32,color:#111",
    "failed": "fill:#f8d7da,stroke:#b71c1c,color:#111",
    "running": "fill:#fff3cd,stroke:#b26a00,color:#111",
    "waiting": "fill:#fff3cd,stroke:#b26a00,color:#111",
    "skipped": "fill:#eeeeee,stroke:#888888,color:#555",
    "omitted": "fill:#eeeeee,stroke:#888888,color:#555",
    "cancelled": "fill:#e2d9f3,stroke:#5e35b1,color:#111",
}

_SEGMENT = re.compile(r"(?P<name>[^#~\[]*)(?:#\d+)?(?:~\d+)?(?P<items>(?:\[\d+\](?:~\d+)?)*)")


class _Overlay(msgspec.Struct):
    """What a run did at each node of the file: its last status, how often it came, where it went next."""

    status: dict[str, str] = msgspec.field(default_factory=dict)
    visits: dict[str, int] = msgspec.field(default_factory=dict)
    routes: dict[tuple[str, str], int] = msgspec.field(default_factory=dict)


class _Drawing(msgspec.Struct):
    lines: list[str] = msgspec.field(default_factory=list)
    names: dict[str, str] = msgspec.field(default_factory=dict)
    links: int = 0
    taken: list[int] = msgspec.field(default_factory=list)

    def name(self, address: str) -> str:
        return self.names.setdefault(address, f"n{len(self.names) + 1}")


def escape(text: str, longest: int = LONGEST) -> str:
    """A label's text: all but plain characters as Mermaid's numeric entities, so that nothing in it is syntax."""
    shown = text if len(text) <= longest else text[: longest - 1] + "…"
    return PLAIN.sub(lambda found: f"#{ord(found.group())};", " ".join(shown.split()))


def mermaid(workflow: Workflow, steps: Iterable[Mapping[str, Json]] | None = None) -> str:
    """The flowchart of a workflow; with a run's rows of the `steps` table, drawn over by what happened."""
    overlay = _overlay(workflow, steps) if steps is not None else None
    drawing = _Drawing()
    drawing.lines.append("flowchart TD")
    start = drawing.name("start")
    drawing.lines.append(f'  {start}(["{escape(workflow.title or workflow.name)}"])')
    _body(drawing, workflow.body, overlay, "  ")
    _link(drawing, start, _entry(drawing, workflow.body), "")
    for key, side in (("rescue", workflow.rescue), ("finally", workflow.finally_)):
        if side is not None:
            _group(drawing, key, key, side, overlay, "  ")
    if overlay is not None:
        _colours(drawing, overlay)
    return "\n".join(drawing.lines) + "\n"


def _address(node: Node) -> str:
    return "/".join(map(str, node.at)) or node.id


def _entry(drawing: _Drawing, body: Body) -> str:
    return drawing.name(_address(body.nodes[body.start]))


def _group(drawing: _Drawing, address: str, title: str, body: Body, overlay: _Overlay | None, indent: str) -> None:
    drawing.lines.append(f'{indent}subgraph {drawing.name("group/" + address)} ["{escape(title)}"]')
    _body(drawing, body, overlay, indent + "  ")
    drawing.lines.append(f"{indent}end")


def _body(drawing: _Drawing, body: Body, overlay: _Overlay | None, indent: str) -> None:
    for node in body.nodes.values():
        _node(drawing, node, overlay, indent)
    for node in body.nodes.values():
        _routes(drawing, node, body, overlay)


def _node(drawing: _Drawing, node: Node, overlay: _Overlay | None, indent: str) -> None:
    label = _label(node, overlay)
    if node.verb not in FRAMES:
        opening, closing = SHAPES.get(node.verb, ("[", "]"))
        drawing.lines.append(f'{indent}{drawing.name(_address(node))}{opening}"{label}"{closing}')
        return
    drawing.lines.append(f'{indent}subgraph {drawing.name(_address(node))} ["{label}"]')
    for key, inner in node.bodies.items():
        if inner.single:
            _body(drawing, inner, overlay, indent + "  ")
        else:
            _group(drawing, inner.key, key, inner, overlay, indent + "  ")
    drawing.lines.append(f"{indent}end")


def _label(node: Node, overlay: _Overlay | None) -> str:
    words = [escape(node.title or node.id)]
    if node.verb != "none":
        words.append(f"<small>{escape(node.verb)}</small>")
    if node.condition is not None:
        words.append(f"<small>if {escape(node.condition.source)}</small>")
    address = _address(node)
    if overlay is not None and address in overlay.status:
        visits = overlay.visits[address]
        times = f" ×{visits}" if visits > 1 else ""
        words.append(f"<small>{overlay.status[address]}{times}</small>")
    return "<br/>".join(words)


def _routes(drawing: _Drawing, node: Node, body: Body, overlay: _Overlay | None) -> None:
    handlers = node.on_error if isinstance(node.on_error, tuple) else ()
    for route in node.next or ():
        _route(drawing, node, route, body, overlay, route.when.source if route.when else "")
    for route in handlers:
        words = f"error: {route.when.source}" if route.when else "error"
        _route(drawing, node, route, body, overlay, words)


def _route(drawing: _Drawing, node: Node, route: Route, body: Body, overlay: _Overlay | None, words: str) -> None:
    if route.to is None:
        return
    target = _address(body.nodes[route.to])
    if overlay is not None and (_address(node), target) in overlay.routes:
        drawing.taken.append(drawing.links)
    _link(drawing, drawing.name(_address(node)), drawing.name(target), words)


def _link(drawing: _Drawing, source: str, target: str, words: str) -> None:
    label = f'|"{escape(words)}"|' if words else ""
    drawing.lines.append(f"  {source} -->{label} {target}")
    drawing.links += 1


def _colours(drawing: _Drawing, overlay: _Overlay) -> None:
    for address, status in overlay.status.items():
        if address in drawing.names and status in STYLES:
            drawing.lines.append(f"  style {drawing.names[address]} {STYLES[status]}")
    if drawing.taken:
        drawing.lines.append(f"  linkStyle {','.join(map(str, drawing.taken))} stroke:#2e7d32,stroke-width:3px")


def _overlay(workflow: Workflow, steps: Iterable[Mapping[str, Json]]) -> _Overlay:
    overlay = _Overlay()
    for row in steps:
        found = find_node(workflow, str(row["step"]))
        if found is None:
            continue
        body, node = found
        address = _address(node)
        overlay.status[address] = str(row["status"])
        overlay.visits[address] = overlay.visits.get(address, 0) + 1
        target = row.get("route")
        if target and target in body.nodes:
            overlay.routes[address, _address(body.nodes[target])] = 1
    return overlay


def find_node(workflow: Workflow, step: str) -> tuple[Body, Node] | None:
    """The node that a step's address visits, in the workflow's own file; None for calls, and in called workflows."""
    body: Body | None = workflow.body
    node: Node | None = None
    for position, segment in enumerate(step.split("/")):
        found = _SEGMENT.fullmatch(segment)
        if found is None or body is None:
            return None
        name = found["name"]
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
        body, node = _items(body, node, found["items"])
        body = _inside(body, node)
    return (_holder(workflow, node), node) if node is not None else None


def _items(body: Body, node: Node | None, items: str) -> tuple[Body, Node | None]:
    for _ in re.findall(r"\[\d+\]", items):
        if node is None or "do" not in node.bodies:
            return body, None
        body = node.bodies["do"]
        node = body.only if body.single else None
    return body, node


def _inside(body: Body, node: Node | None) -> Body:
    return body if node is None or node.verb not in FRAMES else Body({}, "", body.at)


def _holder(workflow: Workflow, node: Node) -> Body:
    return next(body for body in workflow.bodies.values() if node in body.nodes.values())
