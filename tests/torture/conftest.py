"""How much of the crash programme is tried: a sample in `make test`, all in `make torture`, which keeps a record."""

from __future__ import annotations

import json
import os
import platform
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest

from runner.store.health import sqlite_version
from tests.torture.programme import RESULTS, ROWS

Thing = TypeVar("Thing")
Note = Callable[[str, object], None]

MEMORY = Path("/dev/shm")  # noqa: S108 - what is made there is made by tempfile


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "row(name, parts=1): the row of the crash programme that this tries, in how many parts a full run"
    )
    if config.getoption("--torture") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Keeper(), "crash programme")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Cut a long trial into parts, so that the workers share it."""
    marker = metafunc.definition.get_closest_marker("row")
    if marker is None or "share" not in metafunc.fixturenames:
        return
    parts = marker.kwargs.get("parts", 1) if metafunc.config.getoption("--torture") else 1
    ids = [f"{part + 1}of{parts}" for part in range(parts)]
    metafunc.parametrize("share", [(part, parts) for part in range(parts)], ids=ids, indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the rows that were not asked for."""
    asked = config.getoption("--torture")
    if not asked or asked == "all":
        return
    rows = asked.replace(",", " ").split()
    if unknown := sorted(set(rows) - set(ROWS)):
        raise pytest.UsageError(f"the crash programme has no row {', '.join(unknown)}")
    kept = [item for item in items if row_of(item) in rows]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def row_of(item: pytest.Item) -> str:
    marker = item.get_closest_marker("row")
    return str(marker.args[0]) if marker else ""


class Share:
    """What a test tries of all that its row could: everything under `make torture`, else a few, evenly spread."""

    def __init__(self, part: int, parts: int, seed: int, note: Note, *, whole: bool) -> None:
        self._part, self._parts, self._note = part, parts, note
        self.seed = seed
        self.whole = whole

    def of(self, points: Sequence[Thing], sample: int) -> Iterator[Thing]:
        """The points that are this test's, one after another."""
        chosen = points if self.whole else spread(points, sample)
        for point in chosen[self._part :: self._parts]:
            self.tried()
            yield point

    def seeds(self, whole: int, sample: int) -> Iterator[int]:
        """The seeds that are this test's, from the one that was asked for on."""
        return self.of(range(self.seed, self.seed + (whole if self.whole else sample)), sample)

    def tried(self, times: int = 1) -> None:
        """Count trials."""
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
    return Share(
        part,
        parts,
        pytestconfig.getoption("--seed"),
        record_property,
        whole=bool(pytestconfig.getoption("--torture")),
    )


@pytest.fixture(autouse=True)
def row(request: pytest.FixtureRequest, record_property: Note) -> str:
    """The row that a test belongs to; every report says it."""
    name = row_of(request.node)
    record_property("row", name)
    return name


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: syncing costs nothing there, and which calls are made is the same."""
    if not MEMORY.is_dir() or not os.access(MEMORY, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=MEMORY, prefix="torture-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


class Keeper:
    """Counts what the workers report, and writes it down in the end. Of what was left out it knows nothing."""

    def __init__(self) -> None:
        self.tried: dict[str, int] = {}
        self.results: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        row = str(dict(report.user_properties).get("row", ""))
        if not row:
            return
        if report.when == "teardown":
            counts = (value for name, value in report.user_properties if name == "tried" and isinstance(value, int))
            self.tried[row] = self.tried.get(row, 0) + sum(counts)
        if report.failed:
            self.results[row] = "**broke**"
        elif report.passed and report.when == "call":
            self.results.setdefault(row, "held")

    def pytest_sessionfinish(self) -> None:
        if self.results:
            write_results({row: {"tried": self.tried.get(row, 0), "result": self.results[row]} for row in self.results})


def write_results(rows: dict[str, dict[str, Any]]) -> None:
    """Keep what was found, beside what is known of the rows that were not tried now."""
    before = json.loads(RESULTS.read_text(encoding="utf-8"))["rows"] if RESULTS.exists() else {}
    merged = {**before, **rows}
    found = {
        "day": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "sqlite": sqlite_version(),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "rows": {row: merged[row] for row in ROWS if row in merged},
    }
    RESULTS.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
