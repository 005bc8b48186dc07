"""The programme, its table and its tests speak of the same rows; and the samples are spread as they should be."""

from __future__ import annotations

import json
import re

import pytest

from tests.project import ROOT
from tests.torture.conftest import spread
from tests.torture.programme import RESULTS, ROWS, table

MARKED = re.compile(r'@pytest\.mark\.row\("(?P<row>R\d+)"')


def test_every_row_is_tried_by_a_test_and_every_trial_belongs_to_a_row() -> None:
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "tests/torture").glob("test_*.py")]
    assert {row for text in texts for row in MARKED.findall(text)} == set(ROWS)


def test_the_table_shows_every_row_once() -> None:
    assert re.findall(r"^\| (R\d+) ", table(), re.MULTILINE) == list(ROWS)


def test_every_row_held() -> None:
    found = json.loads(RESULTS.read_text(encoding="utf-8"))["rows"]
    assert set(found) <= set(ROWS)
    assert [row for row, how in found.items() if how["result"] != "held" or how["tried"] < 1] == []


@pytest.mark.parametrize(
    ("length", "most", "chosen"), [(3, 5, [0, 1, 2]), (10, 2, [2, 7]), (10, 5, [1, 3, 5, 7, 9]), (0, 2, [])]
)
def test_a_sample_is_evenly_spread(length: int, most: int, chosen: list[int]) -> None:
    assert list(spread(range(length), most)) == chosen
