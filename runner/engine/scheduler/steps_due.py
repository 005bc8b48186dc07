"""The steps that a run has to take yet, as a list is about to be gone through: its items, what is beside and after."""

from __future__ import annotations

from collections.abc import Iterator

from runner.engine.scheduler.aftermath import Arrival
from runner.engine.scheduler.live import Dues, Live
from runner.ground.errors import Failure
from runner.nodes.composites.workflow import BODY
from runner.record.address import ROOT
from runner.record.run_state import Frame, Step
from runner.workflow.branching import Branching
from runner.workflow.model import Node


def counted_homes(live: Live, place: Frame | Step) -> list[Step]:
    """The workflows whose steps count. The `finally` of one that was cut off has limits of its own alone."""
    homes: list[Step] = []
    for home in live.state.homes_of(place):
        homes.append(home)
        if home.detached:
            break
    return homes


def out_of_steps(live: Live, place: Frame | Step) -> tuple[Step, Failure] | None:
    """The workflow around a place that may take no more steps, and the failure that this is."""
    for home in counted_homes(live, place):
        allowed = live.callee(home).limits.max_steps
        if home.invocation is not None and home.invocation.steps >= allowed:
            return home, Failure("step_limit", f"the workflow took {allowed} steps; limits.max_steps allows no more")
    return None


def steps_due(live: Live, at: Arrival, items: int, own: int) -> Iterator[tuple[Step, int]]:
    """The workflows that a list stands in, innermost first, each with the least steps due in it from now on.

    Its `items` and `own` step are always due. What is beside and after it counts up to the first composite that could
    do without the list, or to a workflow that could do without the rest of its body.
    """
    due, frame, node = items + own, at.frame, at.node
    dues: dict[str, int] = {}
    while True:
        due = _with_rest(live, frame, node, due)
        owner = live.state.steps[frame.owner]
        if frame.owner == frame.home:
            dues[frame.home] = due
            is_certain = frame.key == BODY and live.callee(owner).rescue is None
        else:
            together = _with_branches(live, owner, frame, due)
            due, is_certain = together or 0, together is not None
        if not is_certain or owner.path == ROOT or owner.detached or owner.frame is None:
            break
        frame, node = live.state.frames[owner.frame], live.node(owner)
    for home in counted_homes(live, at.frame):
        yield home, max(items + own, dues.get(home.path, 0))


def _with_rest(live: Live, frame: Frame, node: Node, due: int) -> int:
    """The least steps to the end of a frame that is at a node, of which so many are due."""
    counts, body = live.step_counts(frame), live.body(frame)
    by_success = min(counts.to_end(body, target) for target in node.following)
    if node.on_error == "continue":
        return by_success
    return min([due + by_success, *(counts.to_end(body, route.to) for route in node.handlers)])


def _with_branches(live: Live, owner: Step, frame: Frame, due: int) -> int | None:
    """The least steps due in a composite, as so many are in one of its branches; None if it could do without that.

    What is due in each branch is noted as the first list in one of them opens, then as further ones do. Of all that was
    due then, what the workflow has taken since may be gone.
    """
    node = live.node(owner)
    quorum = node.traits.branching.quorum if node.traits.branching is not None else None
    if quorum is None or not quorum.is_strict or node.may_end or owner.detached:
        return None
    taken = live.state.home(frame).steps
    if owner.path not in live.dues:
        branches = _due_in_branches(live, owner, node)
        live.dues[owner.path] = Dues(taken, branches, sum(branches.values()))
    noted = live.dues[owner.path]
    noted.total += due - noted.branches.get(frame.key, 0)
    noted.branches[frame.key] = due
    return max(due, noted.taken + noted.total - taken)


def _due_in_branches(live: Live, owner: Step, node: Node) -> dict[str, int]:
    """The least steps due in each branch that has not ended; inside an open composite of one none is counted."""
    branching = node.traits.branching or Branching()
    frames = [live.state.frames[path] for path in owner.open.values()]
    dues = {frame.key: _due_in(live, frame) for frame in frames}
    counts = live.step_counts(frames[0])
    if branching.items and isinstance(owner.branches, int):
        coming = [str(index) for index in range(len(owner.open) + len(owner.children), owner.branches)]
        return dues | dict.fromkeys(coming, counts.of_body(node.bodies[branching.items]))
    ahead = [key for key in node.bodies if key not in {*owner.open, *owner.children, *branching.guarded}]
    return dues | {key: counts.of_body(node.bodies[key]) for key in ahead}


def _due_in(live: Live, frame: Frame) -> int:
    counts, body = live.step_counts(frame), live.body(frame)
    if frame.at is None or frame.path in live.state.ready:
        return counts.to_end(body, frame.at or body.start)
    return min(counts.to_end(body, target) for target in body.nodes[frame.at].arrows)
