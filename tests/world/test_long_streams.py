"""Streams that go to a file as they come, and the beginnings of long texts: no secret is cut."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from runner.world import long_streams
from runner.world.kept_outputs import Kept, beginning
from runner.world.long_streams import LongStream

MASKED = "hush-hush-1234"


def shown(text: str) -> str:
    return text.replace(MASKED, "***")


def kept(folder: Path) -> Kept:
    return Kept(str(folder / "kept"), str(folder), shown)


@pytest.mark.parametrize("gap", ["", " ", "\n", "ää"])
def test_no_secret_is_cut_where_a_piece_ends(tmp_path: Path, gap: str) -> None:
    text = f"{MASKED}{gap}" * 200_000
    content = text.encode()
    stream = LongStream(kept(tmp_path))

    assert all(stream.take(content[at : at + 65_536]) for at in range(0, len(content), 65_536))

    path = tmp_path / stream.close()
    assert path.read_text() == shown(text)
    assert path.name == f"{hashlib.sha256(shown(text).encode()).hexdigest()[:32]}.txt"
    assert content.startswith(stream.beginning)


def test_bytes_that_are_no_text_are_kept_as_such(tmp_path: Path) -> None:
    stream = LongStream(kept(tmp_path))

    stream.take(b"a\xff\xc3")
    stream.take(b"\xa4b\xc3")

    assert (tmp_path / stream.close()).read_text() == "a�äb�"


def test_what_is_let_go_of_leaves_nothing(tmp_path: Path) -> None:
    stream = LongStream(kept(tmp_path))
    stream.take(b"x" * 3_000_000)

    stream.discard()

    assert list((tmp_path / "kept").iterdir()) == []


def test_more_than_may_be_kept_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_streams, "LONGEST_KEPT", 10)
    stream = LongStream(kept(tmp_path))

    assert [stream.take(b"12345"), stream.take(b"12345"), stream.take(b"1")] == [True, True, False]


@given(some.text("ab\n", max_size=20), some.text("ab\n", max_size=20), some.integers(0, 60))
def test_a_beginning_holds_no_part_of_what_stands_for_a_secret(before: str, after: str, most: int) -> None:
    reference = "⟦secret:key:12345678⟧"
    whole = f"{before}{reference}{after}"

    begin = beginning(whole, most)

    assert whole.startswith(begin)
    assert len(begin) <= most
    assert begin.count("⟦secret:") == begin.count("⟧")
