"""`parallel`: named branches, each a node or a body; with `needs`, a graph of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

import msgspec
from msgspec.structs import replace

from runner.ground.errors import did_you_mean
from runner.ground.json_value import Json
from runner.language.expression import Expression
from runner.nodes.composites.joining import Joining, build_joining, finished, joined
from runner.nodes.composites.needs import all_before, circle, merge_order
from runner.nodes.contract import (
    Branch,
    Done,
    Ended,
    Failed,
    Kind,
    Left,
    Opened,
    Passed,
    Settled,
    Spawn,
    Stay,
    StepFailed,
    View,
)
from runner.workflow.compiler import NodeReader
from runner.workflow.model import Branching, Node, Traits


class ParallelSpec(msgspec.Struct, frozen=True):
    """The branches in file order: what each needs, all that it needs transitively (in merge order), and its `if`."""

    needs: Mapping[str, tuple[str, ...]]
    needed_by: Mapping[str, tuple[str, ...]]
    after: Mapping[str, tuple[str, ...]]
    conditions: Mapping[str, Expression]
    order: tuple[str, ...]
    joining: Joining


def build(reader: NodeReader) -> ParallelSpec:
    branches: Mapping[str, Mapping[str, Json]] = reader.get("parallel")
    needs = {name: tuple((content or {}).get("needs", ())) for name, content in branches.items()}
    _check_needs(reader, needs)
    order = merge_order(needs)
    conditions = {}
    for name, content in branches.items():
        reader.body(name, "parallel", name, name=name, variables=())
        if ("nodes" in (content or {}) or "steps" in (content or {})) and (
            condition := reader.expression("parallel", name, "if", role="branch")
        ):
            conditions[name] = condition
    after = all_before(needs, order)
    needed = frozenset(chain.from_iterable(needs.values()))
    needed_by = {name: tuple(other for other in branches if name in needs[other]) for name in needed}
    return ParallelSpec(needs, needed_by, after, conditions, order, build_joining(reader, len(needs)))


def _check_needs(reader: NodeReader, needs: Mapping[str, tuple[str, ...]]) -> None:
    for name, needed in needs.items():
        for position, other in enumerate(needed):
            if other not in needs:
                words = f"branch '{other}' does not exist{did_you_mean(other, list(needs))}"
                reader.error(words, "parallel", name, "needs", position)
    if way := circle(needs):
        words = f"the branches need each other: {' → '.join(way)}" if way[2:] else f"'{way[0]}' needs itself"
        first, second = way[:2]
        reader.error(words, "parallel", first, "needs", needs[first].index(second), rule="cycle")


def open_(node: Node, view: View) -> Opened:
    spec: ParallelSpec = node.spec
    done = Done({}, leave=True) if spec.joining.join == "none" else None
    return replace(_next(spec, view, spec.needs), branches=tuple(spec.needs), done=done)


def settle(node: Node, view: View, ended: Ended) -> Settled:
    spec: ParallelSpec = node.spec
    verdict = joined(spec.joining, view, len(spec.needs), ended)
    if isinstance(verdict, Failed):
        return verdict
    if verdict == "met":
        return finished(spec.joining, view, _output(spec, view), spec.order)
    return _next(spec, view, _concerned(spec, ended))


def detached(node: Node, view: View, ended: Ended) -> Left:
    """With `join: none` the branches still to come open as before, though the node has ended."""
    spec: ParallelSpec = node.spec
    return _next(spec, view, _concerned(spec, ended)) if spec.joining.join == "none" else Stay()


def _output(spec: ParallelSpec, view: View) -> dict[str, Json]:
    ended = view.children
    return {name: ended[name].output for name in spec.needs if name in ended and ended[name].status == "completed"}


def _concerned(spec: ParallelSpec, ended: Ended) -> Iterable[str]:
    """The branches that may open now that one has ended: those that need it; if they waited for room, any."""
    return spec.needed_by.get(ended.key, ()) if spec.joining.max_concurrency is None else spec.needs


def _next(spec: ParallelSpec, view: View, names: Iterable[str]) -> Spawn:
    children, running = view.children, view.open
    if len(children) + len(running) == len(spec.needs):
        return Spawn()
    room = (spec.joining.max_concurrency or len(spec.needs)) - len(running)
    opened: list[Branch] = []
    passed: list[Passed] = []
    for name in names:
        if name in children or name in running or not all(other in children for other in spec.needs[name]):
            continue
        if (passing := _passing(spec, view, name)) is not None:
            passed.append(passing)
        elif len(opened) < room:
            opened.append(Branch(name, name, after=spec.after[name]))
    return Spawn(tuple(opened), tuple(passed))


def _passing(spec: ParallelSpec, view: View, name: str) -> Passed | None:
    """Why a branch never opens; None when it may."""
    if any(view.children[other].status not in ("completed", "skipped") for other in spec.needs[name]):
        return Passed(name, "omitted")
    if name not in spec.conditions:
        return None
    try:
        return None if view.branch_holds(spec.conditions[name], spec.after[name]) else Passed(name, "skipped")
    except StepFailed as error:
        return Passed(name, "failed", error.failure)


def traits(spec: ParallelSpec) -> Traits:
    after = {name: spec.after[name] for name in spec.order}
    return Traits(branching=Branching(after, joined=spec.joining.join != "none"))


def merged(node: Node, keys: Sequence[str]) -> list[str]:
    spec: ParallelSpec = node.spec
    return [name for name in spec.order if name in keys]


KIND = Kind(
    verb="parallel",
    build=build,
    open=open_,
    settle=settle,
    detached=detached,
    traits=traits,
    merge_order=merged,
    timed_as_whole=True,
)
