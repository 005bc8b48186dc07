"""What patterns may cost: in instructions, and in instructions times the length of a text."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from runner.language import pattern as patterns
from runner.language.pattern import (
    AT_ONCE,
    MAX_LENGTH,
    MOST,
    UNITS_A_STEP,
    CompiledPattern,
    TooSlow,
    Unusable,
    pattern_of,
    price_to_compile,
)

LARGE = "INFO all is well with the world\n" * (8 * 1024 * 1024 // 32)


@pytest.mark.parametrize(
    "pattern",
    [
        r"error|warning|fatal",
        r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}",
        r"(?i)\b(error|warning|fatal|panic|exception|traceback)\b",
        r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}",
        r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        r"(?s)BEGIN.*END",
    ],
)
def test_ordinary_patterns_search_as_much_as_a_program_may_print(pattern: str) -> None:
    assert not pattern_of(pattern).found_in(LARGE)
    assert pattern_of(pattern).price(LARGE) < 500_000


@pytest.mark.parametrize("pattern", ["x.{800}|y.{801}", r"(.{0,60}x){20}y", r"\p{L}{40}", "((a{100}){100}){100}"])
def test_a_pattern_whose_program_is_too_large_is_refused(pattern: str) -> None:
    with pytest.raises(Unusable, match=r"could cost too much|invalid repetition|bad repetition") as refused:
        pattern_of(pattern)
    assert refused.value.hint


@pytest.mark.parametrize("size", [AT_ONCE, MOST])
def test_no_search_is_longer_than_its_bound(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to the first bound it is done at once, up to the second in a thread, beyond it not at all."""
    done: list[str] = []

    def search(content: bytes) -> None:
        done.append(threading.current_thread().name)

    monkeypatch.setattr(patterns, "SECONDS", 30)
    program = 1024
    pattern = CompiledPattern("x", program, search)
    assert not pattern.found_in("a" * (size // program))
    assert done == ["MainThread" if size == AT_ONCE else "pattern"]
    if size == MOST:
        with pytest.raises(TooSlow):
            pattern.found_in("a" * (size // program + 1))
    else:
        assert not pattern.found_in("a" * (size // program + 1))
        assert done[1:] == ["pattern"]


def test_a_search_that_does_not_end_is_given_up_and_no_more_than_two_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on, begun = threading.Event(), list[int]()

    def search(content: bytes) -> Any:
        begun.append(1)
        goes_on.wait()

    monkeypatch.setattr(patterns, "SECONDS", 0.01)
    pattern = CompiledPattern("x", MOST, search)
    try:
        for _ in range(5):
            with pytest.raises(TooSlow, match="the pattern takes too long on a text of this length"):
                pattern.found_in("a")
        assert len(begun) == 2
    finally:
        goes_on.set()
    monkeypatch.setattr(patterns, "SECONDS", 30)
    assert not pattern.found_in("a")


@given(some.text(max_size=40), some.sampled_from(["a+b", "[^x]{30}", r"\d+"]))
def test_a_search_is_paid_for_by_program_and_length(text: str, pattern: str) -> None:
    compiled = pattern_of(pattern)
    assert compiled.price(text) >= compiled.program * len(text) // UNITS_A_STEP
    assert compiled.price(text * 1000) <= 1 + (AT_ONCE + len(text) * 1000) // UNITS_A_STEP


def test_a_pattern_is_paid_for_when_it_is_made() -> None:
    assert price_to_compile("new[0-9]{77}") >= 77
    assert price_to_compile("new[0-9]{77}") == 0
    assert price_to_compile("(new{77}") > 1000


def test_half_of_a_character_pair_is_no_pattern() -> None:
    with pytest.raises(Unusable, match="half of a character pair"):
        pattern_of("\ud800")


def test_a_pattern_has_a_thousand_characters_at_most() -> None:
    assert pattern_of("a" * MAX_LENGTH).found_in("a" * MAX_LENGTH)
    with pytest.raises(Unusable, match="a pattern may have 1000 characters at most"):
        pattern_of("a" * (MAX_LENGTH + 1))


def test_a_pattern_pays_for_its_program_and_a_refusal_its_own_price() -> None:
    fresh = "not met by any other test"
    assert price_to_compile(fresh) == pattern_of(fresh).program
    assert price_to_compile(f"({fresh}") == 5_000 > pattern_of(fresh).program


def test_what_is_no_pattern_is_not_said_to_cost_too_much() -> None:
    with pytest.raises(Unusable, match=r"this is not a pattern: .*missing \)") as refused:
        pattern_of("(a")
    assert "look-around" in refused.value.hint
