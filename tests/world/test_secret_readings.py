"""What a text says beyond its escapes: the same whether it is read or followed byte by byte, in whole or in blocks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from runner.world.secrets.reading import DIGITS, TEXT, Reading

ESCAPES = some.text("%&\\#;ux0154abnré😀 \n'\"", max_size=60)


@pytest.mark.parametrize("reading", [TEXT, DIGITS])
@given(text=ESCAPES)
def test_each_byte_that_is_read_stands_somewhere(reading: Reading, text: str) -> None:
    places = reading.traced(text)
    assert len(places) == len(reading.read(text))
    assert all(start < end <= len(text) for start, end in places)
    assert places == sorted(places)


@given(some.lists(ESCAPES, max_size=30), some.text("ab c", min_size=34, max_size=2100))
def test_a_long_text_is_read_as_its_parts_are(parts: list[str], plain: str) -> None:
    filled = f".{plain}".ljust(3000, "-")
    apart = b"".join(TEXT.read(part + filled) for part in parts)
    assert TEXT.read("".join(part + filled for part in parts)) == apart


@given(some.text("ab%\\&c", max_size=30), some.text("%&\\x0 z", max_size=2200))
def test_the_place_of_what_is_read_is_where_it_stands(before: str, after: str) -> None:
    text = f"{before} -{'.' * 4000}NEEDLE{after}"
    start = TEXT.read(text).index(b"NEEDLE")
    [(first, last)] = TEXT.places(text, [(start, start + 6)])
    assert text[first:last] == "NEEDLE"
