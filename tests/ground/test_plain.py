"""What messages quote of foreign text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from runner.ground.plain import head, last_line, tail

TEXTS = some.text("ab \n", max_size=40)


@given(TEXTS, some.integers(1, 40))
def test_what_is_cut_holds_whole_words_and_lines(text: str, limit: int) -> None:
    start, end = head(text, limit), tail(text, limit)
    assert start == text or (len(start) <= limit + 1 and set(start[:-1].split()) <= set(text.split()))
    assert end == text or (len(end) <= limit + 2 and set(end[2:].split("\n")) <= {"", *text.split("\n")})


def test_the_last_line_is_the_last_that_says_something() -> None:
    assert last_line("one\ntwo \n \n\n") == "two"
    assert last_line("\n \n") == ""
    assert last_line("") == ""
