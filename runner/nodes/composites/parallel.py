"""`parallel`: named branches, each a node or a body; with `needs`, a graph of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from heapq import heappop, heappush

import msgspec
from msgspec.structs import replace

from runner.ground.errors import did_you_mean
from runner.ground.json_value import Json
from runner.language.expression import Expression
from runner.nodes.composites.joining import Joining, all_begun, build_joining, finished, joined
from runner.nodes.composites.needs import all_before, circle, merge_order
from runner.nodes.contract import (
    Branch,
    Done,
    Ended,
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
from runner.record.run_state import Child
from runner.workflow.branching import Branching
from runner.workflow.compiler import NodeReader
from runner.workflow.model import Node, Traits


class ParallelSpec(msgspec.Struct, frozen=True):
    """The branches in file order: what each needs, all that it needs transitively (in merge order), and its `if`.

    `places` are those of the names in the file.
    """

    names: tuple[str, ...]
    places: Mapping[str, int]
    needs: Mapping[str, tuple[str, ...]]
    needed_by: Mapping[str, Sequence[str]]
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
    return ParallelSpec(
        names=tuple(needs),
        places={name: place for place, name in enumerate(needs)},
        needs=needs,
        needed_by=_needed_by(needs),
        after=after,
        conditions=conditions,
        order=order,
        joining=build_joining(reader, len(needs)),
    )


def _needed_by(needs: Mapping[str, tuple[str, ...]]) -> dict[str, list[str]]:
    """The branches that need each, in file order."""
    found: dict[str, list[str]] = {}
    for name, needed in needs.items():
        for other in dict.fromkeys(needed):
            found.setdefault(other, []).append(name)
    return found


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
    return replace(_next(spec, view, None), branches=spec.names, done=done)


def settle(node: Node, view: View, ended: Ended) -> Settled:
    spec: ParallelSpec = node.spec
    verdict = joined(spec.joining, view, len(spec.needs), ended)
    if not isinstance(verdict, str):
        return verdict
    if verdict == "met":
        return finished(spec.joining, view, _output(spec, view), spec.order)
    return Stay() if all_begun(view, len(spec.needs)) else _next(spec, view, ended)


def detached(node: Node, view: View, ended: Ended) -> Left:
    """With `join: none` the branches still to come open as before, though the node has ended."""
    spec: ParallelSpec = node.spec
    is_over = spec.joining.join != "none" or all_begun(view, len(spec.needs))
    return Stay() if is_over else _next(spec, view, ended)


def _output(spec: ParallelSpec, view: View) -> dict[str, Json]:
    ended = view.children
    return {name: ended[name].output for name in spec.needs if name in ended and ended[name].status == "completed"}


def _next(spec: ParallelSpec, view: View, ended: Ended | None) -> Spawn:
    """What opens now that `ended` has, or as the step opens: in file order, as far as there is room."""
    ready, passed = _ready(spec, view, ended)
    room = (spec.joining.max_concurrency or len(spec.needs)) - len(view.open)
    opened: list[Branch] = []
    while ready and len(opened) < room:
        name = spec.names[heappop(ready)]
        if _has_begun(view, name):
            continue
        if (passing := _passing(spec, view, name)) is not None:
            passed.append(passing)
        else:
            opened.append(Branch(name, name, after=spec.after[name]))
    return Spawn(tuple(opened), tuple(passed))


def _ready(spec: ParallelSpec, view: View, ended: Ended | None) -> tuple[list[int], list[Passed]]:
    """The branches that have all that they need, by place, as a heap; and those found just now that never open.

    The heap is noted: a branch waits in it for room. Some in it may have begun since.
    """
    is_noted = ended is not None and "ready" in view.notes
    concerned = spec.needed_by.get(ended.key, ()) if ended is not None and is_noted else spec.names
    ready: list[int] = view.notes.setdefault("ready", [])
    passed: list[Passed] = []
    for name in concerned:
        if not _may_begin(spec, view, name):
            continue
        if (passing := _passing(spec, view, name)) is not None:
            passed.append(passing)
        else:
            heappush(ready, spec.places[name])
    return ready, passed


def _has_begun(view: View, name: str) -> bool:
    return name in view.children or name in view.open


def _may_begin(spec: ParallelSpec, view: View, name: str) -> bool:
    """Whether a branch is yet to begin, and all that it needs has ended; what was found ended is noted."""
    if _has_begun(view, name):
        return False
    needs = spec.needs[name]
    if not needs:
        return True
    ended: dict[str, int] = view.notes.setdefault("ended", {})
    count = ended.get(name, 0)
    while count < len(needs) and needs[count] in view.children:
        count += 1
    ended[name] = count
    return count == len(needs)


def _suffices(needed: Child) -> bool:
    """Whether a branch that needs this one may begin."""
    return needed.counts or needed.status == "skipped"


def _passing(spec: ParallelSpec, view: View, name: str) -> Passed | None:
    """Why a branch never opens; None when it may."""
    if spec.needs[name] and not all(_suffices(view.children[other]) for other in spec.needs[name]):
        return Passed(name, "omitted")
    if name not in spec.conditions:
        return None
    try:
        return None if view.branch_holds(spec.conditions[name], spec.after[name]) else Passed(name, "skipped")
    except StepFailed as error:
        return Passed(name, "failed", error.failure)


def traits(spec: ParallelSpec) -> Traits:
    after = {name: spec.after[name] for name in spec.order}
    joining = spec.joining
    branching = Branching(
        after,
        joined=joining.join != "none",
        total=len(spec.needs),
        at_once=joining.max_concurrency,
        guarded=frozenset(spec.conditions),
        quorum=joining.quorum,
    )
    return Traits(branching=branching)


def merged(node: Node, keys: Sequence[str]) -> list[str]:
    spec: ParallelSpec = node.spec
    wanted = frozenset(keys)
    return [name for name in spec.order if name in wanted]


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
