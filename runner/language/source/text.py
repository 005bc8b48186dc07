"""A file's text, and where in it an offset lies: line, column, snippet."""

from __future__ import annotations

import re
from bisect import bisect_right

import msgspec

from runner.ground.errors import Place, Problem

RULE = "yaml"
LONGEST_SNIPPET = 200
_MARGIN = 60
"""How much of a long line is shown before a place far out in it."""

# What a terminal would act upon or hide: controls, directional marks, half surrogate pairs.
_UNSHOWABLE = r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"


class Text(msgspec.Struct, frozen=True):
    """The text of one file. Offsets count characters from 0; lines end with a line feed."""

    file: str
    text: str
    starts: list[int] = msgspec.field(default_factory=list)

    def __post_init__(self) -> None:
        self.starts.extend((0, *(match.end() for match in re.finditer("\n", self.text))))

    def line_start(self, offset: int) -> int:
        """The offset at which the line of `offset` begins."""
        return self.starts[bisect_right(self.starts, offset) - 1]

    def line_end(self, offset: int) -> int:
        """The offset of the line feed (or of the end of the file) that ends the line of `offset`."""
        end = self.text.find("\n", offset)
        return len(self.text) if end < 0 else end

    def place(self, start: int, end: int | None = None) -> Place:
        """The place of the characters from `start` to `end`, or to the end of the line if that comes first."""
        start = max(0, min(start, len(self.text)))
        line = bisect_right(self.starts, start)
        column = start - self.starts[line - 1] + 1
        end = min(start + 1 if end is None else end, self.line_end(start))
        line_text = self.text[self.line_start(start) : self.line_end(start)].removesuffix("\r")
        shown, before = snippet(line_text, column)
        width = max(1, min(end - start, len(shown) - before))
        return Place(self.file, line, column, shown, width, before + 1 if before < column - 1 else 0)

    def problem(self, message: str, start: int, end: int | None = None, hint: str = "") -> Problem:
        return Problem(message, self.place(start, end), hint, rule=RULE)


def snippet(line: str, column: int) -> tuple[str, int]:
    """A line as it can be shown, of a long one the part around `column`; and how much of it stands before that."""
    start = 0 if column <= LONGEST_SNIPPET - _MARGIN else column - 1 - _MARGIN
    shown = line[start : start + LONGEST_SNIPPET]
    cut = ("…" if start else "", "…" if start + LONGEST_SNIPPET < len(line) else "")
    return showable(shown.join(cut)), column - 1 - start + len(cut[0])


def showable(text: str) -> str:
    """The text with one mark in the place of each character that a terminal would act upon."""
    return text if text.isprintable() else re.sub(_UNSHOWABLE, "\N{REPLACEMENT CHARACTER}", text)
