"""Bodies and nodes: from checked YAML to a graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from runner.ground.errors import did_you_mean
from runner.ground.json_value import Json
from runner.language.schema import VERBS, Unknown
from runner.workflow.compiler.declarations import AgentReader, retry
from runner.workflow.compiler.names import EXIT, name_trouble
from runner.workflow.compiler.reader import NodeReader, Notes
from runner.workflow.model import NO_VERB, UNKNOWN, Body, JsonPath, Node, Route, Traits, Use

_NO_NODES = {
    "continue": "`continue` stands alone: on_error: continue",
    **dict.fromkeys(("end", "END", "stop", "done", "finish"), "to end the body write exit"),
}
"""What is written where a route should lead, and names no node."""


class NodeKind(Protocol):
    """What the compiler asks of a node kind: `build` makes a node's spec, `traits` tells what such a node does."""

    @property
    def build(self) -> Callable[[NodeReader], Any]: ...
    @property
    def traits(self) -> Callable[[Any], Traits]: ...
    @property
    def takes_defaults(self) -> bool:
        """Whether `defaults:` count for its nodes."""
        ...


NodeKinds = Mapping[str, NodeKind]
"""Every node kind by its verb."""


_Entry = tuple[str, Json, JsonPath, str | None]
"""A node's id, its YAML, its place, and the node that follows it in a list of steps."""


class BodyReader:
    """Builds the bodies of one file."""

    def __init__(
        self,
        notes: Notes,
        content: Mapping[str, Json],
        kinds: NodeKinds,
        agents: AgentReader,
        workflow_of: Callable[[str, JsonPath], str],
    ) -> None:
        self._notes = notes
        self._content = content
        self._kinds = kinds
        self._agents = agents
        self._workflow_of = workflow_of
        self.found: dict[str, Body] = {}
        self._defaults: Mapping[str, Json] = content.get("defaults", {})

    def body(self, content: Json, at: JsonPath, name: str, variables: frozenset[str]) -> Body:
        """A body from `nodes:`, `steps:`, or a single node called `name`."""
        if "nodes" in content or "steps" in content:
            body = self._graph(content, at, variables)
        else:
            body = self._single(content, at, name, variables)
        self.found[body.key] = body
        return body

    def _graph(self, content: Json, at: JsonPath, variables: frozenset[str]) -> Body:
        if "nodes" in content:
            entries: list[_Entry] = [(key, entry, (*at, "nodes", key), None) for key, entry in content["nodes"].items()]
        else:
            entries = self._steps(content["steps"], at)
        nodes = {key: self._node(key, entry, place, following, variables) for key, entry, place, following in entries}
        start = content.get("start", entries[0][0])
        if start not in nodes:
            self._notes.error(f"node '{start}' does not exist{did_you_mean(start, list(nodes))}", (*at, "start"))
        body = Body(nodes, start, at, variables=variables)
        self._check_targets(body)
        return body

    def _steps(self, items: list[Json], at: JsonPath) -> list[_Entry]:
        names = [(item or {}).get("id", f"s{position}") for position, item in enumerate(items, 1)]
        for position, name in enumerate(names):
            if name in names[:position]:
                self._notes.error(
                    f"two steps are called '{name}'", (*at, "steps", position, "id"), hint="give one of them another id"
                )
        following = [*names[1:], None]
        return [
            (name, item, (*at, "steps", position), after)
            for position, (name, item, after) in enumerate(zip(names, items, following, strict=True))
        ]

    def _single(self, content: Json, at: JsonPath, name: str, variables: frozenset[str]) -> Body:
        node = self._node(name, content, at, None, variables)
        for route in node.routes:
            if route.to is not None:
                hint = "it stands alone here; write `nodes:` or `steps:` around it to have several"
                self._notes.error(f"a single node can't go on to '{route.to}'", route.at, hint=hint)
        return Body({name: node}, name, at, single=True, variables=variables)

    def _node(
        self, name: str, content: Mapping[str, Json], at: JsonPath, following: str | None, variables: frozenset[str]
    ) -> Node:
        if trouble := name_trouble(name):
            place = (*at, "id") if "id" in content else at
            self._notes.error(f"'{name}' can't be an id: {trouble}", place, key=place == at, hint="choose another name")
        if isinstance(content, Unknown):
            return Node(name, UNKNOWN, at, None)
        verb = next((key for key in content if key in VERBS), NO_VERB)
        return self._assemble(verb, self.reader(name, content, at, variables, []), following)

    def reader(
        self,
        name: str,
        content: Mapping[str, Json],
        at: JsonPath,
        variables: frozenset[str],
        uses: list[Use],
    ) -> NodeReader:
        """A reader for one piece of YAML; what it compiles is added to `uses`."""
        return NodeReader(
            self._notes,
            name,
            content,
            at,
            self.body,
            self._agents,
            self._workflow_of,
            self._content.get("tools", {}),
            self._content.get("schemas", {}),
            variables,
            uses,
        )

    def _assemble(self, verb: str, reader: NodeReader, following: str | None) -> Node:
        content, kind = reader.content, self._kinds[verb]
        spec = kind.build(reader)
        own = self._defaults if kind.takes_defaults else {}
        shared = self.reader("defaults", own, ("defaults",), reader.variables, reader.uses)
        routes = self._routes(reader, "next", ("output",))
        if routes is None and following is not None:
            routes = (Route(following, None, reader.at),)
        return Node(
            id=reader.id,
            verb=verb,
            at=reader.at,
            spec=spec,
            title=content.get("title", ""),
            condition=reader.expression("if", role="if"),
            reset=tuple(content.get("reset", ())),
            set=tuple((key, reader.value("set", key, extra=("output",), role="set")) for key in content.get("set", {})),
            next=routes,
            on_error="continue"
            if content.get("on_error") == "continue"
            else self._routes(reader, "on_error", ("error",)),
            retry=retry(
                own.get("retry", {}),
                content.get("retry", {}),
                lambda key: reader.duration("retry", key) or shared.duration("retry", key),
            ),
            timeout=reader.duration("timeout") or shared.duration("timeout"),
            max_visits=content.get("max_visits"),
            on_crash=content.get("on_crash", "retry"),
            bodies=reader.bodies,
            uses=tuple(reader.uses),
            traits=kind.traits(spec),
        )

    def _routes(self, reader: NodeReader, key: str, extra: tuple[str, ...]) -> tuple[Route, ...] | None:
        content = reader.get(key)
        if content is None:
            return None
        at = (*reader.at, key)
        if isinstance(content, str):
            return (Route(None if content == EXIT else content, None, at),)
        routes = []
        for position, entry in enumerate(content):
            when = reader.expression(key, position, "when", extra=extra, role="when")
            to = entry.get("to")
            routes.append(Route(None if to == EXIT else to, when, (*at, position, "to")))
        return tuple(routes)

    def _check_targets(self, body: Body) -> None:
        for node in body.nodes.values():
            for route in node.routes:
                if route.to is not None and route.to not in body.nodes:
                    near = did_you_mean(route.to, [*body.nodes, EXIT])
                    hint = "" if near else _NO_NODES.get(route.to, "")
                    self._notes.error(f"node '{route.to}' does not exist{near}", route.at, hint=hint)
