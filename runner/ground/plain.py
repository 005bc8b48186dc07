"""Foreign text made fit to be shown: harmless for a terminal, which it may not steer, and cut to a bound."""

from __future__ import annotations

import re

_LINE_END = "\n"
_SEQUENCE = re.compile(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b\]|\x9d)[^\x07\x1b\x9c]{0,4096}(?:\x07|\x1b\\|\x9c)")
"""A whole control sequence: what colours, moves the cursor, sets the title."""

_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""C0 but newline and tab, DEL, C1, and the bidirectional controls."""


def plain(text: str) -> str:
    """The text without control characters; newlines and tabs stay."""
    return _STEERING.sub("", _SEQUENCE.sub("", text).replace("\r\n", "\n"))


def one_line(text: str, longest: int = 100) -> str:
    """The text on one line, cut to `longest` characters."""
    line = " ".join(plain(text).split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def head(text: str, limit: int) -> str:
    """At most `limit` characters of foreign text, of whole words: half a secret could not be masked any more."""
    return text if len(text) <= limit else f"{_without_last_word(text[:limit])}…"


def tail(text: str, limit: int) -> str:
    """At most the last `limit` characters of foreign text, of whole lines."""
    return text if len(text) <= limit else f"…\n{text[-limit:].partition(_LINE_END)[2]}"


def last_line(text: str, limit: int = 500) -> str:
    """The last line that is not blank, cut by `head`: what a message quotes of foreign text."""
    return head(text.rstrip().rpartition(_LINE_END)[2].strip(), limit)


def _without_last_word(text: str) -> str:
    return text[: max(text.rfind(" "), text.rfind(_LINE_END)) + 1]


def harmless_json(text: str) -> str:
    """JSON text whose strings have such characters as escapes, so that it means the same and steers nothing."""
    return _STEERING.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def is_text(text: str) -> bool:
    """Whether it is Unicode text: what was no UTF-8 on its way in has halves of characters in it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
