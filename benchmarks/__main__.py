"""Measure, and print a line for each row of the targets: `python -m benchmarks [TOPIC…]`. Best on a quiet machine.

All topics together are kept for the table of the documents.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterable

from benchmarks import command, crowd, expressions, fan, growth, history, parts, startup, state, steps
from benchmarks.measuring import HEAD, Row
from benchmarks.table import keep
from runner.cli import GARBAGE

TOPICS: dict[str, Callable[[], Iterable[Row]]] = {
    "startup": startup.rows,
    "steps": steps.rows,
    "fan": fan.rows,
    "state": state.rows,
    "history": history.rows,
    "growth": growth.rows,
    "command": command.rows,
    "expressions": expressions.rows,
    "crowd": crowd.rows,
}


def main(wanted: list[str]) -> None:
    """Measure the topics that are wanted, all unless any is named."""
    unknown = [name for name in wanted if name not in TOPICS]
    if unknown:
        sys.exit(f"there is no topic '{unknown[0]}'; there are {', '.join(TOPICS)}")
    gc.set_threshold(GARBAGE, 50, 50)  # as every command of `wf` does; the peers measured here have it too
    print(HEAD)
    rows: list[Row] = []
    for name in wanted or TOPICS:
        gc.freeze()
        for row in TOPICS[name]():
            print(row, flush=True)
            rows.append(row)
    if not wanted:
        keep(rows, {durability: parts.measured(durability) for durability in parts.STEPS})


main(sys.argv[1:])
