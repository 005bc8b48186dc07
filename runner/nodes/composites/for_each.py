"""`for_each`: a branch per item of a list."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from runner.ground.errors import Failure
from runner.ground.json_value import Json
from runner.language.expression import Expression
from runner.language.template import ValueTemplate
from runner.nodes.composites.joining import Joining, all_begun, build_joining, finished, joined
from runner.nodes.contract import (
    Branch,
    Done,
    Ended,
    Failed,
    Kind,
    Left,
    Memory,
    Opened,
    Settled,
    Shape,
    Spawn,
    Stay,
    StepFailed,
    View,
)
from runner.record.reducers import kind_of
from runner.workflow.branching import Branching
from runner.workflow.compiler import NodeReader, name_trouble
from runner.workflow.model import Node, Traits

DO = "do"


class ForEachSpec(msgspec.Struct, frozen=True):
    """The list, the item's name, and how branches run and join. `total` is the length of a literal list."""

    items: Expression | ValueTemplate | None
    variable: str
    sequential: bool
    joining: Joining
    total: int | None


def build(reader: NodeReader) -> ForEachSpec:
    variable = reader.get("as", default="item")
    if variable != "item" and (trouble := name_trouble(variable)):
        reader.error(f"'{variable}' can't name an item: {trouble}", "as", hint="choose another name")
    literal = isinstance(reader.get("for_each"), list)
    items = reader.value("for_each") if literal else reader.expression("for_each", role="for_each")
    reader.body(DO, "do", variables=(variable, "index"))
    total = len(reader.get("for_each")) if literal else None
    joining = build_joining(reader, total)
    return ForEachSpec(items, variable, reader.get("sequential", default=False), joining, total)


def open_(node: Node, view: View) -> Opened:
    spec: ForEachSpec = node.spec
    items = _items(spec, view)
    verdict = joined(spec.joining, view, len(items), None)
    if isinstance(verdict, Failed):
        return verdict
    opened = replace(_next(spec, view, items), memory=Memory({"items": items}), branches=len(items))
    return opened if verdict == "open" else replace(opened, done=Done([None] * len(items), leave=bool(items)))


def _items(spec: ForEachSpec, view: View) -> list[Json]:
    assert spec.items is not None, "checked when the file was compiled"
    items = view.evaluate(spec.items) if isinstance(spec.items, Expression) else view.value(spec.items)
    if not isinstance(items, list):
        raise StepFailed(Failure("condition_error", f"for_each runs over a list, got {kind_of(items)}"))
    return items


def settle(node: Node, view: View, ended: Ended) -> Settled:
    spec: ForEachSpec = node.spec
    items: list[Json] = view.memory["items"]
    verdict = joined(spec.joining, view, len(items), ended)
    if not isinstance(verdict, str):
        return verdict
    if verdict == "met":
        keys = tuple(str(index) for index in range(len(items)))
        return finished(spec.joining, view, _output(keys, view), keys)
    return Stay() if all_begun(view, len(items)) else _next(spec, view, items)


def detached(node: Node, view: View, _ended: Ended) -> Left:
    """With `join: none` the items still to come open as before, though the node has ended."""
    spec: ForEachSpec = node.spec
    items: list[Json] = view.memory["items"]
    is_over = spec.joining.join != "none" or all_begun(view, len(items))
    return Stay() if is_over else _next(spec, view, items)


def _output(keys: tuple[str, ...], view: View) -> list[Json]:
    ended = view.children
    return [ended[key].output if key in ended and ended[key].status == "completed" else None for key in keys]


def _next(spec: ForEachSpec, view: View, items: list[Json]) -> Spawn:
    begun = len(view.children) + len(view.open)
    room = 1 if spec.sequential else spec.joining.max_concurrency or len(items)
    stop = min(len(items), begun + room - len(view.open))
    follows = _last_that_counts(view, begun) if spec.sequential else ""
    branches = (
        Branch(str(index), DO, {spec.variable: items[index], "index": index}, follows=follows)
        for index in range(begun, stop)
    )
    return Spawn(tuple(branches))


def _last_that_counts(view: View, begun: int) -> str:
    """The last item that completed, or whose failure was handled; only those that ended since then are looked at."""
    last, seen = view.notes.get("last that counts", ("", 0))
    ended = map(str, range(begun - 1, seen - 1, -1))
    last = next((key for key in ended if view.children[key].counts), last)
    view.notes["last that counts"] = last, begun
    return last


def traits(spec: ForEachSpec) -> Traits:
    joined = spec.joining.join != "none"
    branching = Branching(
        items=DO,
        sequential=spec.sequential,
        joined=joined,
        total=spec.total,
        at_once=spec.joining.max_concurrency,
        quorum=spec.joining.quorum,
    )
    return Traits(branching=branching)


KIND = Kind(
    verb="for_each",
    build=build,
    open=open_,
    settle=settle,
    detached=detached,
    traits=traits,
    timed_as_whole=True,
    shape=Shape(items="for each"),
)
