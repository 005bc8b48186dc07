"""Parses a template that needs Jinja: its tree, with an offset at every node, checked; what it refers to."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, pairwise

import msgspec
from jinja2 import nodes
from jinja2.exceptions import TemplateSyntaxError
from jinja2.lexer import TokenStream
from jinja2.parser import Parser

from runner.ground.errors import TemplateError
from runner.language.reference import Reference
from runner.language.template.references import references
from runner.language.template.rules import MAX_DEPTH, check
from runner.language.template.sandbox import SANDBOX
from runner.language.template.syntax_errors import reworded

MAX_TOKENS = 20_000

_BLANK = "\v"
"""Stands for a carriage return while Jinja reads a template: it would make a line feed of it."""


class Syntax(msgspec.Struct, frozen=True):
    """A parsed template. `lone` is its expression if it is exactly one `{{ … }}`; then its value keeps its type."""

    source: str
    tree: nodes.Template
    references: tuple[Reference, ...]
    lone: nodes.Expr | None
    repeats: bool


def parse(source: str) -> Syntax:
    """Parse and check; TemplateError says what is wrong, and at which offset."""
    try:
        parser = Parser(SANDBOX, "")
        parser.stream = TokenStream(SANDBOX.lexer.wrap(_placed_tokens(source)), None, None)
        tree = parser.parse()
        for text in tree.find_all(nodes.TemplateData):
            text.data = source[text.lineno : text.lineno + len(text.data)]
        check(tree)
        found = references(tree)
    except TemplateSyntaxError as error:
        raise reworded(error.message or "", source, error.lineno) from None
    except RecursionError:
        raise TemplateError(f"the template is nested more than {MAX_DEPTH} deep") from None
    except (ValueError, OverflowError):
        raise TemplateError("this number is too large") from None
    repeats = any(tree.find(kind) for kind in (nodes.For, nodes.Macro, nodes.CallBlock))
    return Syntax(source, tree, found, _lone(source, tree), repeats)


def pieces(source: str) -> list[str]:
    """What a template that can be parsed is made of: in turn text of its own, and what is filled in or done."""
    own = [(offset, offset + len(text)) for offset, kind, text in _placed_tokens(source) if kind == "data"]
    ends = [0, *chain.from_iterable(own), len(source)]
    return ["", *(source[start:end] for start, end in pairwise(ends))]


def _placed_tokens(source: str) -> Iterator[tuple[int, str, str]]:
    """Jinja's tokens, each with its offset in place of its line. Blanks that `{%-` takes away stand between them."""
    lexed = source.replace("\r", _BLANK)
    offset = 0
    try:
        for count, (_, kind, text) in enumerate(SANDBOX.lex(lexed)):
            if count > MAX_TOKENS:
                raise TemplateSyntaxError("too many tokens", offset)
            offset = lexed.find(text, offset)
            end = offset + len(text)
            yield offset, kind, source[offset:end].replace("\r", "\\r") if kind == "string" else text
            offset = end
    except TemplateSyntaxError as error:
        raise TemplateSyntaxError(error.message or "", offset) from error


def _lone(source: str, tree: nodes.Template) -> nodes.Expr | None:
    match tree.body:
        case [nodes.Output(nodes=[expression])] if source.startswith("{{") and source.endswith("}}"):
            return None if isinstance(expression, nodes.TemplateData) else expression
    return None
