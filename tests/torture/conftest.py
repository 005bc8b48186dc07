"""How much of the crash programme is tried: a sample in `make test`, all in `make torture`, which keeps a record."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from tests.torture.keeping import Keeper, part_id, row_of
from tests.torture.programme import RESULTS, ROWS

Thing = TypeVar("Thing")
Note = Callable[[str, object], None]

MEMORY = Path("/dev/shm")  # noqa: S108 - what is made there is made by tempfile


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "row(name, parts=1, lasts=False): the row of the crash programme that this tries; in how many parts a full run "
        "does; whether it can go on with ever new seeds",
    )
    if config.getoption("--torture") and not hasattr(config, "workerinput"):
        results = RESULTS if config.getoption("--keep") else None
        config.pluginmanager.register(Keeper(results, config.getoption("--seed")), "crash programme")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Cut a long trial into parts, so that the workers share it."""
    marker = metafunc.definition.get_closest_marker("row")
    if marker is None:
        return
    parts = parts_of(marker, metafunc.config)
    ids = [part_id(marker.args[0], part, parts) for part in range(parts)]
    metafunc.parametrize("share", [(part, parts) for part in range(parts)], ids=ids, indirect=True)


def parts_of(marker: pytest.Mark, config: pytest.Config) -> int:
    """What goes on for hours is cut so that every worker has a part, at the same time."""
    if not config.getoption("--torture"):
        return 1
    if config.getoption("--hours") and marker.kwargs.get("lasts"):
        return int(getattr(config, "workerinput", {}).get("workercount", 1))
    return int(marker.kwargs.get("parts", 1))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the rows that were not asked for."""
    asked = config.getoption("--torture")
    if not asked or asked == "all":
        return
    rows = asked.replace(",", " ").split()
    if unknown := sorted(set(rows) - set(ROWS)):
        raise pytest.UsageError(f"the crash programme has no row {', '.join(unknown)}")
    kept = [item for item in items if row_of(item.nodeid) in rows]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks of a test: where seeds begin, how many, or for how many seconds if it can go on."""

    whole: bool
    seed: int = 0
    seeds: int = 0
    seconds: float = 0.0
    clock: Callable[[], float] = time.monotonic


class Share:
    """What a test tries of all that its row could: everything under `make torture`, else a few, evenly spread."""

    def __init__(self, part: int, parts: int, note: Note, asked: Asked) -> None:
        self._part, self._parts, self._note, self._asked = part, parts, note, asked
        self.seed = asked.seed
        self.whole = asked.whole

    def of(self, points: Sequence[Thing], sample: int) -> Iterator[Thing]:
        """The points that are this test's, one after another."""
        chosen = points if self.whole else spread(points, sample)
        for point in chosen[self._part :: self._parts]:
            self.tried()
            yield point

    def seeds(self, whole: int, sample: int) -> Iterator[int]:
        """The seeds that are this test's, from the one that was asked for on: so many, or for so long, if asked for."""
        for seed in self._seeds(whole if self.whole else sample):
            self._note("seed", seed)
            self.tried()
            yield seed

    def _seeds(self, usual: int) -> Iterator[int]:
        asked = self._asked
        start = self.seed + self._part
        if asked.seconds:
            yield from self._for_so_long(start, usual)
            return
        if asked.seeds:
            self._note("short", asked.seeds)
        yield from range(start, self.seed + (asked.seeds or usual), self._parts)

    def _for_so_long(self, start: int, usual: int) -> Iterator[int]:
        until = self._asked.clock() + self._asked.seconds
        number = 0
        while self._asked.clock() < until:
            yield start + number * self._parts
            number += 1
        if number * self._parts < usual:
            self._note("short", number)

    def tried(self, times: int = 1) -> None:
        """Count trials; fewer than none are taken back."""
        self._note("tried", times)


def spread(points: Sequence[Thing], most: int) -> Sequence[Thing]:
    """At most so many, at even distances."""
    if len(points) <= most:
        return points
    return [points[(2 * number + 1) * len(points) // (2 * most)] for number in range(most)]


@pytest.fixture
def share(request: pytest.FixtureRequest, pytestconfig: pytest.Config, record_property: Note) -> Share:
    """This test's share of its row."""
    part, parts = request.param
    whole, seed, seeds, hours = map(pytestconfig.getoption, ("--torture", "--seed", "--seeds", "--hours"))
    lasts = request.node.get_closest_marker("row").kwargs.get("lasts")
    return Share(part, parts, record_property, Asked(bool(whole), seed, seeds, hours * 3600 if lasts else 0.0))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: syncing costs nothing there, and which calls are made is the same."""
    if not MEMORY.is_dir() or not os.access(MEMORY, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=MEMORY, prefix="torture-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)
