"""What the last whole run measured, kept, and as the table of the documents."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.measuring import Row, Target
from runner.record.store.health import sqlite_version

RESULTS = Path(__file__).with_name("results.json")


def keep(rows: Sequence[Row], parts: Mapping[str, Mapping[str, float]]) -> None:
    """Write down what was measured, where, and when; `parts` are those of a step, by durability, in microseconds."""
    found = {
        "day": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "sqlite": sqlite_version(),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}, {os.cpu_count()} cores",
        "rows": [asdict(row) for row in rows],
        "parts": parts,
    }
    RESULTS.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def table() -> str:
    """The rows as a Markdown table, and in what surroundings they were measured."""
    return "\n".join(_lines(json.loads(RESULTS.read_text(encoding="utf-8"))))


def _lines(found: dict[str, Any]) -> Iterator[str]:
    yield "| what | `wf` | beside | ratio | target | |"
    yield "|---|---|---|---|---|---|"
    for kept in found["rows"]:
        target = Target(**kept["target"])
        row = Row(kept["what"], kept["ours"], kept["peer"], kept["ratio"], target)
        yield f"| {row.what} | {row.ours} | {row.peer or '–'} | {row.ratio:.2f} | {row.target} | {row.verdict} |"
    yield ""
    yield (
        f"Measured on {found['day']}, every row in one run, medians: "
        f"Python {found['python']}, SQLite {found['sqlite']}, {found['system']}."
    )


def parts() -> str:
    """The parts of a step as a Markdown table, in microseconds and as a share."""
    return "\n".join(_parts(json.loads(RESULTS.read_text(encoding="utf-8"))["parts"]))


def _parts(found: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    yield f"| part of a step | {' | '.join(f'`{durability}`, microseconds' for durability in found)} |"
    yield f"|---|{'---:|' * len(found)}"
    for part in next(iter(found.values())):
        yield f"| {part} | {' | '.join(f'{times[part]:.0f}' for times in found.values())} |"
