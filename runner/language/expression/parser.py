"""Source text as a syntax tree: what is found by the grammar, made into nodes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from types import SimpleNamespace
from typing import Any

from runner.ground.errors import ExpressionError
from runner.language.expression import literals, mistakes
from runner.language.expression.automaton import Parser, Token, Unexpected, UnreadableText
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
    SyntaxNode,
    Unary,
)
from runner.language.expression.values import MAX_INT

MAX_LENGTH = 4096
"""Characters of source."""

_CONSTANTS = {"true": True, "false": False, "null": None}


def parse(text: str) -> SyntaxNode:
    """The tree of an expression; macros are still calls, and names are not looked up. Raises ExpressionError."""
    _check(text)
    try:
        return _parser().parse(text)  # type: ignore[no-any-return]
    except UnreadableText as error:
        raise mistakes.unreadable(text, error.offset) from None
    except Unexpected as error:
        raise mistakes.unexpected(text, error.token, error.expected) from None


def _check(text: str) -> None:
    if len(text) > MAX_LENGTH:
        raise ExpressionError(
            f"the expression has {len(text)} characters; {MAX_LENGTH} is the most", MAX_LENGTH, "split it over nodes"
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ExpressionError("this is half a character", error.start, "save the file as UTF-8") from None
    if not text.strip():
        raise ExpressionError("the expression is empty", hint='write a condition, such as state.severity == "high"')
    mistakes.check_braces(text)


@cache
def _parser() -> Parser:
    return Parser(SimpleNamespace(**{rule: _spread(make) for rule, make in _NODES.items()}))


def _spread(make: Callable[..., Any]) -> Callable[[list[Any]], Any]:
    return lambda found: make(*found)


def fitting(node: SyntaxNode) -> SyntaxNode:
    """The node, unless it is an int that only a minus before it would make fit."""
    if type(node) is Constant and type(node.value) is int and node.value > MAX_INT:
        raise ExpressionError("the number does not fit 64 bits", node.offset, "write it as a double: 1e19", node.width)
    return node


def _is_unsigned_number(node: SyntaxNode) -> bool:
    """Whether a minus before this makes one number of it; a second minus is an operation of its own."""
    return type(node) is Constant and type(node.value) in (int, float) and math.copysign(1, node.value) > 0


def _unary(operator: Token, operand: Any) -> SyntaxNode:
    if operator == "-" and _is_unsigned_number(operand):
        return Constant(operator.offset, operand.offset + operand.width - operator.offset, -operand.value)
    return Unary(*_place(operator), str(operator), operand)


def _place(token: Token) -> tuple[int, int]:
    return token.offset, len(token)


def _all(*parts: Any) -> tuple[Any, ...]:
    return parts


_NODES: Mapping[str, Callable[..., Any]] = {
    "conditional": lambda condition, *others: Conditional(condition.offset, condition.width, condition, *others),
    "any_of": lambda *operands: Logic(operands[0].offset, operands[0].width, "||", operands),
    "all_of": lambda *operands: Logic(operands[0].offset, operands[0].width, "&&", operands),
    "binary": lambda left, operator, right: Binary(*_place(operator), str(operator), left, right),
    "unary": _unary,
    "select": lambda operand, field: Select(*_place(field), operand, field.strip("`")),
    "method": lambda target, function, arguments: FunctionCall(*_place(function), str(function), target, arguments),
    "index": lambda operand, bracket, key: Index(*_place(bracket), operand, key),
    "number": lambda token: Constant(*_place(token), literals.number(token, token.offset)),
    "string": lambda token: Constant(*_place(token), literals.string(token, token.offset)),
    "constant": lambda token: Constant(*_place(token), _CONSTANTS[token]),
    "name": lambda name: Name(*_place(name), str(name)),
    "absolute_name": lambda _dot, name: Name(*_place(name), str(name), rooted=True),
    "call": lambda function, arguments: FunctionCall(*_place(function), str(function), None, arguments),
    "absolute_call": lambda _dot, function, arguments: FunctionCall(*_place(function), str(function), None, arguments),
    "group": fitting,
    "list_of": lambda bracket, items=(): ListOf(*_place(bracket), items),
    "map_of": lambda brace, entries=(): MapOf(*_place(brace), entries),
    **dict.fromkeys(("arguments", "items", "entries", "entry"), _all),
}
"""What becomes of each rule or alias of the grammar that is more than its only child."""
