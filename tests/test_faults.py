"""Every row of what may go wrong with a model is held by tests, in each way in which models are asked."""

from __future__ import annotations

import pytest

from tests.faults import ROWS, WAYS, held_by

HELD = held_by()


def test_no_test_names_a_row_that_there_is_not() -> None:
    assert HELD.keys() <= ROWS.keys()


@pytest.mark.parametrize("row", ROWS)
def test_every_row_is_held_in_every_way(row: str) -> None:
    ways = {way for ways in HELD.get(row, {}).values() for way in ways}

    assert ways >= set(WAYS if ROWS[row].asked else WAYS[:1])
