"""A parsed tree made ready: macros expanded, names and functions checked, references collected, constants folded."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import takewhile
from typing import Any

from msgspec.structs import replace

from runner.ground.errors import ExpressionError
from runner.language.expression.evaluation import EvaluationScope, Fault
from runner.language.expression.evaluator import closure
from runner.language.expression.functions import MACRO_FORMS, check_pattern, function_of, misuse
from runner.language.expression.mistakes import RESERVED_WORDS, reserved
from runner.language.expression.parser import fitting
from runner.language.expression.tree import (
    Binary,
    Constant,
    FunctionCall,
    Has,
    Index,
    Macro,
    MapOf,
    Name,
    Select,
    SyntaxNode,
    Unary,
    Variable,
)
from runner.language.expression.values import SCALARS, TYPE_NAMES
from runner.language.reference import Reference

MAX_DEPTH = 128
"""Levels of operators, calls, lists and maps within one another; parentheses and chains of `&&` or `||` are none."""

Variables = Mapping[str, int]
"""The variables of the macros around a node, each with its slot."""

Step = Select | Index

_MACROS = {**dict.fromkeys(("all", "exists", "exists_one", "filter"), (2,)), "map": (2, 3)}
"""The macros over lists, each with the numbers of arguments that it takes."""

_FOLDED = (Binary, FunctionCall, Unary)

_OTHER_CONSTANTS = {
    **dict.fromkeys(("None", "nil", "NULL", "Null", "undefined", "nullptr"), "null"),
    **dict.fromkeys(("True", "TRUE"), "true"),
    **dict.fromkeys(("False", "FALSE"), "false"),
}
"""Words of other languages that nobody means as names."""


_ANSWERS = {**dict.fromkeys(("yes", "Yes", "YES"), "true"), **dict.fromkeys(("no", "No", "NO"), "false")}
"""Words that are texts to YAML, and mostly a person's answer."""


