"""The syntax tree of an expression: frozen nodes, each with the place that an error about it points at."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

LogicOperator = Literal["&&", "||"]
MacroKind = Literal["all", "exists", "exists_one", "map", "filter"]


class Node(Struct, frozen=True):
    """`offset` and `width` mark the token that names the node: an operator, a field, a function, a first bracket."""

    offset: int
    width: int

    @property
    def children(self) -> tuple[Node, ...]:
        """The nodes directly under this one, in the order of the source."""
        return ()


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

    operand: Node
    field: str

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.operand,)


class Has(Node, frozen=True):
    """`has(operand.field)`"""

    operand: Node
    field: str

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.operand,)


class Index(Node, frozen=True):
    """`operand[key]`"""

    operand: Node
    key: Node

    @property
    def children(self) -> tuple[Node, ...]:
        return self.operand, self.key


class Call(Node, frozen=True):
    """`function(arguments)`, or `target.function(arguments)`"""

    function: str
    target: Node | None
    arguments: tuple[Node, ...]

    @property
    def children(self) -> tuple[Node, ...]:
        return self.arguments if self.target is None else (self.target, *self.arguments)


class Unary(Node, frozen=True):
    """`!operand` or `-operand`"""

    operator: str
    operand: Node

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.operand,)


class Binary(Node, frozen=True):
    """A comparison, `in`, or arithmetic."""

    operator: str
    left: Node
    right: Node

    @property
    def children(self) -> tuple[Node, ...]:
        return self.left, self.right


class Logic(Node, frozen=True):
    """A chain of `&&`, or of `||`."""

    operator: LogicOperator
    operands: tuple[Node, ...]

    @property
    def children(self) -> tuple[Node, ...]:
        return self.operands


class Conditional(Node, frozen=True):
    """`condition ? yes : no`"""

    condition: Node
    yes: Node
    no: Node

    @property
    def children(self) -> tuple[Node, ...]:
        return self.condition, self.yes, self.no


class ListOf(Node, frozen=True):
    """`[items]`"""

    items: tuple[Node, ...]

    @property
    def children(self) -> tuple[Node, ...]:
        return self.items


class MapOf(Node, frozen=True):
    """`{key: value, …}`"""

    entries: tuple[tuple[Node, Node], ...]

    @property
    def children(self) -> tuple[Node, ...]:
        return tuple(part for entry in self.entries for part in entry)


class Macro(Node, frozen=True):
    """`source.kind(variable, body)`; `keep` is the condition of a `map` with three arguments, and of `filter`."""

    kind: MacroKind
    source: Node
    variable: Variable
    keep: Node | None
    body: Node

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.source, self.body) if self.keep is None else (self.source, self.keep, self.body)


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
