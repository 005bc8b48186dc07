"""Keeps what `make torture` finds: each row once all of it has been tried, so that an interruption costs no other."""

from __future__ import annotations

import json
import platform
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from runner.record.store.health import sqlite_version
from tests.torture.programme import ROWS

_PART = re.compile(r"\b(?P<row>R\d+)-\d+of\d+\b")


def part_id(row: str, part: int, parts: int) -> str:
    """What a test's id says of its row and its part: whoever hears of a test knows its row, however it ended."""
    return f"{row}-{part + 1}of{parts}"


def row_of(nodeid: str) -> str:
    """The row that a test belongs to; nothing if to none."""
    found = _PART.search(nodeid.partition("[")[2])
    return found["row"] if found else ""


@dataclass
class Found:
    """What has been found of one row so far."""

    tests: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    tried: int = 0
    seconds: float = 0.0
    broke: list[str] = field(default_factory=list)
    skipped: bool = False
    short: bool = False

    @property
    def whole(self) -> bool:
        """Whether all of it has been tried, and not only a few seeds."""
        return self.tests == self.ended and not self.skipped and not self.short

    def heed(self, report: pytest.TestReport) -> None:
        """Take in what a worker reports: of a test's set-up, of its call, and at last of its end."""
        noted = [(name, value) for name, value in report.user_properties if isinstance(value, int)]
        self.seconds += report.duration
        self.skipped |= report.skipped
        self.short |= any(name == "short" for name, _ in noted)
        if report.failed:
            seeds = [value for name, value in noted if name == "seed"]
            self.broke.append(f"seed {seeds[-1]}" if seeds else report.nodeid)
        if report.when == "teardown":
            self.ended.add(report.nodeid)
            self.tried += sum(value for name, value in noted if name == "tried")


class Keeper:
    """Counts what the workers report, and writes it down if there is a file for it.

    Of rows that were not asked for it knows nothing.
    """

    def __init__(self, results: Path | None, seed: int) -> None:
        self._results, self._seed = results, seed
        self._begun = time.monotonic()
        self.rows: defaultdict[str, Found] = defaultdict(Found)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.expect(item.nodeid for item in session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Iterable[str]) -> None:
        self.expect(ids)

    def expect(self, ids: Iterable[str]) -> None:
        """These tests are going to be reported."""
        for nodeid in ids:
            if row := row_of(nodeid):
                self.rows[row].tests.add(nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if row := row_of(report.nodeid):
            found = self.rows[row]
            found.heed(report)
            if report.when == "teardown" and found.whole:
                self._keep(row)

    def pytest_sessionfinish(self) -> None:
        for row, found in self.rows.items():
            if found.broke and not found.short:
                self._keep(row)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for line in self.summary():
            terminalreporter.write_line(line)

    def _keep(self, row: str) -> None:
        if self._results is None:
            return
        found = self.rows[row]
        result = "**broke**" if found.broke else "held"
        write_result(self._results, row, {"tried": found.tried, "seconds": round(found.seconds), "result": result})

    def summary(self) -> Iterator[str]:
        """What became of the rows, in a line for each way."""
        minutes = (time.monotonic() - self._begun) / 60
        tried = sum(found.tried for found in self.rows.values())
        yield f"crash programme from seed {self._seed}: {tried:,} trials in {minutes:.1f} min"
        ways: dict[str, list[str]] = {}
        for row in (row for row in ROWS if row in self.rows):
            ways.setdefault(_way(self.rows[row]), []).append(row)
        for way, rows in ways.items():
            yield f"  {way}: {', '.join(rows)}"
        for row, found in self.rows.items():
            yield from (f"  {row} broke at {place}{_again(row, place)}" for place in found.broke)


def _way(found: Found) -> str:
    if found.broke:
        return "broke"
    if found.tests != found.ended:
        return "not finished, and so not kept"
    if found.skipped:
        return "left out in part or whole for want of means, and so not kept"
    return "held, of a few seeds, and so not kept" if found.short else "held"


def _again(row: str, place: str) -> str:
    seed = place.removeprefix("seed ")
    return f": make torture ROWS={row} SEED={seed} SEEDS=1" if seed != place else ""


def write_result(results: Path, row: str, found: dict[str, Any]) -> None:
    """Keep what was found of a row, beside what is known of the others."""
    before = json.loads(results.read_text(encoding="utf-8"))["rows"] if results.exists() else {}
    merged = {**before, row: found}
    written = {
        "day": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "sqlite": sqlite_version(),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "rows": {row: merged[row] for row in ROWS if row in merged},
    }
    results.write_text(json.dumps(written, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
