"""How costs are written for people."""

from __future__ import annotations

import pytest

from runner.seeing.subscribers.lines import dollars


@pytest.mark.parametrize(
    ("cost", "words"),
    [
        (None, "price unknown"),
        (0.0, "$0.0000"),
        (0.00003, "$0.000030"),
        (0.000521, "$0.00052"),
        (0.0123, "$0.0123"),
        (12.0, "$12.0000"),
    ],
)
def test_a_cost_has_two_digits_at_least_and_is_free_only_where_nothing_was_paid(cost: float | None, words: str) -> None:
    assert dollars(cost) == words
