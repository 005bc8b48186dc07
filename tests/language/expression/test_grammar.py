"""The grammar, its kept tables, and the tree that comes of a text."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedToken

from runner.ground.errors import ExpressionError
from runner.language.expression import Uint, automaton, compile_expression, grammar
from runner.language.expression.automaton import Unexpected, UnreadableText
from runner.language.expression.parser import parse
from runner.language.expression.tree import (
    Binary,
    Conditional,
    Constant,
    FunctionCall,
    Index,
    ListOf,
    Logic,
    MapOf,
    Name,
    Select,
    Unary,
)


def conflicts(grammar: str, caplog: pytest.LogCaptureFixture) -> list[str]:
    """The shift/reduce conflicts that lark settles by itself; it refuses the other kind."""
    with caplog.at_level(logging.DEBUG, logger="lark"):
        Lark(grammar, parser="lalr")
    return [record.message for record in caplog.records if "onflict" in record.message]


def test_the_grammar_has_no_conflicts(caplog: pytest.LogCaptureFixture) -> None:
    assert conflicts(grammar.GRAMMAR.read_text(encoding="utf-8"), caplog) == []


def test_a_conflict_would_be_seen(caplog: pytest.LogCaptureFixture) -> None:
    assert conflicts('start: start "+" start | "a"', caplog)


def test_the_kept_tables_are_those_of_the_grammar() -> None:
    kept = automaton.TABLES.read_text(encoding="utf-8")
    assert kept == grammar.generate(), "run: python -m runner.language.expression.grammar"


class Plain:
    """A builder that only notes which method was given what."""

    def __getattr__(self, name: str) -> Callable[[list[Any]], Any]:
        return lambda found: (name, [plain(part) for part in found])


def plain(found: Any) -> Any:
    """A token or a tree, lark's or ours, in a form in which they compare."""
    if isinstance(found, Tree):
        return found.data, [plain(child) for child in found.children]
    if isinstance(found, Token):
        return found.type, found.start_pos, str(found)
    if isinstance(found, automaton.Token):
        return found.type, found.offset, str(found)
    return found


OURS = automaton.Parser(Plain())
LARK = Lark(grammar.GRAMMAR.read_text(encoding="utf-8"), parser="lalr", lexer="basic", maybe_placeholders=False)


def by_our_tables(text: str) -> Any:
    try:
        return plain(OURS.parse(text))
    except UnreadableText as error:
        return error.offset
    except Unexpected as error:
        return error.token.type, str(error.token), set(error.expected)


def by_lark(text: str) -> Any:
    try:
        return plain(LARK.parse(text))
    except UnexpectedCharacters as error:
        return error.pos_in_stream
    except UnexpectedToken as error:
        return error.token.type, str(error.token), error.accepts


PIECES = (
    *(
        "a",
        "in",
        "true",
        "null",
        "f",
        "1",
        "0x1F",
        "2.5e3",
        "7u",
        "'s'",
        'b"x"',
        "r'''y'''",
        "`a-b`",
        "1.",
        "'open",
        "&",
    ),
    *(
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "?",
        ".",
        "!",
        "-",
        "+",
        "*",
        "/",
        "%",
        "==",
        "<",
        "&&",
        "||",
        "// c",
        "\n",
    ),
)


@given(st.lists(st.sampled_from(PIECES), max_size=12).map(" ".join))
def test_what_is_found_is_what_lark_finds(text: str) -> None:
    assert by_our_tables(text) == by_lark(text)


@given(st.text("ab.[]()1'`&|! \n", max_size=12))
def test_signs_are_read_as_lark_reads_them(text: str) -> None:
    assert by_our_tables(text) == by_lark(text)


@pytest.mark.parametrize(
    "text", ["[a, b, c,]", "f(1, 2, 3)", "{a: 1, b: 2}", "a && b && c || d", "a ? -b : !c.d[0].`e`"]
)
def test_whole_expressions_are_read_as_lark_reads_them(text: str) -> None:
    assert isinstance(by_lark(text)[1], list)
    assert by_our_tables(text) == by_lark(text)


