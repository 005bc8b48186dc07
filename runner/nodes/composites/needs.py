"""What branches need of each other: the order in which they merge, all that each comes after, and circles."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter
from heapq import heappop, heappush

Needs = Mapping[str, tuple[str, ...]]
"""Branches in file order, each with those that it names. A name that is no branch counts for nothing."""


def merge_order(needs: Needs) -> tuple[str, ...]:
    """Branches in file order, each after all that it needs: the earliest in the file among those that are ready.

    Branches of a circle, and what needs them, are left out.
    """
    names = list(needs)
    place = {name: position for position, name in enumerate(names)}
    sorter = TopologicalSorter({name: [other for other in needs[name] if other in needs] for name in names})
    with suppress(CycleError):
        sorter.prepare()
    order: list[str] = []
    ready: list[int] = []
    while sorter.is_active():
        for name in sorter.get_ready():
            heappush(ready, place[name])
        order.append(names[heappop(ready)])
        sorter.done(order[-1])
    return tuple(order)


def all_before(needs: Needs, order: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """All that each branch needs, transitively, in merge order."""
    before: dict[str, set[str]] = {}
    for name in order:
        others = [other for other in needs[name] if other in needs]
        before[name] = set(others).union(*(before[other] for other in others))
    place = {name: position for position, name in enumerate(order)}
    return {name: tuple(sorted(before.get(name, ()), key=place.__getitem__)) for name in needs}


def circle(needs: Needs) -> list[str]:
    """A way along `needs` from a branch back to it; empty when there is none."""
    ordered = {*merge_order(needs)}
    way = [name for name in needs if name not in ordered][:1]
    while way:
        following = next(other for other in needs[way[-1]] if other in needs and other not in ordered)
        if following in way:
            return [*way[way.index(following) :], following]
        way.append(following)
    return []
