"""How the bodies inside a node run beside each other, and how many of them must complete."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import msgspec


class Quorum(msgspec.Struct, frozen=True):
    """How many branches must complete: `needed`, or where that is None all but a number or a share that may fail."""

    needed: int | None = None
    tolerate: int | Fraction = 0

    @property
    def is_strict(self) -> bool:
        """Whether every branch must complete."""
        return self.needed is None and not self.tolerate

    def tolerated(self, total: int) -> int:
        """How many of so many branches may fail."""
        return int(self.tolerate * total if isinstance(self.tolerate, Fraction) else self.tolerate)


class Branching(msgspec.Struct, frozen=True):
    """How the bodies inside a node run beside each other: each as a branch, or one of them for every item of a list.

    `after` says for each branch, in the order in which branches are merged, which others it comes after. `items` is the
    key of the body that is run for every item, `sequential` whether one item comes after the other. `joined` is whether
    what the branches write is merged; else they are strays. `total` is the number of branches, where it is known,
    `at_once` how many of them may be open together. `guarded` are those with an `if` of their own. `quorum` is None
    where any branch may be needless.
    """

    after: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    items: str = ""
    sequential: bool = False
    joined: bool = True
    total: int | None = None
    at_once: int | None = None
    guarded: frozenset[str] = frozenset()
    quorum: Quorum | None = Quorum()
