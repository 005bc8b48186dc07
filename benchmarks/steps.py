"""Recorded steps, one after another: beside bare SQLite commits, and beside LangGraph with its SQLite saver."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import bare, flows
from benchmarks.measuring import Row, Target, Way, cost_ratio, interleave, is_installed, per_second, speed_ratio
from runner.record.store.connection import Durability

ROUNDS = 9
STEPS: dict[Durability, int] = {"normal": 2000, "full": 500}
NODES = 1000
PEERS_STEPS = 300


def rows() -> Iterator[Row]:
    """A loop at both durabilities; then a long chain of distinct nodes beside a loop as long."""
    yield from _loops("normal", langgraph=Target(least=8), limit=Target(least=0.2))
    yield from _loops("full", langgraph=Target(), limit=Target(least=0.8))
    chain, loop = flows.chain(NODES), flows.loop(NODES)
    ways: dict[str, Way] = {
        "chain": lambda: flows.taken(chain, "normal").steps / NODES,
        "loop": lambda: flows.taken(loop, "normal").steps / NODES,
    }
    costs = interleave(ways, ROUNDS)
    ratio, peer = cost_ratio(costs, "chain", "loop"), f"a loop {per_second(costs['loop'])}"
    yield Row("a step of 1,000 distinct nodes, normal", per_second(costs["chain"]), peer, ratio, Target(most=1.1))


def _loops(durability: Durability, *, langgraph: Target, limit: Target) -> Iterator[Row]:
    steps = STEPS[durability]
    text = flows.loop(steps)
    ways: dict[str, Way] = {
        "wf": lambda: flows.seconds(text, durability) / steps,
        "bare": lambda: bare.seconds(durability, steps) / steps,
    }
    if is_installed("langgraph"):
        from benchmarks import langgraph_peer as peer  # noqa: PLC0415 - where it is installed

        graph = peer.loop(PEERS_STEPS)
        given = {"i": 0, "big": ""}
        ways["LangGraph"] = lambda: peer.seconds(graph, given, durability, PEERS_STEPS) / PEERS_STEPS
    costs = interleave(ways, ROUNDS)
    targets = {"LangGraph": langgraph, "bare": limit}
    for name in list(ways)[1:]:
        what, shown = f"steps in a loop, {durability}", f"{name} {per_second(costs[name])}"
        yield Row(what, per_second(costs["wf"]), shown, speed_ratio(costs, "wf", name), targets[name])
