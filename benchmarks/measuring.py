"""Measuring: every way once a round, in turn, and ratios that are the medians of the rounds' own ratios."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from statistics import median
from time import perf_counter

Way = Callable[[], float]
"""Does the work once; what it cost, in seconds (or whatever is compared)."""

Costs = Mapping[str, list[float]]
"""What each way cost, by round."""


@dataclass(frozen=True)
class Target:
    """What a ratio has to be: at least `least`, or at most `most`."""

    least: float | None = None
    most: float | None = None

    def met(self, ratio: float) -> bool:
        return (self.least is None or ratio >= self.least) and (self.most is None or ratio <= self.most)

    def __str__(self) -> str:
        return f"≥ {self.least:g}" if self.least is not None else f"≤ {self.most:g}" if self.most is not None else "–"


@dataclass(frozen=True)
class Row:
    """One line of the table: what was measured, ours, the peer's, and how they compare."""

    what: str
    ours: str
    peer: str
    ratio: float
    target: Target

    @property
    def verdict(self) -> str:
        """Whether the target is met, if there is one."""
        return "" if self.target == Target() else "met" if self.target.met(self.ratio) else "NOT MET"

    def __str__(self) -> str:
        return f"{self.what:58} {self.ours:>12} {self.peer:>26} {self.ratio:8.2f} {self.target!s:>8}  {self.verdict}"


HEAD = f"{'what':58} {'ours':>12} {'the peer':>26} {'ratio':>8} {'target':>8}"


def interleave(ways: Mapping[str, Way], rounds: int) -> Costs:
    """Run every way once a round, in turn."""
    costs: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            gc.collect()
            costs[name].append(way())
    return costs


def speed_ratio(costs: Costs, ours: str, peer: str) -> float:
    """How many times as fast as the peer we are."""
    return median(theirs / own for own, theirs in zip(costs[ours], costs[peer], strict=True))


def cost_ratio(costs: Costs, ours: str, peer: str) -> float:
    """How many times what the peer costs we cost."""
    return median(own / theirs for own, theirs in zip(costs[ours], costs[peer], strict=True))


def per_second(costs: list[float]) -> str:
    return f"{1 / median(costs):,.0f}/s"


def milliseconds(costs: list[float]) -> str:
    return f"{median(costs) * 1e3:,.2f} ms"


@contextmanager
def stopwatch() -> Iterator[Callable[[], float]]:
    """`with stopwatch() as taken: …`, then `taken()` is the seconds that the block took."""
    began = perf_counter()
    ended: list[float] = []
    yield lambda: ended[0] - began
    ended.append(perf_counter())


def is_installed(module: str) -> bool:
    """Whether a peer is there; if not, that is said, and its rows are left out."""
    if find_spec(module) is None:
        print(f"  {module} is not installed: the rows beside it are left out")
        return False
    return True
