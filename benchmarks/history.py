"""What a long history costs: reading the state, taking the run up again, memory."""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks import flows
from benchmarks.measuring import Row, Target, stopwatch
from runner.engine.surroundings import Surroundings
from runner.record.history import load_state, states
from runner.record.store.sqlite import open_store
from runner.travel.resuming import resume

ROUNDS = 5
READ_AFTER = 10_000
FEW, MANY = 10, 100_000
REMEMBER_FROM = 1_000


def rows() -> Iterator[Row]:
    """Each on runs that were broken off in the middle, as by a kill."""
    yield from _reading()
    few, many = _resuming(FEW), _resuming(MANY)
    peer, more = f"after 10: {few * 1e3:,.0f} ms", many - few
    yield Row("resume after 100,000 steps: seconds more", f"{many * 1e3:,.0f} ms", peer, more, Target(most=0.5))
    few, many = _remembering(REMEMBER_FROM), _remembering(MANY)
    peer = f"after 1,000: {few:,.0f} MB"
    yield Row("memory after 100,000 steps", f"{many:,.0f} MB", peer, many / few, Target(most=1.5))


def _reading() -> Iterator[Row]:
    with TemporaryDirectory() as folder:
        flows.seconds(flows.loop(READ_AFTER + 10), "normal", Path(folder), READ_AFTER)
        store = open_store(Path(folder) / "wf.db", create=False)
        ways = {"its values": lambda: states(store, flows.RUN), "all of it": lambda: load_state(store, flows.RUN)}
        for name, read in ways.items():
            taken = median(_seconds(read) for _ in range(50)) * 1e3
            what = f"reading the state after 10,000 steps, {name}: ms"
            yield Row(what, f"{taken:,.2f} ms", "", taken, Target(most=1))
        store.close()


def _seconds(act: Callable[[], object]) -> float:
    with stopwatch() as taken:
        act()
    return taken()


def _resuming(steps: int) -> float:
    """Seconds that taking up a run takes which has a few steps left."""
    with TemporaryDirectory() as folder:
        flows.seconds(flows.loop(steps + 5), "normal", Path(folder), steps)
        store = open_store(Path(folder) / "wf.db")
        with stopwatch() as taken:
            result = asyncio.run(resume(flows.RUN, {}, Surroundings(store)))
        store.close()
        assert result.status == "completed", result
        return taken()


def _remembering(steps: int) -> float:
    """The most memory, in MB, that a process of its own takes for a run of so many steps."""
    command = [sys.executable, "-m", "benchmarks.history", str(steps)]
    return float(subprocess.run(command, capture_output=True, check=True).stdout)


if __name__ == "__main__":
    flows.seconds(flows.loop(int(sys.argv[1])), "normal")
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
