"""A step that runs `true`, beside go-task, and beside a loop that starts it and does nothing else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory

from benchmarks import flows
from benchmarks.measuring import Row, Target, Way, cost_ratio, interleave, milliseconds, stopwatch

ROUNDS = 9
STEPS = 200
TRUE = which("true", path="/bin:/usr/bin") or "true"


def rows() -> Iterator[Row]:
    """The cost of a step is what a run of many takes, less what a run of one takes."""
    task = which("task", path=Path(sys.executable).parent)
    ways: dict[str, Way] = {"wf": lambda: _less_one(_wf), "bare": lambda: _less_one(_bare)}
    if task is None:
        print("  go-task is not installed: the row beside it is left out")
    else:
        ways["go-task"] = lambda: _less_one(partial(_go_task, task))
    costs = interleave(ways, ROUNDS)
    targets = {"go-task": Target(most=1.5)}
    for name in list(ways)[1:]:
        what, peer = "a command step of `true`, full", f"{name} {milliseconds(costs[name])}"
        ratio = cost_ratio(costs, "wf", name)
        yield Row(what, milliseconds(costs["wf"]), peer, ratio, targets.get(name, Target()))


def _less_one(way: Callable[[int], float]) -> float:
    return (way(STEPS) - way(1)) / (STEPS - 1)


def _wf(steps: int) -> float:
    return flows.seconds(flows.commands(steps, TRUE), "full")


def _bare(steps: int) -> float:
    with stopwatch() as taken:
        for _ in range(steps):
            subprocess.run([TRUE], check=True)
    return taken()


def _go_task(task: str, steps: int) -> float:
    with TemporaryDirectory() as folder:
        lines = f"      - {TRUE}\n" * steps
        text = f"version: '3'\ntasks:\n  default:\n    silent: true\n    cmds:\n{lines}"
        (Path(folder) / "Taskfile.yml").write_text(text, encoding="utf-8")
        with stopwatch() as taken:
            subprocess.run([task], cwd=folder, check=True)
    return taken()
