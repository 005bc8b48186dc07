"""Bodies and nodes: from checked YAML to a graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from runner.ground.errors import RETRYABLE, did_you_mean
from runner.ground.json_value import Json
from runner.language.expression import RESERVED_WORDS
from runner.language.schema import VERBS, Unknown
from runner.workflow.compiler.reader import NodeReader, OpenFile
from runner.workflow.compiler.retries import read_retry
from runner.workflow.model import CHECK, NO_VERB, UNKNOWN, Body, Node, Route, Tool, Traits, Use
from runner.workflow.policies import OnCrash
from runner.workflow.reach import JsonPath

EXIT = "exit"
_EXIT_TROUBLE = f"'{EXIT}' is what a route says to leave the body"

ROOT_NAMES = (
    "inputs",
    "state",
    "run",
    "visits",
    "nodes",
    "output",
    "error",
    "item",
    "index",
    "results",
    "data",
    "messages",
    "round",
    "idempotency_key",
)
"""What names mean in an expression, beside those of nodes, branches and items."""

_NO_NODES = {
    "continue": "`continue` stands alone: on_error: continue",
    **dict.fromkeys(("end", "END", "stop", "done", "finish"), "to end the body write exit"),
}
"""What is written where a route should lead, and names no node."""


def name_trouble(name: str) -> str:
    """Why a name can't be an `as`, which expressions call by it alone; empty when it can."""
    if name == EXIT:
        return _EXIT_TROUBLE
    if name in RESERVED_WORDS:
        return f"'{name}' is a word of the expression language"
    if name in ROOT_NAMES:
        return f"'{name}' is what expressions call {'the ' + name if name != 'nodes' else 'all nodes'}"
    return ""


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

    @property
    def is_one_call(self) -> bool:
        """Whether a step of it is one call to the world, which a check can ask about after a crash."""
        ...

    @property
    def retried(self) -> frozenset[str]:
        """The errors after which a node is tried again whose own `retry` names none."""
        ...


class ToolKind(Protocol):
    """How the tools of one kind are declared. Its key is what tells a tool's kind in YAML."""

    @property
    def build(self) -> Callable[[NodeReader], Tool]: ...


class Kinds(msgspec.Struct, frozen=True):
    """Every node kind by its verb, every tool kind by its key, and the tools that need no declaration by their name."""

    nodes: Mapping[str, NodeKind]
    tools: Mapping[str, ToolKind]
    built_in: Mapping[str, Tool] = {}


_Entry = tuple[str, Json, JsonPath, str | None]
"""A node's id, its YAML, its place, and the node that follows it in a list of steps."""


class BodyReader(msgspec.Struct):
    """Builds the bodies of one file."""

    file: OpenFile
    kinds: Mapping[str, NodeKind]
    workflow_of: Callable[[str, JsonPath], str]
    found: dict[str, Body] = {}

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
            self.file.error(f"node '{start}' does not exist{did_you_mean(start, list(nodes))}", (*at, "start"))
        body = Body(nodes, start, at, variables=variables)
        self._check_targets(body)
        return body

    def _steps(self, items: list[Json], at: JsonPath) -> list[_Entry]:
        names = [(item or {}).get("id", f"s{position}") for position, item in enumerate(items, 1)]
        for position, name in enumerate(names):
            if name in names[:position]:
                self.file.error(
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
                self.file.error(f"a single node can't go on to '{route.to}'", route.at, hint=hint)
        return Body({name: node}, name, at, single=True, variables=variables)

    def _node(
        self, name: str, content: Mapping[str, Json], at: JsonPath, following: str | None, variables: frozenset[str]
    ) -> Node:
        if name == EXIT:
            place = (*at, "id") if "id" in content else at
            words = f"'{EXIT}' can't be an id: {_EXIT_TROUBLE}"
            self.file.error(words, place, key=place == at, hint="choose another name")
        if isinstance(content, Unknown):
            return Node(name, UNKNOWN, at, None)
        verb = next((key for key in content if key in VERBS), NO_VERB)
        return self._assemble(verb, self.reader(name, content, at, variables, []), following)

    def reader(
        self, name: str, content: Mapping[str, Json], at: JsonPath, variables: frozenset[str], uses: list[Use]
    ) -> NodeReader:
        """A reader for one piece of YAML; what it compiles is added to `uses`."""
        return NodeReader(self.file, name, content, at, self.body, self.workflow_of, variables, uses)

    def _assemble(self, verb: str, reader: NodeReader, following: str | None) -> Node:
        content, kind = reader.content, self.kinds[verb]
        spec = kind.build(reader)
        own = self.file.section("defaults") if kind.takes_defaults else {}
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
            retry=read_retry(reader, kind.retried) or read_retry(shared, RETRYABLE),
            timeout=reader.duration("timeout") or shared.duration("timeout"),
            max_visits=content.get("max_visits"),
            on_crash=self._on_crash(reader, kind),
            limits=reader.budget("limits"),
            bodies=reader.bodies,
            uses=tuple(reader.uses),
            traits=kind.traits(spec),
        )

    @staticmethod
    def _on_crash(reader: NodeReader, kind: NodeKind) -> OnCrash | None:
        found = reader.on_crash()
        if found == CHECK and not kind.is_one_call:
            words = "only a step that is one call to the world can be checked after a crash"
            hint = "let the tools that it calls have one: tools: {NAME: {on_crash: {check: …}}}"
            reader.error(words, "on_crash", CHECK, hint=hint, key=True, rule="on_crash")
        return found

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
                    self.file.error(f"node '{route.to}' does not exist{near}", route.at, hint=hint)
