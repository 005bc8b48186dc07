"""What one evaluation sees and spends: names, the variables of macros, and steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from runner.language.expression.faults import Exhausted

MAX_STEPS = 1_000_000
"""Steps of one evaluation: well under a second. A turn of a macro costs a step for each node that the macro has."""

COMPARED_A_STEP = 2
"""Elements of lists and entries of maps that are compared for one step."""

COPIED_A_STEP = 16
"""Characters and elements that are copied for one step."""

FAULT_STEPS = 8
"""Steps that it costs to absorb an error."""


class Scope(Struct):
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
