"""The least steps that nodes, bodies and lists take: what `limits.max_steps` has to allow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush

from runner.workflow.branching import Branching
from runner.workflow.model import Body, Called, Node, Workflow

_END = ""
"""Stands for the end of a body."""


class StepCounts:
    """Counts the steps of one workflow: never more than a run can do with.

    A list counts with its items where the file says how many there are, and with `with_lists`. `called` is what calls
    of other workflows take; of one that is being counted it is not known yet, and is taken for none.
    """

    def __init__(self, workflow: Workflow, *, with_lists: bool = True, called: dict[str, int] | None = None) -> None:
        self._library = workflow.library
        self._with_lists = with_lists
        self._can_end = any(node.traits.ends for node in workflow.nodes)
        self._known: dict[tuple[str, str], int] = {}
        self._called = {workflow.file: 0} if called is None else called

    def of_node(self, node: Node) -> int:
        """What a visit of a node takes whose `if` holds, and that completes: its own step, and those inside it."""
        branching = node.traits.branching or Branching()
        if branching.items:
            total = branching.total if self._with_lists else 0
            return 1 + self.of_items(node, total or 0)
        called = (node.traits.called or Called()).workflow
        return 1 + self._of_branches(node, branching) + (self._of_call(called) if called else 0)

    def of_items(self, node: Node, items: int) -> int:
        """What so many items of a list take, the list's own step not counted."""
        branching = node.traits.branching
        if branching is None or not branching.items:
            return 0
        return self._together(node, branching, [self.of_body(node.bodies[branching.items])] * items)

    def of_body(self, body: Body) -> int:
        """The fewest steps on a way through a body."""
        return self.to_end(body, body.start)

    def to_end(self, body: Body, start: str | None) -> int:
        """The fewest steps from a node, its own included, to the end of its body; 1 if there is none."""
        if start is None:
            return 0
        known = self._known.get((body.key, start))
        if known is None:
            known = self._known[body.key, start] = self._shortest(body, start)
        return known

    def _shortest(self, body: Body, start: str) -> int:
        waiting, seen = [(0, start)], set[str]()
        while waiting:
            taken, name = heappop(waiting)
            if name == _END:
                return taken
            if name not in seen and name in body.nodes:
                seen.add(name)
                for steps, target in self._ways_on(body.nodes[name]):
                    heappush(waiting, (taken + steps, target))
        return 1

    def _ways_on(self, node: Node) -> Iterator[tuple[int, str]]:
        """Where a node may lead, each with the steps until then: one, if it may be skipped or fail."""
        whole = 1 if node.condition is not None or node.on_error == "continue" else self.of_node(node)
        yield from ((whole, target or _END) for target in node.following)
        yield from ((1, route.to or _END) for route in node.handlers)

    def _of_branches(self, node: Node, branching: Branching) -> int:
        if node.traits.branching is None:
            return 0
        passed = set(branching.guarded)
        if branching.quorum is None or branching.quorum.tolerate:
            passed |= {key for key, needed in branching.after.items() if needed}
        counts = [0 if key in passed else self.of_body(body) for key, body in node.bodies.items()]
        return self._together(node, branching, counts)

    def _together(self, node: Node, branching: Branching, counts: list[int]) -> int:
        """What branches take that take so many steps each: strays and those that may fail take one, if they begin."""
        quorum = branching.quorum
        if node.may_end or (quorum is None and (branching.joined or self._can_end)):
            return 0
        if quorum is None:
            return _one_each(counts)
        if quorum.needed is not None:
            return sum(sorted(counts)[: quorum.needed])
        certain = max(0, len(counts) - quorum.tolerated(len(counts)))
        in_order = sorted(counts)
        return sum(in_order[:certain]) + _one_each(in_order[certain:])

    def _of_call(self, name: str) -> int:
        """What a called workflow takes; nothing, where its `rescue` may follow a failure."""
        if name not in self._called:
            self._called[name] = 0
            called = self._library.get(name)
            if called is not None and called.rescue is None:
                inner = StepCounts(called, with_lists=self._with_lists, called=self._called)
                self._called[name] = inner.of_body(called.body)
        return self._called[name]


def _one_each(counts: Iterable[int]) -> int:
    return sum(min(1, count) for count in counts)
