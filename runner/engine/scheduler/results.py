"""`results`, as `complete_when` sees it: kept as branches end; put together anew each time it would be quadratic."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from runner.ground.json_value import Json
from runner.record.node_records import result
from runner.record.run_state import Step


class Results:
    """What the ended branches of one composite gave. `of` takes in those that have ended since it was last asked."""

    def __init__(self, step: Step) -> None:
        self._taken = 0
        self._kept = ByItem() if isinstance(step.branches, int) else ByName(step.branches or ())

    def of(self, step: Step) -> Json:
        """The results by now: a list in the items' order, or a map in the order of the file."""
        new = islice(reversed(step.children), len(step.children) - self._taken)
        for key in new:
            self._kept.add(key, result(step, key))
        self._taken = len(step.children)
        return self._kept.seen


class ByItem:
    """Results of a list's items."""

    def __init__(self) -> None:
        self._indices: list[int] = []
        self.seen: list[Json] = []

    def add(self, key: str, given: Json) -> None:
        """Put an ended branch in its place."""
        place = bisect(self._indices, int(key))
        self._indices.insert(place, int(key))
        self.seen.insert(place, given)


class ByName(Mapping[str, Json]):
    """Results of named branches, themselves what is seen. They are put in order when somebody goes through them."""

    def __init__(self, branches: Sequence[str]) -> None:
        self._places = {name: place for place, name in enumerate(branches)}
        self._known: dict[str, Json] = {}
        self._sorted = True
        self.seen = self

    def add(self, key: str, given: Json) -> None:
        """Take in an ended branch."""
        self._known[key] = given
        self._sorted = False

    def __getitem__(self, key: str) -> Json:
        return self._known[key]

    def __len__(self) -> int:
        return len(self._known)

    def __iter__(self) -> Iterator[str]:
        if not self._sorted:
            self._known = {name: self._known[name] for name in sorted(self._known, key=self._places.__getitem__)}
            self._sorted = True
        return iter(self._known)
