"""Many processes that write into one database at once: none is refused, and none waits much longer than the others."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import flows
from benchmarks.measuring import Row, Target, stopwatch
from runner.engine.loading import load_workflow
from runner.engine.run_options import RunOptions
from runner.engine.runs import prepare, start
from runner.engine.surroundings import Surroundings
from runner.record.store.sqlite import open_store

PROCESSES = 32
STEPS = 1000


def rows() -> Iterator[Row]:
    """All begin at the same moment, each a run of its own; whoever is refused fails this."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "flow.yaml").write_text(flows.loop(STEPS), encoding="utf-8")
        crowd = [_started(folder, number) for number in range(PROCESSES)]
        for process in crowd:
            _line(process)
        for process in crowd:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.close()
        took = [float(_line(process)) for process in crowd]
        for process in crowd:
            process.wait()
    slowest, fastest = max(took), min(took)
    what, peer = f"{PROCESSES} processes on one database, full: the slowest", f"the fastest {fastest:.2f} s"
    yield Row(what, f"{slowest:.2f} s", peer, slowest / fastest, Target(most=3))


def _started(folder: str, number: int) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "benchmarks.crowd", folder, str(number)]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def _work(folder: str, number: str) -> None:
    loaded = load_workflow(f"{folder}/flow.yaml")
    store = open_store(Path(folder) / "wf.db", durability="full")
    around = Surroundings(store)
    prepared = prepare(loaded, {}, RunOptions(run=f"run-{number}"), around.environment, around.clock)
    print("ready", flush=True)
    sys.stdin.readline()
    with stopwatch() as taken:
        asyncio.run(start(prepared, around))
    store.close()
    print(taken(), flush=True)


if __name__ == "__main__":
    _work(*sys.argv[1:])