@pytest.mark.parametrize(
    ("source", "tree"),
    [
        ("a", Name(0, 1, "a")),
        (".a", Name(1, 1, "a", rooted=True)),
        ("a.b", Select(2, 1, Name(0, 1, "a"), "b")),
        ("a.`b-c`", Select(2, 5, Name(0, 1, "a"), "b-c")),
        ("a[0]", Index(1, 1, Name(0, 1, "a"), Constant(2, 1, 0))),
        ("f(1)", FunctionCall(0, 1, "f", None, (Constant(2, 1, 1),))),
        ("a.f()", FunctionCall(2, 1, "f", Name(0, 1, "a"), ())),
        ("-1", Constant(0, 2, -1)),
        ("- 1", Constant(0, 3, -1)),
        ("-a", Unary(0, 1, "-", Name(1, 1, "a"))),
        ("!a", Unary(0, 1, "!", Name(1, 1, "a"))),
        ("a - 1", Binary(2, 1, "-", Name(0, 1, "a"), Constant(4, 1, 1))),
        ("a in b", Binary(2, 2, "in", Name(0, 1, "a"), Name(5, 1, "b"))),
        ("a ? b : c", Conditional(0, 1, Name(0, 1, "a"), Name(4, 1, "b"), Name(8, 1, "c"))),
        ("[a, 1,]", ListOf(0, 1, (Name(1, 1, "a"), Constant(4, 1, 1)))),
        ("{a: 1,}", MapOf(0, 1, ((Name(1, 1, "a"), Constant(4, 1, 1)),))),
        ("a && b && c", Logic(0, 1, "&&", (Name(0, 1, "a"), Name(5, 1, "b"), Name(10, 1, "c")))),
        ("(a)", Name(1, 1, "a")),
        ("a // b", Name(0, 1, "a")),
    ],
)
def test_tree(source: str, tree: object) -> None:
    assert parse(source) == tree


@pytest.mark.parametrize(
    ("source", "same_as"),
    [
        ("a || b && c", "a || (b && c)"),
        ("a == b + c * d", "a == (b + (c * d))"),
        ("a - b - c", "(a - b) - c"),
        ("a ? b : c ? d : e", "a ? b : (c ? d : e)"),
        ("!a.b[0]", "!((a.b)[0])"),
        ("a < b == c", "(a < b) == c"),
    ],
)
def test_precedence(source: str, same_as: str) -> None:
    names = "".join(sorted(filter(str.isalpha, source)))

    def shape(text: str) -> str:
        return repr(_without_places(parse(text)))

    assert shape(source) == shape(same_as), names


def _without_places(node: object) -> object:
    fields = getattr(node, "__struct_fields__", ())
    if isinstance(node, tuple):
        return tuple(_without_places(part) for part in node)
    if not fields:
        return node
    return (type(node).__name__, *(_without_places(getattr(node, name)) for name in fields[2:]))


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("0x1F", 31),
        ("7u", Uint(7)),
        ("0xFFu", Uint(255)),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("-9223372036854775808", -(2**63)),
        ("18446744073709551615u", Uint(2**64 - 1)),
        (r"'a\n\x41\101\u00e9\U0001F600\`'", "a\nAA\u00e9\U0001f600`"),
        (r"r'a\n'", r"a\n"),
        ("'''a\n'b' '''", "a\n'b' "),
        (r"b'\xff\377é'", b"\xff\xff\xc3\xa9"),
        (r"bR'\xff'", rb"\xff"),
        ("''", ""),
        ('""""""', ""),
    ],
)
def test_literals(source: str, value: object) -> None:
    node = parse(source)
    assert isinstance(node, Constant)
    assert (type(node.value), node.value) == (type(value), value)
    assert (node.offset, node.width) == (0, len(source))


@pytest.mark.parametrize(
    ("source", "offset", "message"),
    [
        ("a + 9223372036854775808", 4, "does not fit 64 bits"),
        ("-(9223372036854775808)", 2, "does not fit 64 bits"),
        ("18446744073709551616u", 0, "does not fit 64 bits"),
        ("1e400", 0, "too large"),
        ("1.5u", 0, "no fraction"),
        (r"'a\q'", 2, r"'\q' is not an escape"),
        (r"'\ud800'", 1, "not a character"),
        (r"b'\u00e9'", 2, r"bytes take no \u"),
    ],
)
def test_literals_that_are_none(source: str, offset: int, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(source)
    assert message in caught.value.message
    assert caught.value.offset == offset
