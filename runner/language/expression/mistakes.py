"""The usual mistakes in expressions, known by the text around them, and how each is mended."""

from __future__ import annotations

import re
from collections.abc import Set

from msgspec import Struct

from runner.ground.errors import ExpressionError
from runner.language.expression.automaton import END, Token

RESERVED_WORDS = frozenset(
    {"as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop"}
    | {"namespace", "null", "package", "return", "true", "var", "void", "while"}
)
"""Words of CEL that are no names."""


class Mistake(Struct, frozen=True):
    """`before` ends, and `here` starts, at the place where the parser stopped."""

    before: str
    here: str
    message: str
    hint: str = ""

    def fits(self, text: str, offset: int) -> bool:
        return bool(re.search(f"(?:{self.before})$", text[:offset]) and re.match(self.here, text[offset:]))


_QUOTE = "[bBrR]{0,2}['\"]"

MISTAKES = (
    Mistake("", r"and\b|AND\b", "'and' is not an operator", "write && for 'and'"),
    Mistake("", r"or\b|OR\b", "'or' is not an operator", "write || for 'or'"),
    Mistake(r"\bnot\s+|\bNOT\s+", r"in\b", "'not' is not an operator", "write !(x in list)"),
    Mistake("", r"not\s+in\b", "'not' is not an operator", "write !(x in list)"),
    Mistake("", r"is\s+not\b", "'is' is not an operator", "write != for 'is not': x != null"),
    Mistake("", r"is\b", "'is' is not an operator", "write == for 'is': x == null"),
    Mistake(r"\bnot\s+|\bNOT\s+", "", "'not' is not an operator", "write ! for 'not': !x"),
    Mistake("", r"if\b", "'if' is not an operator", "write condition ? yes : no"),
    Mistake(r"\bif\s+.*", "", "'if' is not an operator", "write condition ? yes : no"),
    Mistake("", r"(contains|startsWith|endsWith|matches)\b", "a method stands after a dot", 'write x.contains("y")'),
    Mistake("[!=]=", "=", "'===' and '!==' are not operators", "write == or !="),
    Mistake("<", ">", "'<>' is not an operator", "write !="),
    Mistake("", "=<", "'=<' is not an operator", "write <="),
    Mistake("", "=>", "'=>' is not an operator", "write >= to compare; in a macro, list.exists(x, x > 1)"),
    Mistake(r"\blambda\s+", "", "CEL has no lambda", "name the variable first: list.exists(x, x > 1)"),
    Mistake("[-+*/%]", "=", "an expression sets nothing", "write == to compare; to change the state, use set:"),
    Mistake("", ":=", "an expression sets nothing", "write == to compare; to change the state, use set:"),
    Mistake("", "=", "'=' is not an operator", "write == to compare; to change the state, use set:"),
    Mistake("", r"&(?!&)", "a single '&' is not an operator", "write && for 'and'"),
    Mistake("", r"\|(?!\|)", "a single '|' is not an operator", "write || for 'or'; there are no filters: f(x)"),
    Mistake(r"\*", r"\*", "'**' is not an operator", "write x * x"),
    Mistake(r"\?", r"\?", "'??' is not an operator", "write has(a.b) ? a.b : other"),
    Mistake(r"\?\.\s*[\w.]+", "", "'?.' is not an operator", "ask first: has(a.b) ? a.b : other"),
    Mistake(r"[\w)\]}'\"]\s*", r"!(?!=)", "an operator is missing before '!'", "to negate, write && !x"),
    Mistake("", r"\$\{", "an expression has no braces around it", "write state.x, not ${state.x}"),
    Mistake("", r"\}\}", "an expression has no braces around it", "write state.x, not {{ state.x }}"),
    Mistake("", r"[\u2018\u2019\u201c\u201d]", "these quotes are typographic ones", "write straight quotes: ' or \""),
    Mistake("", r"[\u2264\u2265\u2260]", "this sign is not an operator", "write <=, >= or !="),
    Mistake(r"\b[fF]", _QUOTE, "CEL has no f-strings", 'join with +: "round " + string(round)'),
    Mistake(r"['\"]\s*", _QUOTE, "two strings stand side by side", "join them with +, or put a comma between"),
    Mistake(r"\[[^\]]*", ":", "CEL has no slices", "take one element, x[0], or filter: list.filter(x, x > 1)"),
    Mistake(r"[^\s(\[{,:?]\s*", "[`]", "backquotes stand only around a field after a dot", "write x.`a-b`"),
    Mistake("", r"\{", "CEL without protobuf has no messages", 'a map needs no name: {"key": value}'),
    Mistake("", "@|#", "this sign is not part of CEL", "a comment starts with //"),
    Mistake("", ";", "an expression is one line of thought, without ';'", "join conditions with &&"),
    Mistake("", r"\.\d", "a field after a dot is a name", "write x[0] for the first element"),
    Mistake(r"[0-9]", r"[A-Za-z_]", "letters stand right after a number", 'a duration is duration("90s")'),
    Mistake(r"\(\s*\w+\s*", ":", "a comma stands after the name of the element", "write list.exists(x, x > 1)"),
    Mistake("", ",", "a comma stands only within brackets", "join conditions with &&; a list is [a, b]"),
    Mistake(r"\+", r"\+", "'++' is not an operator", "write x + 1"),
)
"""Tried in this order."""

