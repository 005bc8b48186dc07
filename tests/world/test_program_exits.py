"""What is kept of a program's output: the end of it, whole lines where there are any, masked before it is cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runner.ground.json_text import MAX_VALUES
from runner.world.calls import CallDone, CallFailed, CommandCall
from runner.world.program_exits import KEPT, LONGEST_QUOTED, MARGIN, judged, kept

HIDDEN = "hush-hush-hush"


def mask(text: str) -> str:
    return text.replace(HIDDEN, "⟦s⟧")


@given(
    st.lists(st.sampled_from(["a", "é", "\n", "x" * 999, HIDDEN, "🙂" * 500, "line\n" * 300]), max_size=60),
    st.integers(0, KEPT + MARGIN + 10),
    st.integers(0, 3),
)
def test_what_is_kept_is_the_end_of_all_masked_and_bounded(pieces: list[str], before: int, cut: int) -> None:
    whole = "·" * (before // 2) + "".join(pieces)
    written = whole.encode()[cut:]
    text = kept(written, mask)
    assert len(text.encode()) <= KEPT
    assert HIDDEN not in text
    shown = mask(written.decode("utf-8", "replace"))
    assert shown.endswith(text)
    assert text == shown or len(shown.encode()) > KEPT or len(written) > KEPT + MARGIN


def test_a_cut_falls_between_lines() -> None:
    text = kept(b"".join(b"line %d\n" % number for number in range(20_000)), str)
    assert text.startswith("line ")
    assert text.endswith("line 19999\n")


def test_one_line_without_an_end_is_cut_between_characters() -> None:
    text = kept(("🙂" * 40_000).encode() + b"!", str)
    assert set(text) == {"🙂", "!"}
    assert KEPT - 4 < len(text.encode()) <= KEPT


def test_a_secret_across_the_beginning_of_what_is_looked_at_is_not_shown_by_half() -> None:
    for shift in range(1, len(HIDDEN)):
        written = b"x" * 1000 + HIDDEN.encode() + b"y" * (KEPT + MARGIN - shift)
        assert "hush" not in kept(written, mask)


def test_as_many_lines_are_read_as_json_may_have_values() -> None:
    call = CommandCall(("many",), "/", parse="lines")
    assert isinstance(judged(call, b"\n" * MAX_VALUES, b"", 0, str), CallDone)

    outcome = judged(call, b"\n" * (MAX_VALUES + 1), b"", 0, str)

    assert isinstance(outcome, CallFailed)
    assert outcome.failure.type == "tool_failed"
    assert outcome.failure.message.startswith("'many' printed 500,001 lines, and at most 500,000 are read; print fewer")


def test_a_secret_at_the_end_of_what_is_quoted_is_not_shown_by_half() -> None:
    call = CommandCall(("many",), "/", parse="json")
    for before in range(LONGEST_QUOTED - len(HIDDEN), LONGEST_QUOTED):
        outcome = judged(call, b"x" * before + b" " + HIDDEN.encode() + b" y", b"", 0, mask)
        assert isinstance(outcome, CallFailed)
        assert "hush" not in outcome.failure.message
