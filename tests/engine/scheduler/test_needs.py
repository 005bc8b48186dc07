"""The order in which branches merge, whatever they need of each other."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from runner.nodes.composites.needs import all_before, circle, merge_order

NAMES = "abcdef"
NEEDS = st.fixed_dictionaries(
    {name: st.lists(st.sampled_from(NAMES), max_size=3, unique=True).map(tuple) for name in NAMES}
)
FORWARD = NEEDS.map(lambda needs: {name: tuple(other for other in needs[name] if other < name) for name in NAMES})

Needs = Mapping[str, tuple[str, ...]]


@given(FORWARD, st.permutations(NAMES))
def test_each_branch_merges_as_early_as_its_needs_and_the_file_let_it(needs: Needs, file: list[str]) -> None:
    order: list[str] = []
    while len(order) < len(file):
        order.append(next(name for name in file if name not in order and set(needs[name]) <= set(order)))
    assert merge_order({name: needs[name] for name in file}) == tuple(order)


@given(FORWARD)
def test_what_is_needed_is_needed_on(needs: Needs) -> None:
    order = merge_order(needs)
    before = all_before(needs, order)
    for name in NAMES:
        assert set(before[name]) == {*needs[name], *(far for near in needs[name] for far in before[near])}
        assert list(before[name]) == [other for other in order if other in before[name]]


@given(NEEDS)
def test_a_circle_is_found_exactly_where_there_is_one(needs: Needs) -> None:
    way = circle(needs)
    assert bool(way) == (len(merge_order(needs)) < len(NAMES))
    assert all(other in needs[name] for name, other in pairwise(way))
    assert way[:1] == way[-1:]
    assert set(all_before(needs, merge_order(needs))) == set(NAMES)
