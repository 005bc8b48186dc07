"""A name that an expression or a template reads, with the constant steps after it."""

from __future__ import annotations

import msgspec


class Reference(msgspec.Struct, frozen=True):
    """`nodes.triage.output` is the path `("nodes", "triage", "output")`; a computed index ends a path.

    `offset` is that of the root within the source text. `guarded` says that `has()` asks for the last step.
    """

    path: tuple[str, ...]
    offset: int = 0
    guarded: bool = False

    def __str__(self) -> str:
        return ".".join(self.path)
