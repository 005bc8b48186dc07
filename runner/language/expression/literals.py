"""Numbers, strings and bytes as they are written."""

from __future__ import annotations

import math
import re
import sys
from functools import partial

from runner.ground.errors import ExpressionError
from runner.language.expression.values import MAX_INT, MAX_UINT, Uint

_ESCAPE = re.compile(
    r"\\(?:[xX](?P<byte>[0-9A-Fa-f]{2})|(?P<octal>[0-3][0-7]{2})"
    r"|u(?P<short>[0-9A-Fa-f]{4})|U(?P<long>[0-9A-Fa-f]{8})|(?P<letter>[\s\S]))"
)
_SURROGATES = range(0xD800, 0xE000)
_TRIPLE = ("'''", '"""')
_LETTERS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"} | {
    sign: sign for sign in "\\?\"'`"
}


def number(text: str, offset: int) -> int | float | Uint:
    """The number of a NUMBER token. An int may be one too large: only a minus before it makes it fit."""
    try:
        return _number(text)
    except (ValueError, OverflowError) as error:
        raise ExpressionError(f"{text} is not a number of CEL: {error}", offset, width=len(text)) from None


def _number(text: str) -> int | float | Uint:
    unsigned = text[-1] in "uU"
    digits = text.rstrip("uU")
    hexadecimal = digits.startswith("0x")
    if not hexadecimal and not digits.isdecimal():
        return _double(digits, unsigned=unsigned)
    value = int(digits, 16 if hexadecimal else 10)
    if value > (MAX_UINT if unsigned else MAX_INT + 1):
        raise OverflowError("it does not fit 64 bits")
    return Uint(value) if unsigned else value


def _double(digits: str, *, unsigned: bool) -> float:
    if unsigned:
        raise ValueError("a uint has no fraction and no exponent")
    value = float(digits)
    if math.isinf(value):
        raise OverflowError("it is too large for a double")
    return value


def string(token: str, offset: int) -> str | bytes:
    """The text or the bytes of a STRING token, whose quotes are known to match."""
    start = re.search("['\"]", token)
    opening = start.start() if start else 0
    prefix = token[:opening].lower()
    quotes = 3 if token.startswith(_TRIPLE, opening) else 1
    content = token[opening + quotes : -quotes]
    if "r" not in prefix:
        read = _byte if "b" in prefix else _character
        content = _ESCAPE.sub(partial(read, offset + opening + quotes), content)
    return content.encode(errors="surrogateescape") if "b" in prefix else content


def _byte(offset: int, escape: re.Match[str]) -> str:
    """A byte in the form that `surrogateescape` makes a byte of again."""
    if escape["short"] or escape["long"]:
        raise _error(offset, escape, "bytes take no \\u escape", "write the character itself, or \\x escapes")
    return bytes([_code(offset, escape)]).decode(errors="surrogateescape")


def _character(offset: int, escape: re.Match[str]) -> str:
    code = _code(offset, escape)
    if code in _SURROGATES or code > sys.maxunicode:
        raise _error(offset, escape, "the escape is not a character of Unicode", "use \\U with eight digits")
    return chr(code)


def _code(offset: int, escape: re.Match[str]) -> int:
    digits = escape["byte"] or escape["short"] or escape["long"]
    if digits:
        return int(digits, 16)
    if escape["octal"]:
        return int(escape["octal"], 8)
    if escape["letter"] in _LETTERS:
        return ord(_LETTERS[escape["letter"]])
    message = f"'{escape[0]}' is not an escape of CEL" if escape[0].isprintable() else "not an escape of CEL"
    raise _error(offset, escape, message, r"write \\ for a backslash, or put r before the quotes")


def _error(offset: int, escape: re.Match[str], message: str, hint: str) -> ExpressionError:
    return ExpressionError(message, offset + escape.start(), hint, len(escape[0]))