_OPENING = {"(": ")", "[": "]", "{": "}"}
_WORDS = {"COLON": "':'", "RPAR": "')'", "RSQB": "']'", "RBRACE": "'}'", "COMMA": "','"}


def check_braces(text: str) -> None:
    """Refuse a template's braces, which would read as a map for the key of a map."""
    if "{{" not in text:
        return
    opened = [found.start() for found in re.finditer(_SKIPPED, text) if found[0] == "{"]
    start = next((place for place in opened if place + 1 in opened), None)
    if start is not None:
        hint = "write state.x, not {{ state.x }}"
        raise ExpressionError("an expression has no braces around it", start, hint, width=2)


def unreadable(text: str, offset: int) -> ExpressionError:
    """The error for a character at which no token starts."""
    if text[offset] in "'\"":
        return ExpressionError("this string is never closed", _prefix(text, offset), "end it with the same quotes")
    known = _known(text, offset)
    return known or ExpressionError(f"{_shown(text[offset])} is not part of CEL", offset, "take it out")


def unexpected(text: str, token: Token, expected: Set[str]) -> ExpressionError:
    """The error for a token that can't stand where it stands."""
    if token.type == END:
        return _ended(text, expected)
    offset = token.offset
    if known := _known(text, offset, len(token)):
        return known
    if token in _OPENING.values() and (wrong := _closed(text, offset)):
        return wrong
    if token in RESERVED_WORDS and "NAME" in expected and "NUMBER" not in expected:
        return ExpressionError(f"'{token}' is a word of CEL", offset, f'write ["{token}"] for the field', len(token))
    wanted, advice = _wanted(expected)
    return ExpressionError(f"expected {wanted}, found {_shown(token)}", offset, advice, len(token))


def reserved(word: str, offset: int) -> ExpressionError:
    """The error for a word of CEL in the place of a name."""
    return ExpressionError(f"'{word}' is a word of CEL and can't be a name", offset, "use another name", len(word))


def _known(text: str, offset: int, width: int = 1) -> ExpressionError | None:
    for mistake in MISTAKES:
        if mistake.fits(text, offset):
            return ExpressionError(mistake.message, offset, mistake.hint, width)
    return None


def _ended(text: str, expected: Set[str]) -> ExpressionError:
    end = len(text.rstrip())
    if known := _known(text, end):
        return known
    open_bracket = _brackets(text)
    if open_bracket >= 0 and _OPENING[text[open_bracket]] in {word.strip("'") for word in _closers(expected)}:
        sign = text[open_bracket]
        return ExpressionError(f"'{sign}' is never closed", open_bracket, f"add '{_OPENING[sign]}'")
    if "COLON" in expected:
        return ExpressionError("':' and what holds otherwise are missing", end, "write condition ? yes : no")
    if "//" in text and "NUMBER" in expected:
        hint = "what follows // is a comment; x / y of two ints is whole"
        return ExpressionError("the expression ends too early", end, hint)
    wanted, advice = _wanted(expected)
    return ExpressionError(f"the expression ends where {wanted} is expected", end, advice)


def _closed(text: str, offset: int) -> ExpressionError | None:
    """The error for a bracket that closes none, or another."""
    sign = text[offset]
    opened = _brackets(text[:offset])
    if opened < 0:
        return ExpressionError(f"no bracket opens before this '{sign}'", offset, "take it out, or open one")
    if _OPENING[text[opened]] != sign:
        want = _OPENING[text[opened]]
        return ExpressionError(f"'{sign}' does not close '{text[opened]}'", offset, f"write '{want}' first")
    return None


_SKIPPED = r"'''[\s\S]*?'''|\"\"\"[\s\S]*?\"\"\"|'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|//[^\r\n]*|[(){}\[\]]"


def _brackets(text: str) -> int:
    """Where the last bracket that is still open stands, or -1."""
    opened: list[int] = []
    for found in re.finditer(_SKIPPED, text):
        if found[0] in _OPENING:
            opened.append(found.start())
        elif found[0] in _OPENING.values() and opened:
            opened.pop()
    return opened[-1] if opened else -1


def _prefix(text: str, offset: int) -> int:
    """Where a string starts whose quote stands at the offset: `b` and `r` may stand before it."""
    found = re.search(r"(?<![A-Za-z0-9_])[bB]?[rR]?$", text[:offset])
    return found.start() if found else offset


def _closers(expected: Set[str]) -> list[str]:
    return [word for token, word in _WORDS.items() if token in expected]


def _wanted(expected: Set[str]) -> tuple[str, str]:
    """What could stand in a place, and advice on it."""
    if "NUMBER" in expected:
        return "a value", 'a value is a name, a number, a "text", a list or a map'
    if "NAME" in expected:
        return "a name", "write the name of a field after the dot"
    return " or ".join(["an operator", *_closers(expected)]), "operators are && || == != < <= > >= in + - * / % ?:"


_SHOWN = 24
"""Characters of a token that a message repeats."""


def _shown(text: str) -> str:
    short = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return f"'{short}'" if short.isprintable() else f"the character U+{ord(text[0]):04X}"
