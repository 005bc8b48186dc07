"""Source text as a syntax tree: what is found by the grammar, made into nodes."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from runner.ground.errors import ExpressionError
from runner.language.expression import automaton, literals, mistakes
from runner.language.expression.automaton import Parser, Token, Unexpected, Unreadable
from runner.language.expression.limits import MAX_LENGTH
from runner.language.expression.tree import (
    Binary,
    Call,
    Conditional,
    Constant,
    Index,
    ListOf,
    Logic,
    LogicOperator,
    MapOf,
    Name,
    Node,
    Select,
    Unary,
)
from runner.language.expression.values import MAX_INT

_CONSTANTS = {"true": True, "false": False, "null": None}


def parse(text: str) -> Node:
    """The tree of an expression; macros are still calls, and names are not looked up. Raises ExpressionError."""
    _check(text)
    try:
        tree: Node = _parser().parse(text)
    except Unreadable as error:
        raise mistakes.unreadable(text, error.offset) from None
    except Unexpected as error:
        raise mistakes.unexpected(text, error.token, error.expected) from None
    return _fits(tree)


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
    return automaton.load(_Builder())


def _fits(node: Node) -> Node:
    """The node, unless it is an int that only a minus before it would make fit."""
    if type(node) is Constant and type(node.value) is int and node.value > MAX_INT:
        raise ExpressionError("the number does not fit 64 bits", node.offset, "write it as a double: 1e19", node.width)
    return node


def _is_unsigned_number(node: Node) -> bool:
    """Whether a minus before this makes one number of it; a second minus is an operation of its own."""
    return type(node) is Constant and type(node.value) in (int, float) and math.copysign(1, node.value) > 0


class _Builder:
    """One method for each rule or alias of the grammar that is to become a node."""

    @staticmethod
    def conditional(parts: list[Node]) -> Node:
        condition, yes, no = map(_fits, parts)
        return Conditional(condition.offset, condition.width, condition, yes, no)

    @staticmethod
    def any_of(parts: list[Node]) -> Node:
        return _logic("||", parts)

    @staticmethod
    def all_of(parts: list[Node]) -> Node:
        return _logic("&&", parts)

    @staticmethod
    def binary(parts: list[Any]) -> Node:
        left, operator, right = parts
        return Binary(*_place(operator), str(operator), _fits(left), _fits(right))

    @staticmethod
    def unary(parts: list[Any]) -> Node:
        operator, operand = parts
        if operator == "-" and _is_unsigned_number(operand):
            return Constant(operator.offset, operand.offset + operand.width - operator.offset, -operand.value)
        return Unary(*_place(operator), str(operator), _fits(operand))

    @staticmethod
    def select(parts: list[Any]) -> Node:
        operand, field = parts
        return Select(*_place(field), _fits(operand), field.strip("`"))

    @staticmethod
    def method(parts: list[Any]) -> Node:
        target, function, arguments = parts
        return Call(*_place(function), str(function), _fits(target), arguments)

    @staticmethod
    def index(parts: list[Any]) -> Node:
        operand, bracket, key = parts
        return Index(*_place(bracket), _fits(operand), _fits(key))

    @staticmethod
    def number(parts: list[Token]) -> Node:
        return Constant(*_place(parts[0]), literals.number(parts[0], parts[0].offset))

    @staticmethod
    def string(parts: list[Token]) -> Node:
        return Constant(*_place(parts[0]), literals.string(parts[0], parts[0].offset))

    @staticmethod
    def constant(parts: list[Token]) -> Node:
        return Constant(*_place(parts[0]), _CONSTANTS[parts[0]])

    @staticmethod
    def name(parts: list[Token]) -> Node:
        return Name(*_place(parts[0]), str(parts[0]))

    @staticmethod
    def absolute_name(parts: list[Token]) -> Node:
        return Name(*_place(parts[1]), str(parts[1]), rooted=True)

    @staticmethod
    def call(parts: list[Any]) -> Node:
        function, arguments = parts
        return Call(*_place(function), str(function), None, arguments)

    @staticmethod
    def absolute_call(parts: list[Any]) -> Node:
        return _Builder.call(parts[1:])

    @staticmethod
    def group(parts: list[Node]) -> Node:
        return _fits(parts[0])

    @staticmethod
    def list_of(parts: list[Any]) -> Node:
        return ListOf(*_place(parts[0]), parts[1] if len(parts) > 1 else ())

    @staticmethod
    def map_of(parts: list[Any]) -> Node:
        return MapOf(*_place(parts[0]), parts[1] if len(parts) > 1 else ())

    @staticmethod
    def arguments(parts: list[Node]) -> tuple[Node, ...]:
        return tuple(_fits(part) for part in parts)

    items = arguments
    entry = arguments

    @staticmethod
    def entries(parts: list[tuple[Node, Node]]) -> tuple[tuple[Node, Node], ...]:
        return tuple(parts)


def _logic(operator: LogicOperator, parts: list[Node]) -> Node:
    return Logic(parts[0].offset, parts[0].width, operator, tuple(_fits(part) for part in parts))


def _place(token: Token) -> tuple[int, int]:
    return token.offset, len(token)
