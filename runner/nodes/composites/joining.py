"""When branches join: the rules that `parallel` and `for_each` share."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice
from typing import Literal

import msgspec

from runner.ground.errors import Failure
from runner.language.expression import Expression
from runner.nodes.contract import Done, Ended, Failed, View
from runner.workflow.branching import Quorum
from runner.workflow.compiler import NodeReader

Join = Literal["all", "any", "none"] | int


class Joining(msgspec.Struct, frozen=True):
    """`join`, `tolerate` (a count, or a share of the branches), `complete_when`, `cancel_rest`, `max_concurrency`."""

    join: Join
    tolerate: int | Fraction
    complete_when: Expression | None
    cancel_rest: bool
    max_concurrency: int | None

    @property
    def quorum(self) -> Quorum | None:
        """How many branches must complete, as far as that is certain before the first has ended."""
        is_certain = self.join != "none" and self.complete_when is None
        return Quorum(self.needed, self.tolerate) if is_certain else None

    @property
    def needed(self) -> int | None:
        """How many branches must complete; None when the join is not a count."""
        if isinstance(self.join, int):
            return self.join
        return 1 if self.join == "any" else None

    def tolerated(self, total: int) -> int | Fraction:
        """How many branches may fail."""
        return self.tolerate if isinstance(self.tolerate, int) else self.tolerate * total


def build_joining(reader: NodeReader, total: int | None) -> Joining:
    """Read the keys that `parallel` and `for_each` share. `total` is the number of branches, if it is known."""
    join, tolerate = reader.get("join", default="all"), reader.get("tolerate", default=0)
    if total is not None and isinstance(join, int) and join > total:
        reader.error(f"join waits for {join} branches, and there are {total}", "join", rule="join")
    return Joining(
        join,
        Fraction(tolerate.rstrip("%")) / 100 if isinstance(tolerate, str) else tolerate,
        reader.expression("complete_when", extra=("results",), role="complete_when"),
        reader.get("cancel_rest", default=True),
        reader.get("max_concurrency"),
    )


def joined(joining: Joining, view: View, total: int, ended: Ended | None) -> Literal["met", "open"] | Failed:
    """Whether the join is met, still open, or can't come any more. `ended` is the branch that ended just now."""
    if joining.join == "none":
        return "met"
    if (
        ended is not None
        and joining.complete_when is not None
        and view.holds(joining.complete_when, results=view.results())
    ):
        return "met"
    tally, needed = view.tally, joining.needed
    if needed is not None:
        return _counted(view, total, needed)
    if tally.get("failed", 0) > joining.tolerated(total):
        return _failure_of(view, "too many branches failed", handled=False)
    return "met" if sum(tally.values()) >= total else "open"


def _counted(view: View, total: int, needed: int) -> Literal["met", "open"] | Failed:
    completed = view.tally.get("completed", 0)
    if completed >= needed:
        return "met"
    possible = completed + total - sum(view.tally.values())
    if possible >= needed:
        return "open"
    return _failure_of(view, f"{needed} of {total} branches were to complete; at most {possible} can", handled=True)


def _failure_of(view: View, words: str, *, handled: bool) -> Failed:
    """The node's error is that of the branch that decided: the last that failed. Where none did, the words.

    `handled`: a failure that was handled may have decided too.
    """
    failed = (child for child in view.children.values() if handled or not child.handled)
    errors = [child.error for child in failed if child.error is not None]
    if not errors:
        return Failed(Failure("workflow_failed", words))
    error = errors[-1]
    return Failed(Failure(error["type"], error["message"], error["details"]), error=error)


def all_begun(view: View, total: int) -> bool:
    """Whether no branch is left to open."""
    return len(view.children) + len(view.open) == total


def counting(joining: Joining, view: View) -> frozenset[str]:
    """The branches that count: of a join by number the first so many that completed, else all but the unhandled."""
    if joining.needed is None:
        return frozenset(key for key, child in view.children.items() if child.counts)
    completed = (key for key, child in view.children.items() if child.status == "completed")
    return frozenset(islice(completed, joining.needed))


def finished(joining: Joining, view: View, output: object, order: tuple[str, ...]) -> Done:
    """The composite's end: the contributions of exactly the branches that count, in `order`."""
    ended = counting(joining, view)
    merge = tuple(key for key in order if key in ended)
    return Done(output, merge, leave=bool(view.open) and not joining.cancel_rest)
