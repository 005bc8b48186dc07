"""Foreign text made harmless for a terminal: what a model, a program or a file said may not steer it."""

from __future__ import annotations

import re

_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""C0 but newline and tab, DEL, C1, and the bidirectional controls."""


def plain(text: str) -> str:
    """The text without control characters; newlines and tabs stay."""
    return _STEERING.sub("", text.replace("\r\n", "\n"))


def one_line(text: str, longest: int = 100) -> str:
    """The text on one line, cut to `longest` characters."""
    line = " ".join(plain(text).split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
