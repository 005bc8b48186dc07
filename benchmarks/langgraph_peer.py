"""LangGraph with its SQLite saver, every step recorded before the next (`durability="sync"`)."""

from __future__ import annotations

import operator
import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, TypedDict

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from benchmarks.measuring import stopwatch
from runner.record.store.connection import Durability


class Counting(TypedDict):
    """The loop's state."""

    i: int
    big: str


class Found(TypedDict):
    """The fan-out's state."""

    found: Annotated[list[int], operator.add]


def loop(steps: int) -> StateGraph:
    """A node that counts, and routes to itself."""
    graph = StateGraph(Counting)
    graph.add_node("count", lambda state: {"i": state["i"] + 1})
    graph.add_edge(START, "count")
    graph.add_conditional_edges("count", lambda state: "count" if state["i"] < steps else END, ["count", END])
    return graph


def fan(branches: int) -> StateGraph:
    """A task per number, each adding to a list in the state."""
    graph = StateGraph(Found)
    graph.add_node("one", lambda item: {"found": [item]})
    graph.add_conditional_edges(START, lambda _state: [Send("one", n) for n in range(branches)], ["one"])
    graph.add_edge("one", END)
    return graph


def seconds(graph: StateGraph, given: dict[str, Any], durability: Durability, most_steps: int) -> float:
    """How long a new run takes. Compiling the graph and making the tables is not part of it."""
    with TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder) / "langgraph.db", check_same_thread=False)
        saver = SqliteSaver(connection)
        saver.setup()
        connection.execute(f"PRAGMA synchronous={durability}")
        compiled = graph.compile(checkpointer=saver)
        settings = {"configurable": {"thread_id": "bench"}, "recursion_limit": most_steps + 10}
        with stopwatch() as taken:
            compiled.invoke(given, settings, durability="sync")
        connection.close()
    return taken()
