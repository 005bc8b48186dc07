"""How the cost grows with the work: the exponent by which CPU time grows where there is five times as much to do."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from math import log
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

from benchmarks import flows
from benchmarks.measuring import Row, Target
from runner.engine.loading import load_workflow

ROUNDS = 5
FEW, MANY = 1_000, 5_000
ITEMS, EACH = 1_000, 10_000
EXPONENT = Target(most=1.1)
NEVER = "complete_when: 'size(results) > 1000000'"

RUNS: Mapping[str, Callable[[int], str]] = {
    "nodes in a chain": partial(flows.chain, choice=False),
    "parallel branches": flows.named,
    "branches, max_concurrency": partial(flows.named, how="max_concurrency: 8"),
    "branches, complete_when": partial(flows.named, how=NEVER),
    "items of a for_each": flows.items,
    "items, max_concurrency": partial(flows.items, how="max_concurrency: 8"),
    "items, complete_when": partial(flows.items, how=NEVER),
    "items, sequential": partial(flows.items, how="sequential: true"),
    "union, a step each": flows.union,
    "union, sequential items": partial(flows.items, how="sequential: true", reducer="union", gives='["{{ item }}"]'),
}
FILES = {what: RUNS[what] for what in ("nodes in a chain", "parallel branches")}


def rows() -> Iterator[Row]:
    """The CPU time of runs, from the definition's reading on, and of reading files."""
    for what, flow in RUNS.items():
        yield _row(f"growth of a run: {what}", flow, flows.cpu_seconds)
    for what, flow in FILES.items():
        yield _row(f"growth of a validation: {what}", flow, _validating)
    used, given = flows.most_memory(flows.large_items(ITEMS, EACH)) / 1e6, ITEMS * EACH / 1e6
    what = "memory of a for_each whose items give 10 kB each"
    yield Row(what, f"{used:,.1f} MB", f"they give {given:,.1f} MB", used / given, Target(most=2))


def _row(what: str, flow: Callable[[int], str], cost: Callable[[str], float]) -> Row:
    """The least that each size takes, in turn: what else the machine does only adds to it."""
    texts = {count: flow(count) for count in (FEW, MANY)}
    costs: dict[int, list[float]] = {count: [] for count in texts}
    for _ in range(ROUNDS):
        for count, text in texts.items():
            gc.collect()
            costs[count].append(cost(text))
    few, many = (min(costs[count]) for count in (FEW, MANY))
    exponent = log(many / few) / log(MANY / FEW)
    return Row(what, f"{many * 1e3:,.0f} ms", f"a fifth of it {few * 1e3:,.0f} ms", exponent, EXPONENT)


def _validating(text: str) -> float:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "flow.yaml"
        path.write_text(text, encoding="utf-8")
        began = process_time()
        load_workflow(str(path))
        return process_time() - began
