"""One evaluation: what it sees, what it may spend, and what goes wrong in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, ClassVar

from msgspec import Struct

from runner.ground.errors import ExpressionError, SecretInExpression, did_you_mean
from runner.language.expression.tree import SyntaxNode

MAX_STEPS = 1_000_000
"""Steps of one evaluation: well under a second. A turn of a macro costs a step for each node that the macro has."""

COMPARED_A_STEP = 2
"""Elements of lists and entries of maps that are compared for one step."""

COPIED_A_STEP = 16
"""Characters and elements that are copied for one step."""

FAULT_STEPS = 8
"""Steps that it costs to absorb an error."""

_SEARCHED = 200
"""How many known names are searched for a near one."""

_LISTED = 8
"""How many are listed when none is near."""


class Fault(Exception):
    """An error without its place; `word` is what was not found among `known`.

    It is cheap to raise, since `&&` may absorb it: words are made only if it is shown.
    """

    kind: ClassVar[type[ExpressionError]] = ExpressionError

    def __init__(self, message: str, hint: str = "", word: str = "", known: Iterable[Any] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.word = word
        self.known = known
        self.node: SyntaxNode | None = None

    def at(self, node: SyntaxNode) -> Fault:
        """The fault, placed at a node unless it has a place."""
        self.node = self.node or node
        return self

    def error(self) -> ExpressionError:
        known = [name for name in islice(self.known, _SEARCHED) if isinstance(name, str)]
        near = did_you_mean(self.word, known)
        hint = self.hint or ("" if near or not known else f"there are: {', '.join(known[:_LISTED])}")
        offset, width = (self.node.offset, self.node.width) if self.node else (0, 1)
        return self.kind(self.message + near, offset, hint, width)


class SecretFault(Fault):
    """A secret would be cut, changed, measured or compared."""

    kind = SecretInExpression


class Exhausted(Fault):
    """The evaluation took all its steps; nothing absorbs that."""


class EvaluationScope(Struct):
    """Made for each evaluation: a struct, because that takes a fifth of the time of a class."""

    names: Mapping[str, Any]
    variables: list[Any] = []
    left: int = MAX_STEPS

    def spend(self, steps: int) -> None:
        """Take so many of the steps that are left."""
        self.left -= steps
        if self.left < 0:
            raise Exhausted(
                f"the expression takes more than {MAX_STEPS} steps",
                "filter the data in a node first, or use less of it",
            )
