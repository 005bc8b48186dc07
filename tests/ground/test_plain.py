"""What messages quote of foreign text."""

from __future__ import annotations

import json
import re
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as some

from runner.ground.plain import commanding_nothing, harmless_json, head, last_line, plain, tail

HOSTILE = some.text(
    some.sampled_from(
        [*"a0 :#[]\n\t\r\x1b\x07\x9b\x9d\x7f;mK\\", *"\u200b\u200c\u200d\u2028\u202e\ufe0f\u00ad", *"\U000e0041é😀語"]
    )
    | some.characters(exclude_categories=["Cs"]),
    max_size=60,
)
COMMAND = re.compile(r"^\s*::|##(?:vso)?\[", re.MULTILINE)
KEPT = "\u200c\u200d"

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


def _steers(text: str) -> bool:
    return any(unicodedata.category(sign) in {"Cc", "Cf", "Zl", "Zp"} for sign in text if sign not in f"\n\t{KEPT}")


@given(HOSTILE)
def test_plain_text_steers_nothing_and_stays_so(text: str) -> None:
    shown = plain(text)
    visible = {sign for sign in shown if sign in "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2"}
    assert not _steers("".join(sign for sign in shown if sign not in visible and ord(sign) < 0x11000))
    assert plain(shown) == shown


@given(HOSTILE)
def test_no_line_of_a_text_is_a_command(text: str) -> None:
    assert COMMAND.search(commanding_nothing(plain(text))) is None


@given(HOSTILE)
def test_harmless_json_means_the_same(text: str) -> None:
    written = harmless_json(json.dumps({text: [text]}, ensure_ascii=False, indent=1))
    assert json.loads(written) == {text: [text]}
    assert COMMAND.search(written) is None
    assert not set(written) & {*KEPT, "\x7f", "\u202e", "\U000e0041", "\u200b"}


@pytest.mark.parametrize("text", ["a\u200b", "é\u200d", "x\u200d", "\u2060", "❤\ufe0f", "\x1b[m", "\x01é", "1\u2028"])
def test_no_function_is_called_for_each_invisible_character(text: str) -> None:
    """Megabytes of them would take seconds else."""
    called: list[object] = []
    sys.setprofile(lambda frame, event, _argument: called.append(frame.f_code) if event == "call" else None)
    try:
        plain(text * 10_000)
    finally:
        sys.setprofile(None)
    assert len(called) < 100


@pytest.mark.parametrize("text", ["👩‍👩‍👧", "☺\ufe0e", "❤️‍🔥", "1️⃣", "نامه‌ای", "क्‍ष", "é", "🇩🇪"])
def test_what_scripts_and_emoji_need_stays(text: str) -> None:
    assert plain(text) == text


UNSEEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b\u180f\u200b\u200f\u2028\u2029\u202a\u202e\u2060\u206f\u3164\ufe00\ufe0f"
    "\ufeff\uffa0\ufff0\ufffb\U0001bca0\U0001bca3\U0001d173\U0001d17a\U000e0000\U000e0fff"
)


@pytest.mark.parametrize("sign", UNSEEN, ids=ascii)
def test_each_kind_of_invisible_character_is_shown_and_escaped(sign: str) -> None:
    assert plain(f"a{sign}b") == f"a<U+{ord(sign):04X}>b"
    assert harmless_json(f'"{sign}"') == json.dumps(sign)


@pytest.mark.parametrize(
    "sequence", ["\x1b[1;31m", "\x9b2J", "\x1b[0 q", "\x1b]0;t\x07", "\x9d0;t\x9c", "\x1b]8;;u\x1b\\"]
)
def test_a_control_sequence_goes_as_a_whole(sequence: str) -> None:
    assert plain(f"a{sequence}b") == "ab"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1bb\x00\x85\x7fc", "abc"),
        ("a\r\nb\tc\rd\r", "a\nb\tcd"),
        ("\x1b]never ended\nnext", "]never ended\nnext"),
        (f"\x1b]{'x' * 5000}\x07y", f"]{'x' * 5000}y"),
    ],
)
def test_what_is_left_of_controls_is_text(text: str, shown: str) -> None:
    assert plain(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rm\u200b -rf", "rm<U+200B> -rf"),
        ("a\u200db", "a<U+200D>b"),
        ("é\u200d\u200dé", "é<U+200D><U+200D>é"),
        ("x\ufe0fy", "x<U+FE0F>y"),
        ("x\ufe0ey", "x<U+FE0E>y"),
        ("é\u200dx", "é<U+200D>x"),
        ("x\u200dé", "x<U+200D>é"),
        ("é\ufe0f\u200d", "é\ufe0f<U+200D>"),
        ("é\ufe0e\u200dé", "é\ufe0e<U+200D>é"),
        ("é\u200cx", "é<U+200C>x"),
        ("x\u200cé", "x<U+200C>é"),
        ("é\u200c\u200cé", "é<U+200C><U+200C>é"),
        ("1\ufe0f", "1<U+FE0F>"),
        ("x\ufe0f\u20e3", "x<U+FE0F>\u20e3"),
        ("ok\U000e0041\ufeff", "ok<U+E0041><U+FEFF>"),
        ("abc\u202e", "abc<U+202E>"),
    ],
)
def test_what_is_not_seen_is_shown(text: str, shown: str) -> None:
    assert plain(text) == shown


@pytest.mark.parametrize("command", ["##[error]x", "##vso[task.x]", "a ##[x", "e\u200b##[x"])
def test_no_json_of_ours_is_a_command(command: str) -> None:
    written = harmless_json(json.dumps([command], ensure_ascii=False))
    assert "##" not in written
    assert json.loads(written) == [command]


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        ("::error::x", ": :error::x"),
        ("a\n \t::set-env", "a\n \t: :set-env"),
        ("x::y", "x::y"),
        ("#", "#"),
        ("##[group]", "# #[group]"),
        ("a##vso[x]", "a# #vso[x]"),
        ("##x", "##x"),
    ],
)
def test_a_blank_keeps_a_line_from_being_a_command(text: str, harmless: str) -> None:
    assert commanding_nothing(text) == harmless


@pytest.mark.parametrize("sign", ["\x7f", "\x80", "\x9b", "\x9f"])
def test_json_has_controls_as_escapes(sign: str) -> None:
    assert harmless_json(f'"{sign}"') == f'"\\u{ord(sign):04x}"'


def test_half_a_character_is_shown_beside_others() -> None:
    assert plain("\ud800\u200b\x07") == "\ud800<U+200B>"
