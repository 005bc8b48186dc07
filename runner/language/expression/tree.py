"""The syntax tree of an expression: frozen nodes, each with the place that an error about it points at."""

from __future__ import annotations

from typing import Any, ClassVar

from msgspec import Struct


class SyntaxNode(Struct, frozen=True):
    """`offset` and `width` mark the token that names the node: an operator, a field, a function, a first bracket.

    `parts` are the fields that hold a node, several nodes, or None.
    """

    parts: ClassVar[tuple[str, ...]] = ()

    offset: int
    width: int

    @property
    def children(self) -> tuple[SyntaxNode, ...]:
        """The nodes directly under this one, in the order of the source."""
        found: list[SyntaxNode] = []
        for field in self.parts:
            part = getattr(self, field)
            if type(part) is tuple:
                found += part
            elif part is not None:
                found.append(part)
        return tuple(found)


class Constant(SyntaxNode, frozen=True):
    """A literal, or what a constant part came to."""

    value: Any


class Name(SyntaxNode, frozen=True):
    """A name of the scope. `rooted` is `.name`: no container and no variable of a macro comes before it."""

    name: str
    rooted: bool = False


class Variable(SyntaxNode, frozen=True):
    """The variable of a macro, kept in a slot by depth."""

    name: str
    slot: int


class Select(SyntaxNode, frozen=True):
    """`operand.field`"""

    parts = ("operand",)

    operand: SyntaxNode
    field: str


class Has(SyntaxNode, frozen=True):
    """`has(operand.field)`"""

    parts = ("operand",)

    operand: SyntaxNode
    field: str


class Index(SyntaxNode, frozen=True):
    """`operand[key]`"""

    parts = ("operand", "key")

    operand: SyntaxNode
    key: SyntaxNode


class FunctionCall(SyntaxNode, frozen=True):
    """`function(arguments)`, or `target.function(arguments)`"""

    parts = ("target", "arguments")

    function: str
    target: SyntaxNode | None
    arguments: tuple[SyntaxNode, ...]


class Unary(SyntaxNode, frozen=True):
    """`!operand` or `-operand`"""

    parts = ("operand",)

    operator: str
    operand: SyntaxNode


class Binary(SyntaxNode, frozen=True):
    """A comparison, `in`, or arithmetic."""

    parts = ("left", "right")

    operator: str
    left: SyntaxNode
    right: SyntaxNode


class Logic(SyntaxNode, frozen=True):
    """A chain of `&&`, or of `||`."""

    parts = ("operands",)

    operator: str
    operands: tuple[SyntaxNode, ...]


class Conditional(SyntaxNode, frozen=True):
    """`condition ? yes : no`"""

    parts = ("condition", "yes", "no")

    condition: SyntaxNode
    yes: SyntaxNode
    no: SyntaxNode


class ListOf(SyntaxNode, frozen=True):
    """`[items]`"""

    parts = ("items",)

    items: tuple[SyntaxNode, ...]


class MapOf(SyntaxNode, frozen=True):
    """`{key: value, …}`"""

    entries: tuple[tuple[SyntaxNode, SyntaxNode], ...]

    @property
    def children(self) -> tuple[SyntaxNode, ...]:
        return tuple(part for entry in self.entries for part in entry)


class Macro(SyntaxNode, frozen=True):
    """`source.kind(variable, body)`; `keep` is the condition of a `map` with three arguments, and of `filter`."""

    parts = ("source", "keep", "body")

    kind: str
    source: SyntaxNode
    variable: Variable
    keep: SyntaxNode | None
    body: SyntaxNode


def count(node: SyntaxNode) -> int:
    """How many nodes a tree has."""
    return 1 + sum(count(child) for child in node.children)


def spelled(node: SyntaxNode) -> str:
    """A path as it is written, such as `nodes.triage.output`; of any other node nothing."""
    match node:
        case Name(name=name) | Variable(name=name):
            return name
        case Select():
            before = spelled(node.operand)
            return before and f"{before}.{node.field}"
        case Index(operand=operand, key=Constant(value=str() | int() as key)):
            before = spelled(operand)
            return before and f'{before}["{key}"]' if isinstance(key, str) else before and f"{before}[{key}]"
    return ""
