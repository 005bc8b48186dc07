"""What a recorded commit costs, beside a bare SQLite commit in the same run: `python -m benchmarks.store`.

Each round runs every way once, in turn; a ratio is the median of the rounds' own ratios. Best read on a quiet machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from runner.events import Commit, FrameOpened, RunStarted, StepEnded, Write
from runner.fold import fold
from runner.projection import Projector
from runner.snapshot import encode, should_snapshot
from runner.state import RunState
from runner.store.connection import Durability
from runner.store.contract import Definition, Owner, Snapshot, Store
from runner.store.driver import sqlite3
from runner.store.sqlite import open_store

ROUNDS = 9
COMMITS = {"normal": 4000, "full": 600}
ROW = "x" * 150
"""About as long as the events of one small step."""

RUN = "0123456789abcdefgh"
OWNER = Owner("bench", 1, 1.0, "boot")
BIG = "x" * 1_000_000

Way = Callable[[Path, Durability, int], float]


def bare(path: Path, durability: Durability, commits: int) -> float:
    """Seconds for so many one-row commits, with nothing of ours in between."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA synchronous={durability}")
    connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, content TEXT)")
    began = time.perf_counter()
    for _ in range(commits):
        connection.execute("INSERT INTO rows (content) VALUES (?)", (ROW,))
    taken = time.perf_counter() - began
    connection.close()
    return taken


def step(number: int) -> Commit:
    """The commit of one small step, which writes one state key."""
    visit = number - 2
    ended = StepEnded(f"n#{visit}", "completed", "n", "", "", visit, None, writes=(Write("i", "set", visit),), next="n")
    return Commit(RUN, number, (ended,), float(number))


def begin(path: Path, durability: Durability, big: str = "") -> tuple[Store, Commit]:
    """A new store that holds one new run, and that run's first commit."""
    store = open_store(path, durability=durability)
    store.save_definition(Definition("hash", "bench", "1", "bench.yaml", "/", {}))
    started = RunStarted("bench", "1", "hash", {}, {"i": 0, "big": big})
    commit = Commit(RUN, 1, (started, FrameOpened("", "", "body", "", shared=True)), 1.0)
    store.create(commit, OWNER)
    return store, commit


def append(path: Path, durability: Durability, commits: int) -> float:
    """The same number of commits, appended to a run."""
    store, _ = begin(path, durability)
    steps = [step(number) for number in range(3, commits + 3)]
    began = time.perf_counter()
    for commit in steps:
        store.append(commit)
    taken = time.perf_counter() - began
    store.close()
    return taken


def record(path: Path, durability: Durability, commits: int, big: str = "") -> float:
    """Append, fold, project, and take snapshots: all that is done to record a step."""
    store, first = begin(path, durability, big)
    state = RunState()
    projector = Projector(state)
    fold(state, first)
    projector.add(first, state)
    since = last = 0
    steps = [step(number) for number in range(3, commits + 3)]
    began = time.perf_counter()
    for commit in steps:
        since += store.append(commit)
        fold(state, commit)
        projector.add(commit, state)
        if should_snapshot(since, last):
            snapshot = Snapshot(RUN, state.seq, commit.at, encode(state))
            since, last = 0, store.save_snapshot(snapshot, projector.take(), 1)
    taken = time.perf_counter() - began
    store.close()
    return taken


def record_big(path: Path, durability: Durability, commits: int) -> float:
    """The same with a key of 1 MB in the state, which no step changes."""
    return record(path, durability, commits, BIG)


WAYS: dict[str, Way] = {
    "bare SQLite commit": bare,
    "append": append,
    "append, fold, project, snapshots": record,
    "the same, 1 MB in the state": record_big,
}


def measure(durability: Durability) -> None:
    """Print what each way reaches a second, and its ratio to bare commits."""
    commits = COMMITS[durability]
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(ROUNDS):
        for name, way in WAYS.items():
            with TemporaryDirectory() as folder:
                seconds[name].append(way(Path(folder) / "wf.db", durability, commits))
    print(f"\nsynchronous={durability}, {commits} commits, {ROUNDS} rounds")
    for name, taken in seconds.items():
        ratios = [one / other for one, other in zip(seconds["bare SQLite commit"], taken, strict=True)]
        rate, ratio = commits / median(taken), median(ratios)
        print(f"  {name:34} {rate:9,.0f}/s   {ratio:5.2f} × bare  [{min(ratios):.2f}–{max(ratios):.2f}]")


def main() -> None:
    """Measure both durabilities."""
    print(f"SQLite {sqlite3.sqlite_version}")
    measure("normal")
    measure("full")


if __name__ == "__main__":
    main()
