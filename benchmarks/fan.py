"""A thousand branches at once, beside LangGraph's fan-out of as many tasks."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import flows
from benchmarks.measuring import Row, Target, Way, interleave, is_installed, per_second, speed_ratio

ROUNDS = 7
BRANCHES = 1000


def rows() -> Iterator[Row]:
    """Branches by name, and branches over a list, each of which adds to a list in the state."""
    named, items = flows.named(BRANCHES), flows.items(BRANCHES)
    ways: dict[str, Way] = {
        "1,000 parallel branches, full": lambda: flows.seconds(named, "full") / BRANCHES,
        "for_each over 1,000 items, full": lambda: flows.seconds(items, "full") / BRANCHES,
    }
    ours = list(ways)
    if is_installed("langgraph"):
        from benchmarks import langgraph_peer as peer  # noqa: PLC0415 - where it is installed

        graph = peer.fan(BRANCHES)
        ways["LangGraph"] = lambda: peer.seconds(graph, {"found": []}, "full", BRANCHES) / BRANCHES
    costs = interleave(ways, ROUNDS)
    for what in ours if "LangGraph" in costs else ():
        ratio, shown = speed_ratio(costs, what, "LangGraph"), f"LangGraph {per_second(costs['LangGraph'])}"
        yield Row(what, per_second(costs[what]), shown, ratio, Target(least=10))
