"""What a YAML scalar means (core schema of YAML 1.2), how text is quoted, and where its characters stand."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from itertools import islice

Scalar = str | int | float | bool | None

LARGEST_INT = 2**63 - 1
SMALLEST_INT = -(2**63)
_LONGEST_INT = 80

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_FRACTION = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_NO_NUMBER = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_PLAIN = re.compile(r"(?!-(?: |$))[\w/.-]+(?: [\w/.-]+)*")
_MAY_BE_NUMBER = frozenset("-+.0123456789")


class BadNumber(ValueError):
    """A number that JSON, or 64 bits, can't hold; the text says why."""


def resolve(text: str) -> Scalar:
    """The value of an unquoted scalar. Raises BadNumber."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _MAY_BE_NUMBER:
        return text
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _FRACTION.fullmatch(text):
        return _fraction(text)
    if _NO_NUMBER.fullmatch(text):
        raise BadNumber(f"'{text}' is no JSON number")
    return text


def _integer(text: str) -> int:
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    value = int(text, base) if len(text) <= _LONGEST_INT else LARGEST_INT + 1
    if not SMALLEST_INT <= value <= LARGEST_INT:
        raise BadNumber("this integer does not fit into 64 bits")
    return value


def _fraction(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise BadNumber("this number is too large")
    return value


def joined(text: str) -> str:
    """The text with each pair of surrogate escapes, as JSON writes it, as one character. Raises UnicodeError."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16")


def quoted(text: str) -> str:
    """The text as a quoted YAML scalar, in the quotes that need the least escaping."""
    if "'" in text and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return "'" + text.replace("'", "''") + "'"


def plain_or_quoted(text: str) -> str:
    """The text as it may stand anywhere in YAML: in quotes, unless it is read as that text without them."""
    return text if _PLAIN.fullmatch(text) and isinstance(resolve(text), str) else quoted(text)


def balanced(text: str) -> bool:
    """Whether each quote and bracket of an expression or template is closed again."""
    opened: list[str] = []
    closers = {"(": ")", "[": "]", "{": "}"}
    quote = ""
    for character in re.sub(r"\\.", "", text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in closers:
            opened.append(closers[character])
        elif opened and character == opened[-1]:
            opened.pop()
    return not quote and not opened


# One unit of a quoted or multi-line plain scalar's source: what stands for some characters of its value.
_FOLD = r"[ \t]*\n[ \t\n]*"
_PAIR = r"\\u[dD][89abAB]..\\u[dD][c-fC-F].."
_UNITS = {
    '"': re.compile(rf"{_PAIR}|\\(?:x..|u.{{4}}|U.{{8}}|\n[ \t]*|.)|{_FOLD}|.", re.DOTALL),
    "'": re.compile(rf"''|{_FOLD}|.", re.DOTALL),
    "": re.compile(rf"{_FOLD}|.", re.DOTALL),
}


def locate(source: str, style: str, value: str, offset: int) -> int:
    """Where in a scalar's source (from its first character on) the character of its value at `offset` stands."""
    if style in ("|", ">"):
        return _locate_in_block(source, value, offset)
    start = len(style)
    for at, length in _units(source, style):
        if offset < length:
            return at
        offset -= length
    return max(start, len(source) - start)


def _units(source: str, style: str) -> Iterator[tuple[int, int]]:
    """Each unit's place in the source, and how many characters of the value it stands for."""
    inner = len(style)
    for match in _UNITS[style].finditer(source, inner, len(source) - inner):
        unit = match.group()
        breaks = unit.count("\n")
        is_escaped_break = breaks and unit.startswith("\\")
        yield match.start(), 0 if is_escaped_break else max(1, breaks - 1)


def _locate_in_block(source: str, value: str, offset: int) -> int:
    """Blanks move when a block is folded, the other characters keep their order: so count those."""
    start = source.find("\n") + 1
    head = value[: offset + 1].rstrip()
    nth = max(0, len("".join(head.split())) - 1)
    match = next(islice(re.finditer(r"\S", source[start:]), nth, None), None)
    if match is None:
        return len(source)
    at = start + match.start()
    beyond = offset - len(head) + 1 if head else 0
    line_end = source.find("\n", at)
    return min(at + beyond, line_end if line_end >= 0 else len(source))
