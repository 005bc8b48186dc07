"""What a step costs when the state is large and little of it changes: time, and bytes of rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks import flows
from benchmarks.measuring import Row, Target, Way, cost_ratio, interleave, milliseconds
from runner.record.store.driver import sqlite3

ROUNDS = 7
MEGABYTE = 1_000_000
FEW, MANY = 100, 2100


def rows() -> Iterator[Row]:
    """The cost of a step is the difference between a long run and a short one, so that filling the state is none."""
    ways: dict[str, Way] = {"1 MB": lambda: _per_step(MEGABYTE), "empty": lambda: _per_step(0)}
    costs = interleave(ways, ROUNDS)
    ratio, peer = cost_ratio(costs, "1 MB", "empty"), f"empty state {milliseconds(costs['empty'])}"
    yield Row("a step with 1 MB in the state, normal", milliseconds(costs["1 MB"]), peer, ratio, Target(most=1.2))
    size = (_bytes_of_rows(MANY) - _bytes_of_rows(FEW)) / (MANY - FEW)
    yield Row("its rows, in kB", f"{size:,.0f} B", "", size / 1000, Target(most=1))


def _per_step(big: int) -> float:
    few, many = (median(flows.seconds(flows.loop(steps, big), "normal") for _ in range(3)) for steps in (FEW, MANY))
    return (many - few) / (MANY - FEW)


def _bytes_of_rows(steps: int) -> int:
    with TemporaryDirectory() as folder:
        flows.seconds(flows.loop(steps, MEGABYTE), "normal", Path(folder))
        connection = sqlite3.connect(Path(folder) / "wf.db")
        total = sum(_bytes_of_table(connection, name) for (name,) in connection.execute(_TABLES).fetchall())
        connection.close()
        return total


_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table'"


def _bytes_of_table(connection: sqlite3.Connection, table: str) -> int:
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    lengths = " + ".join(f"coalesce(length(CAST({column} AS BLOB)), 0)" for column in columns)
    (total,) = connection.execute(f"SELECT coalesce(sum({lengths}), 0) FROM {table}").fetchone()  # noqa: S608 - the names are our own
    return int(total)
