"""Which nodes every way through a body comes to: what they need is looked for before the run."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runner.engine.needs import _unavoidable
from runner.workflow.model import NO_VERB, Body, Node, Route

ENDS = st.none()
GRAPHS = st.integers(1, 6).flatmap(
    lambda size: st.lists(
        st.sets(st.integers(0, size - 1) | ENDS, min_size=1, max_size=3), min_size=size, max_size=size
    )
)
"""For each node the nodes that it may lead to; None is the body's end."""


def body(graph: list[set[int | None]]) -> Body:
    nodes = {
        str(place): Node(
            id=str(place),
            verb=NO_VERB,
            at=("nodes", str(place)),
            spec=None,
            next=tuple(Route(None if to is None else str(to)) for to in targets),
        )
        for place, targets in enumerate(graph)
    }
    return Body(nodes, "0", ())


def ends_without(graph: list[set[int | None]], avoided: int | None) -> bool:
    waiting: list[int | None] = [0]
    seen: set[int | None] = {avoided} - {None}
    while waiting:
        place = waiting.pop()
        if place is None:
            return True
        if place not in seen:
            seen.add(place)
            waiting += graph[place]
    return False


@given(GRAPHS)
def test_a_node_is_unavoidable_if_no_way_ends_without_it(graph: list[set[int | None]]) -> None:
    wanted = {str(place) for place in range(len(graph)) if not ends_without(graph, place)}
    assert set(_unavoidable(body(graph))) == (wanted if ends_without(graph, None) else set())
