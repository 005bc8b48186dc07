"""Tool lists: which are the same, and in what two differ."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from runner.record.tool_lists import MOST_LINES, changes, difference, list_hash, served_hash

Tool = dict[str, Any]

TOOLS = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from("abc"),
            "description": st.sampled_from(["", "x", "x\ny", "é"]),
            "schema": st.sampled_from([{}, {"type": "object"}, {"type": "object", "title": "t"}]),
        }
    ),
    unique_by=lambda tool: str(tool["name"]),
)


@given(TOOLS, TOOLS)
def test_two_lists_are_the_same_just_when_they_differ_in_nothing(known: list[Tool], found: list[Tool]) -> None:
    by_name = [{tool["name"]: tool for tool in tools} for tools in (known, found)]
    is_same = by_name[0] == by_name[1]
    assert (list_hash(known) == list_hash(found)) == is_same
    assert (changes(known, found) == []) == is_same
    assert (difference(known, found) == "") == is_same


@given(TOOLS, st.randoms())
def test_the_order_of_a_list_says_nothing(tools: list[Tool], chance: random.Random) -> None:
    other = [*tools]
    chance.shuffle(other)
    assert list_hash(tools) == list_hash(other)


def test_a_change_is_told_in_words_and_in_lines() -> None:
    known = [{"name": "a", "description": "Reads.", "schema": {}}, {"name": "b", "description": "", "schema": {}}]
    found = [{"name": "a", "description": "Sends.", "schema": {"type": "object"}}, {**known[1], "name": "c"}]
    assert changes(known, found) == [
        "'a' has another description and another input schema",
        "'b' is gone",
        "'c' is new",
    ]
    lines = difference(known, found).split("\n")
    assert '-    "description": "Reads.",' in lines
    assert '+    "description": "Sends.",' in lines


def test_a_long_difference_is_cut() -> None:
    many = [{"name": f"t{number}", "description": "", "schema": {}} for number in range(100)]
    lines = difference([], many).split("\n")
    assert len(lines) == MOST_LINES + 1
    assert lines[-1].endswith(" lines more")


def test_each_part_of_a_tool_counts() -> None:
    tool = {"name": "a", "description": "d", "schema": {}}
    assert len({served_hash({**tool, key: "other"}) for key in (*tool, "none")}) == 4
