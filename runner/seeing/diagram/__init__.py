"""A workflow as a Mermaid flowchart, over a run with what became of each node and which routes were taken; as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import msgspec
from msgspec.structs import replace

from runner.ground.json_value import Json
from runner.nodes import KINDS
from runner.seeing.diagram.labels import LONGEST, escape, gist
from runner.seeing.diagram.overlay import Overlay, find_node, overlay_of
from runner.workflow.model import Body, Loaded, Node, Route, Workflow

__all__ = ["find_node", "mermaid", "overlay_of", "sketch"]


SIDES = {"rescue": "rescue: what no node handled", "finally": "finally: whatever happened"}

STYLES = {
    "completed": "fill:#d4edda,stroke:#2e7d32,color:#111",
    "failed": "fill:#f8d7da,stroke:#b71c1c,color:#111",
    "running": "fill:#fff3cd,stroke:#b26a00,color:#111",
    "waiting": "fill:#fff3cd,stroke:#b26a00,color:#111",
    "skipped": "fill:#eeeeee,stroke:#888888,color:#555",
    "omitted": "fill:#eeeeee,stroke:#888888,color:#555",
    "cancelled": "fill:#e2d9f3,stroke:#5e35b1,color:#111",
}
DASHED = "-.->"
TAKEN = "stroke:#2e7d32,stroke-width:3px"


def mermaid(loaded: Loaded, overlay: Overlay | None = None) -> str:
    """The flowchart of a workflow, drawn over by what happened in a run of it."""
    return "\n".join(_Drawing(loaded, overlay or Overlay()).lines()) + "\n"


class _Link(msgspec.Struct, frozen=True):
    """One arrow. `taken`: the run went this way."""

    source: str
    target: str
    label: str = ""
    arrow: str = "-->"
    taken: bool = False


class _Drawing:
    """Gathers the lines of a flowchart. Nodes come first, then arrows, which Mermaid counts in that order."""

    def __init__(self, loaded: Loaded, overlay: Overlay) -> None:
        self._workflow = loaded.workflow
        self._data = loaded.sources[loaded.workflow.file].data
        self._overlay = overlay
        self._names: dict[str, str] = {}
        self._nodes: list[str] = []
        self._indent = "  "
        self._links: list[_Link] = []

    def lines(self) -> list[str]:
        workflow = self._workflow
        words = [escape(workflow.title or workflow.name, LONGEST), *filter(None, [escape(self._overlay.words)])]
        start = self._name("start")
        self._line(f'{start}(["{"<br/>".join(words)}"])')
        self._body(workflow.body)
        begun = bool(self._overlay.statuses)
        self._links.insert(0, _Link(start, self._name(workflow.body.nodes[workflow.body.start].key), taken=begun))
        for key, side in (("rescue", workflow.rescue), ("finally", workflow.finally_)):
            if side is not None:
                self._group(side, f"group/{key}", SIDES[key])
        return ["flowchart TD", *self._nodes, *map(_arrow, self._links), *self._styles()]

    def _name(self, key: str) -> str:
        return self._names.setdefault(key, f"n{len(self._names) + 1}")

    def _body(self, body: Body) -> None:
        for node in body.nodes.values():
            self._node(node)
        for node in body.nodes.values():
            self._routes(node, body)

    def _line(self, text: str) -> None:
        self._nodes.append(f"{self._indent}{text}")

    @contextmanager
    def _frame(self, name: str, label: str) -> Iterator[None]:
        self._line(f'subgraph {name} ["{label}"]')
        outer, self._indent = self._indent, self._indent + "  "
        yield
        self._indent = outer
        self._line("end")

    def _group(self, body: Body, key: str, title: str) -> None:
        """A body of its own, in a frame. Where it begins is marked if that is not its first node."""
        with self._frame(self._name(key), escape(title)):
            if body.start != next(iter(body.nodes)):
                entry = self._name(f"entry/{key}")
                self._line(f'{entry}((" "))')
                self._links.append(_Link(entry, self._name(body.nodes[body.start].key)))
            self._body(body)

    def _node(self, node: Node) -> None:
        name, label = self._name(node.key), self._label(node)
        if node.traits.branching is None:
            opening, closing = KINDS[node.verb].shape.brackets
            self._line(f'{name}{opening}"{label}"{closing}')
            return
        with self._frame(name, label):
            for key, body in node.bodies.items():
                self._branch_of(key, body)
            self._needs(node)

    def _branch_of(self, key: str, body: Body) -> None:
        if body.single:
            self._body(body)
            return
        condition = self._content(body.at).get("if")
        self._group(body, f"group/{body.key}", key if condition is None else f"{key} if {condition}")

    def _label(self, node: Node) -> str:
        words = [escape(node.title or node.id, LONGEST)]
        words += [f"<small>{line}</small>" for line in gist(node, self._content(node.at))]
        if said := self._overlay.said(node.key):
            words.append(f"<small>{escape(said)}</small>")
        return "<br/>".join(words)

    def _content(self, at: tuple[str | int, ...]) -> Mapping[str, Json]:
        """A node's YAML, or a body's."""
        value = self._data
        for step in at:
            value = value[step]
        return value or {}

    def _needs(self, node: Node) -> None:
        for key, body in node.bodies.items():
            for needed in self._content(body.at).get("needs", ()):
                self._links.append(_Link(self._branch(node.bodies[needed]), self._branch(node.bodies[key]), "needs"))

    def _branch(self, body: Body) -> str:
        return self._name(body.only.key if body.single else f"group/{body.key}")

    def _routes(self, node: Node, body: Body) -> None:
        source, several = self._name(node.key), len(node.next or ()) > 1
        for route in node.next or ():
            words = route.when.source if route.when else "else" if several else ""
            self._route(node, route, body, _Link(source, "", escape(words)))
        for route in node.on_error if isinstance(node.on_error, tuple) else ():
            words = f"error: {route.when.source}" if route.when else "error"
            self._route(node, route, body, _Link(source, "", escape(words), DASHED))

    def _route(self, node: Node, route: Route, body: Body, link: _Link) -> None:
        """One way out of a node; one that leaves the body is drawn if it has a condition or is one of several."""
        if route.to is None and not link.label:
            return
        target = body.nodes[route.to].key if route.to is not None else None
        failed = link.arrow == DASHED
        ways = {(node.key, target, failed), (node.key, target, failed or node.on_error == "continue")}
        where = self._exit(body) if target is None else self._name(target)
        self._links.append(replace(link, target=where, taken=bool(ways & self._overlay.routes)))

    def _exit(self, body: Body) -> str:
        """Where the routes lead that leave a body."""
        key = f"exit/{body.key}"
        if key not in self._names:
            self._line(f'{self._name(key)}(("exit"))')
        return self._names[key]

    def _styles(self) -> list[str]:
        lines = []
        for place in self._overlay.statuses:
            style = STYLES.get(self._overlay.status(place))
            if style is not None:
                lines.append(f"  style {self._names[place]} {style}")
        taken = [str(position) for position, link in enumerate(self._links) if link.taken]
        return [*lines, f"  linkStyle {','.join(taken)} {TAKEN}"] if taken else lines


def _arrow(link: _Link) -> str:
    label = f'|"{link.label}"|' if link.label else ""
    return f"  {link.source} {link.arrow}{label} {link.target}"


def sketch(workflow: Workflow) -> list[str]:
    """A workflow's graph in plain text: a line for each node of its own body, the start first, with where it leads."""
    body = workflow.body
    nodes = [body.nodes[body.start], *(node for node in body.nodes.values() if node.id != body.start)]
    return [f"{_named(node)}{_leads(node)}" for node in nodes]


def _named(node: Node) -> str:
    if node.traits.branching is None:
        return node.id
    return f"{node.id} [{KINDS[node.verb].shape.items or ' ∥ '.join(node.bodies)}]"


def _leads(node: Node) -> str:
    targets = dict.fromkeys(route.to or "exit" for route in node.next or ())
    return f" → {' | '.join(targets)}" if targets else ""