class Resolver:
    """Resolves one expression. `names` are the dotted names of the scope, looked up in `container` first."""

    def __init__(self, container: str, names: Collection[str], *, macros: bool, check: bool) -> None:
        self.container = container
        self.names = names
        self.macros = macros
        self.check = check
        self.references: list[Reference] = []
        self.faults: list[ExpressionError] = []
        self.slots = 0

    def resolve(self, node: SyntaxNode, variables: Variables, depth: int = 0) -> SyntaxNode:
        """The tree with its names resolved. Raises ExpressionError."""
        self._check_depth(node, depth)
        return folded(_RESOLVERS.get(type(node), Resolver.inner)(self, node, variables, depth + 1), self.faults)

    def _check_depth(self, node: SyntaxNode, depth: int) -> None:
        if depth > MAX_DEPTH:
            message = f"the expression is nested too deeply: {MAX_DEPTH} levels are the most"
            raise ExpressionError(message, node.offset, "calculate a part of it in a node before", node.width)

    def inner(self, node: SyntaxNode, variables: Variables, depth: int) -> SyntaxNode:
        """A node of which only its parts have names to resolve."""
        resolved: dict[str, Any] = {}
        for field in node.parts:
            part = getattr(node, field)
            if type(part) is tuple:
                resolved[field] = tuple([self.resolve(inner, variables, depth) for inner in part])
            elif part is not None:
                resolved[field] = self.resolve(part, variables, depth)
        return replace(node, **resolved)

    def map_of(self, node: MapOf, variables: Variables, depth: int) -> SyntaxNode:
        keys = [self.resolve(key, variables, depth) for key, _ in node.entries]
        values = [self.resolve(value, variables, depth) for _, value in node.entries]
        return replace(node, entries=tuple(zip(keys, values, strict=True)))

    def constant(self, node: Constant, _variables: Variables, _depth: int) -> SyntaxNode:
        return fitting(node)

    def path(self, node: Name | Step, variables: Variables, depth: int, *, guarded: bool = False) -> SyntaxNode:
        """A name and the constant steps after it."""
        root, steps = _unwound(node)
        self._check_depth(node, depth + len(steps))
        if not isinstance(root, Name):
            made = self.resolve(root, variables, depth)
        elif root.name in variables and not root.rooted:
            made = Variable(root.offset, root.width, root.name, variables[root.name])
        else:
            made, steps = self._free(root, steps, guarded=guarded)
        for step in steps:
            made = replace(step, operand=made)
        return made

    def _free(self, root: Name, steps: list[Step], *, guarded: bool) -> tuple[SyntaxNode, list[Step]]:
        """A name of the scope, and the steps that are not part of it."""
        self._check_name(root)
        found, rest = self._qualified(root, steps)
        is_type = isinstance(found, Constant) or (root.name in TYPE_NAMES and not steps)
        if not is_type:
            path = (root.name, *(_key(step) for step in steps))
            self.references.append(Reference(path, root.offset, guarded))
        return found, rest

    def _check_name(self, root: Name) -> None:
        if root.name in RESERVED_WORDS:
            raise reserved(root.name, root.offset)
        if self.check and root.name in _ANSWERS:
            hint = f'write "{root.name}" in quotes for a text, or {_ANSWERS[root.name]} for the truth value'
            raise ExpressionError(f"'{root.name}' is not a word of CEL", root.offset, hint, root.width)
        if self.check and root.name in _OTHER_CONSTANTS:
            word = _OTHER_CONSTANTS[root.name]
            message = f"'{root.name}' is not a word of CEL"
            raise ExpressionError(message, root.offset, f"write {word} for '{root.name}'", root.width)

    def _qualified(self, root: Name, steps: list[Step]) -> tuple[SyntaxNode, list[Step]]:
        """The longest dotted name that is declared, in the innermost container."""
        fields = [_key(step) for step in takewhile(lambda step: isinstance(step, Select), steps)]
        for length in range(len(fields), -1, -1):
            dotted = ".".join([root.name, *fields[:length]])
            for name in self._candidates(dotted, rooted=root.rooted):
                if name in self.names:
                    return replace(root, name=name), steps[length:]
                if name in TYPE_NAMES and name != root.name:
                    return Constant(root.offset, root.width, TYPE_NAMES[name]), steps[length:]
        return root, steps

    def _candidates(self, dotted: str, *, rooted: bool) -> Iterator[str]:
        parts = self.container.split(".") if self.container and not rooted else []
        for length in range(len(parts), -1, -1):
            yield ".".join([*parts[:length], dotted])

    def index(self, node: Index, variables: Variables, depth: int) -> SyntaxNode:
        if _is_step(node):
            return self.path(node, variables, depth)
        return self.inner(node, variables, depth)

    def call(self, node: FunctionCall, variables: Variables, depth: int) -> SyntaxNode:
        if self.macros and node.function == "has" and node.target is None and len(node.arguments) == 1:
            return self._has(node, variables, depth)
        if self.macros and node.target is not None and len(node.arguments) in _MACROS.get(node.function, ()):
            return self._macro(node, node.target, variables, depth)
        if self.check and function_of(node) is None:
            raise misuse(node).error()
        return self.inner(node, variables, depth)

    def _has(self, node: FunctionCall, variables: Variables, depth: int) -> SyntaxNode:
        asked = node.arguments[0]
        if isinstance(asked, Select):
            made = self.path(asked, variables, depth, guarded=True)
            if isinstance(made, Select):
                return Has(made.offset, made.width, made.operand, made.field)
        message = "has() asks for a field, and this is none"
        raise ExpressionError(message, asked.offset, f"{MACRO_FORMS['has']}; key in x asks too", asked.width)

    def _macro(self, node: FunctionCall, target: SyntaxNode, variables: Variables, depth: int) -> SyntaxNode:
        variable = self._variable(node, variables)
        inside = {**variables, variable.name: variable.slot}
        self.slots = max(self.slots, variable.slot + 1)
        source = self.resolve(target, variables, depth)
        *keep, body = [self.resolve(part, inside, depth) for part in node.arguments[1:]]
        if node.function == "filter":
            keep, body = [body], variable
        return Macro(node.offset, node.width, node.function, source, variable, keep[0] if keep else None, body)

    def _variable(self, node: FunctionCall, variables: Variables) -> Variable:
        name = node.arguments[0]
        if not isinstance(name, Name) or name.rooted:
            message = f"the first argument of {node.function}() is a name for the element"
            raise ExpressionError(message, name.offset, MACRO_FORMS[node.function], name.width)
        self._check_name(name)
        return Variable(name.offset, name.width, name.name, max(variables.values(), default=-1) + 1)


def folded(node: SyntaxNode, faults: list[ExpressionError]) -> SyntaxNode:
    """The node, or what it always comes to; what it always fails with joins the faults, and is raised only when met."""
    if not isinstance(node, _FOLDED):
        return node
    try:
        _check_pattern(node)
        if not all(isinstance(part, Constant) for part in node.children):
            return node
        value = closure(node)(EvaluationScope({}))
    except Fault as fault:
        faults.append(fault.at(node).error())
        return node
    return Constant(node.offset, node.width, value) if type(value) in SCALARS else node


def _check_pattern(node: SyntaxNode) -> None:
    if isinstance(node, FunctionCall) and node.function == "matches" and node.arguments:
        pattern = node.arguments[-1]
        if isinstance(pattern, Constant) and type(pattern.value) is str:
            check_pattern(pattern.value)


def _unwound(node: SyntaxNode) -> tuple[SyntaxNode, list[Step]]:
    """Where a path starts, and its constant steps, first to last."""
    steps: list[Step] = []
    while _is_step(node):
        steps.append(node)  # type: ignore[arg-type]
        node = node.operand  # type: ignore[attr-defined]
    return node, steps[::-1]


def _is_step(node: SyntaxNode) -> bool:
    return isinstance(node, Select) or (
        isinstance(node, Index) and isinstance(node.key, Constant) and type(node.key.value) is str
    )


def _key(step: Step) -> str:
    return step.field if isinstance(step, Select) else step.key.value  # type: ignore[attr-defined]


_RESOLVERS: Mapping[type[SyntaxNode], Callable[[Resolver, Any, Variables, int], SyntaxNode]] = {
    Constant: Resolver.constant,
    Name: Resolver.path,
    Select: Resolver.path,
    Index: Resolver.index,
    FunctionCall: Resolver.call,
    MapOf: Resolver.map_of,
}
