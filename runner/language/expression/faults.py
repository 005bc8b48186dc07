"""What goes wrong in an evaluation: cheap to raise, since `&&` may absorb it; words are made only if it's shown."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from runner.ground.errors import ExpressionError, did_you_mean
from runner.language.expression.tree import Node

_SEARCHED = 200
"""How many known names are searched for a near one."""

_LISTED = 8
"""How many are listed when none is near."""


class Fault(Exception):
    """An error without its place; `word` is what was not found among `known`."""

    def __init__(self, message: str, hint: str = "", word: str = "", known: Iterable[Any] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.word = word
        self.known = known
        self.node: Node | None = None

    def at(self, node: Node) -> Fault:
        """The fault, placed at a node unless it has a place."""
        self.node = self.node or node
        return self

    def error(self) -> ExpressionError:
        known = [name for name in islice(self.known, _SEARCHED) if isinstance(name, str)]
        near = did_you_mean(self.word, known)
        hint = self.hint or ("" if near or not known else f"there are: {', '.join(known[:_LISTED])}")
        offset, width = (self.node.offset, self.node.width) if self.node else (0, 1)
        return ExpressionError(self.message + near, offset, hint, width)


class Exhausted(Fault):
    """The evaluation took all its steps; nothing absorbs that."""
