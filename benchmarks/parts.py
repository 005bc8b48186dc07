"""A step taken apart: how long each part of it takes, in a loop that counts. `python -m benchmarks.parts`"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from time import perf_counter
from typing import Any
from unittest.mock import patch

from benchmarks import bare, flows
from runner.engine import loop, recorder
from runner.engine.scheduler import aftermath, live
from runner.record.projection import Projector
from runner.record.store.connection import Durability
from runner.record.store.session import Session
from runner.record.store.sqlite import SqliteStore

ROUNDS = 7
STEPS: dict[Durability, int] = {"normal": 2000, "full": 500}
REST = "the loop around them"

PARTS: dict[str, tuple[tuple[Any, str], ...]] = {
    "SQLite: the commit": ((Session, "execute"),),
    "the row: JSON, checksum": ((SqliteStore, "append"),),
    "snapshots and tables": (
        (SqliteStore, "save_snapshot"),
        (Projector, "take"),
        (Projector, "add"),
        (recorder, "encode_state"),
    ),
    "templates and expressions": ((aftermath, "render"), (aftermath, "route")),
    "folding the events": ((live, "apply"),),
    "deciding": ((loop, "advance"),),
}
"""Each part, and the functions that it is; what one calls of another part counts as the other's."""


class Watch:
    """Counts the seconds spent in each part."""

    def __init__(self) -> None:
        self.spent = dict.fromkeys(PARTS, 0.0)
        self._within = [0.0]

    def watched(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, its time counted."""

        def timed(*args: Any, **named: Any) -> Any:
            self._within.append(0.0)
            began = perf_counter()
            try:
                return function(*args, **named)
            finally:
                taken = perf_counter() - began
                self.spent[part] += taken - self._within.pop()
                self._within[-1] += taken

        return timed

    @contextmanager
    def on(self) -> Iterator[None]:
        """Watch, until left."""
        patches = [
            patch.object(owner, name, self.watched(part, getattr(owner, name)))
            for part, functions in PARTS.items()
            for owner, name in functions
        ]
        for one in patches:
            one.start()
        try:
            yield
        finally:
            for one in patches:
                one.stop()


def measured(durability: Durability) -> dict[str, float]:
    """Microseconds a step in each part; and those of a bare commit."""
    steps = STEPS[durability]
    rounds = [_round(durability, steps) for _ in range(ROUNDS)]
    return {part: round(median(one[part] for one in rounds) / steps * 1e6, 1) for part in rounds[0]}


def _round(durability: Durability, steps: int) -> dict[str, float]:
    watch = Watch()
    with watch.on():
        whole = flows.seconds(flows.loop(steps), durability)
    rest = whole - sum(watch.spent.values())
    return {**watch.spent, REST: rest, "a bare commit": bare.seconds(durability, steps)}


if __name__ == "__main__":
    for durability in STEPS:
        print(durability, measured(durability))
