"""The syntax tree of an expression: frozen nodes, each with the place that an error about it points at."""

from __future__ import annotations

from typing import Any, ClassVar

from msgspec import Struct


class Node(Struct, frozen=True):
    """`offset` and `width` mark the token that names the node: an operator, a field, a function, a first bracket.

    `parts` are the fields that hold a node, several nodes, or None.
    """

    parts: ClassVar[tuple[str, ...]] = ()

    offset: int
    width: int

    @property
    def children(self) -> tuple[Node, ...]:
        """The nodes directly under this one, in the order of the source."""
        found: list[Node] = []
        for field in self.parts:
            part = getattr(self, field)
            if type(part) is tuple:
                found += part
            elif part is not None:
                found.append(part)
        return tuple(found)


class Constant(Node, frozen=True):
    """A literal, or what a constant part came to."""

    value: Any


class Name(Node, frozen=True):
    """A name of the scope. `rooted` is `.name`: no container and no variable of a macro comes before it."""

    name: str
    rooted: bool = False


class Variable(Node, frozen=True):
    """The variable of a macro, kept in a slot by depth."""

    name: str
    slot: int


class Select(Node, frozen=True):
    """`operand.field`"""

    parts = ("operand",)

    operand: Node
    field: str


class Has(Node, frozen=True):
    """`has(operand.field)`"""

    parts = ("operand",)

    operand: Node
    field: str


class Index(Node, frozen=True):
    """`operand[key]`"""

    parts = ("operand", "key")

    operand: Node
    key: Node


class Call(Node, frozen=True):
    """`function(arguments)`, or `target.function(arguments)`"""

    parts = ("target", "arguments")

    function: str
    target: Node | None
    arguments: tuple[Node, ...]


class Unary(Node, frozen=True):
    """`!operand` or `-operand`"""

    parts = ("operand",)

    operator: str
    operand: Node


class Binary(Node, frozen=True):
    """A comparison, `in`, or arithmetic."""

    parts = ("left", "right")

    operator: str
    left: Node
    right: Node


class Logic(Node, frozen=True):
    """A chain of `&&`, or of `||`."""

    parts = ("operands",)

    operator: str
    operands: tuple[Node, ...]


class Conditional(Node, frozen=True):
    """`condition ? yes : no`"""

    parts = ("condition", "yes", "no")

    condition: Node
    yes: Node
    no: Node


class ListOf(Node, frozen=True):
    """`[items]`"""

    parts = ("items",)

    items: tuple[Node, ...]


class MapOf(Node, frozen=True):
    """`{key: value, …}`"""

    entries: tuple[tuple[Node, Node], ...]

    @property
    def children(self) -> tuple[Node, ...]:
        return tuple(part for entry in self.entries for part in entry)


class Macro(Node, frozen=True):
    """`source.kind(variable, body)`; `keep` is the condition of a `map` with three arguments, and of `filter`."""

    parts = ("source", "keep", "body")

    kind: str
    source: Node
    variable: Variable
    keep: Node | None
    body: Node


def count(node: Node) -> int:
    """How many nodes a tree has."""
    return 1 + sum(count(child) for child in node.children)


def spelled(node: Node) -> str:
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
