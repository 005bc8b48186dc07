"""What a text says, however it is written down: without line breaks, quotes and escapes, and where each byte stood."""

from __future__ import annotations

import html
import re
import sys
from collections.abc import Iterator

import msgspec

_ESCAPES = re.compile(
    r"((?:%[0-9A-Fa-f]{2})+)"
    r"|(&(?:#[0-9]{1,8}|#[xX][0-9A-Fa-f]{1,7}|[A-Za-z][A-Za-z0-9]{1,31});?)"
    r"|\\+(?:u([0-9A-Fa-f]{4})(?:\\+u([dD][c-fC-F][0-9A-Fa-f]{2}))?|(?:u\{([0-9A-Fa-f]{1,6})\}|U([0-9A-Fa-f]{8}))"
    r"|x([0-9A-Fa-f]{2})|([0-3][0-7]{2})|[bfnrtv])?"
)
_BLANK = re.compile(r"\\+[bfnrtv]?")
"""Those escapes that mean nothing here."""

_TELLING = re.compile(r"\\[uUx0-3]")
_HEX_PREFIX = re.compile("0[xX]")
_IGNORED = bytes(range(0x21)) + b"\x7f\"'`\\+$"
"""Blanks and controls, as a secret may be wrapped and indented; quotes, and what joins quoted parts; `+`, a blank."""

_BETWEEN_DIGITS = _IGNORED + b":,;-_.()[]{}"
_LOWER = bytes.maketrans(b"ABCDEF", b"abcdef")
_PERCENT = len("%41")
_BLOCK = 2048
_LEVELS = 5
"""How often a text may have been escaped: JSON in an address in JSON."""

_CUT = re.compile(r"(?:[^%&\\]|%(?!2[56]|5[cC])[0-9A-Fa-f]{2}){34}")
"""What no escape goes beyond."""


class Reading(msgspec.Struct, frozen=True):
    """One way to read a text: `escapes` mean something else, up to `levels` times, and `ignored` bytes nothing."""

    escapes: re.Pattern[str]
    starters: str
    levels: int
    ignored: bytes
    folded: bytes | None = None

    def read(self, text: str) -> bytes:
        """What the text says."""
        if not any(sign in text for sign in self.starters):
            return self.kept(text.encode("utf-8", "surrogatepass"))
        return b"".join(self._read_block(text[start:end]) for start, end in _blocks(text))

    def kept(self, raw: bytes) -> bytes:
        """What of plain bytes is not ignored."""
        return raw.translate(self.folded, self.ignored)

    def _read_block(self, block: str) -> bytes:
        raw = _as_bytes(block)
        if "\\" in self.starters and "\\" in raw and not _TELLING.search(raw):
            raw = _BLANK.sub("", raw)  # the most frequent ones by far, and much quicker so
        for _ in range(self.levels):
            if not any(sign in raw for sign in self.starters):
                break
            before, raw = raw, self.escapes.sub(_meaning, raw)
            if raw == before:
                break
        return self.kept(raw.encode("latin-1"))

    def places(self, text: str, spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """Where in the text the spans of what it says stand. They are in order, none over another."""
        trace = _Trace(self, text)
        for start, end in spans:
            first = trace.place(start)[0]
            yield first, trace.place(end - 1)[1]

    def traced(self, block: str) -> list[tuple[int, int]]:
        """For each byte that a block says, where it stands."""
        raw = _as_bytes(block)
        places = [(at, at + 1) for at, sign in enumerate(block) for _ in sign.encode("utf-8", "surrogatepass")]
        for _ in range(self.levels):
            before = raw
            raw, places = self._traced_once(raw, places)
            if raw == before:
                break
        return [place for sign, place in zip(raw.encode("latin-1"), places, strict=True) if sign not in self.ignored]

    def _traced_once(self, raw: str, places: list[tuple[int, int]]) -> tuple[str, list[tuple[int, int]]]:
        said: list[str] = []
        found: list[tuple[int, int]] = []
        done = 0
        for escape in self.escapes.finditer(raw):
            meaning = _meaning(escape)
            said += (raw[done : escape.start()], meaning)
            found += places[done : escape.start()]
            width = _PERCENT if escape[0].startswith("%") else len(escape[0])
            for at in range(*escape.span(), width) if meaning else ():
                each = len(meaning) * width // len(escape[0])
                found += [(places[at][0], places[at + width - 1][1])] * each
            done = escape.end()
        return "".join((*said, raw[done:])), found + places[done:]


class _Trace:
    """Finds where bytes stand, block by block, each block once."""

    def __init__(self, reading: Reading, text: str) -> None:
        self._reading = reading
        self._text = text
        self._blocks = _blocks(text)
        self._begins = 0
        self._ends = 0
        self._at = 0
        self._size = 0
        self._places: list[tuple[int, int]] | None = None

    def place(self, byte: int) -> tuple[int, int]:
        """Where a byte stands; it comes after those asked for before."""
        while byte >= self._begins + self._size:
            self._begins += self._size
            self._at, end = next(self._blocks)
            self._ends = end
            self._size = len(self._reading.read(self._text[self._at : end]))
            self._places = None
        if self._places is None:
            self._places = self._reading.traced(self._text[self._at : self._ends])
        start, end = self._places[byte - self._begins]
        return self._at + start, self._at + end


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """The text in parts that can be read one by one."""
    start = 0
    while start < len(text):
        cut = _CUT.search(text, start + _BLOCK)
        end = len(text) if cut is None else cut.end()
        if text[end - 1] == "0":  # it may begin 0x41
            end = min(end + 1, len(text)) if text[end : end + 1] in "xX" else end
        yield start, end
        start = end


def _as_bytes(text: str) -> str:
    """The text's UTF-8, a character a byte."""
    return text if text.isascii() else text.encode("utf-8", "surrogatepass").decode("latin-1")


def _meaning(escape: re.Match[str]) -> str:
    """What an escape means, a character a byte; nothing, if that is ignored anyway."""
    if not escape.lastindex:
        return ""
    percent, entity, unit, low, braced, long, byte, octal = escape.groups()
    if percent:
        return bytes.fromhex(percent.replace("%", "")).decode("latin-1")
    if byte:
        return chr(int(byte, 16))
    if octal:
        return chr(int(octal, 8))
    return _as_bytes(html.unescape(entity) if entity else _character(unit or braced or long, low))


def _character(unit: str, low: str | None) -> str:
    if low is None:
        return chr(min(int(unit, 16), sys.maxunicode))
    return bytes.fromhex(unit[-4:] + low).decode("utf-16-be", "surrogatepass")


TEXT = Reading(_ESCAPES, "%&\\", _LEVELS, _IGNORED)
"""Text in JSON, addresses, HTML, shells and programs, wrapped or not."""

LITERAL = Reading(_ESCAPES, "", 0, _IGNORED)
"""Text that is wrapped or quoted, and has no escapes: a line may end between the characters of what looks like one."""

DIGITS = Reading(_HEX_PREFIX, "xX", 1, _BETWEEN_DIGITS, _LOWER)
"""Hexadecimal digits, whatever separates them."""
