"""The lease is kept by a thread of its own while the event loop is busy."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from runner.engine.heartbeat import Heartbeat
from runner.engine.loading import load_workflow
from runner.engine.run_options import RunOptions
from runner.engine.runs import prepare, start
from runner.engine.surroundings import Audience, Surroundings
from runner.ground.clock import SystemClock
from runner.ground.errors import StoreError
from runner.record.events import Commit
from runner.record.run_state import RunState
from runner.record.store.contract import Store
from runner.record.store.sqlite import memory_store, open_store
from tests.record.store.samples import DEFINITION, OTHER, begin

PATIENCE = 30.0


def wait_for(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until


def names() -> list[str]:
    return [thread.name for thread in threading.enumerate()]


class Hog:
    """A listener that keeps the loop busy until the run was said to live so many times."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seen: set[float | None] = set()

    def heard(self, commit: Commit, state: RunState) -> None:
        store = open_store(self.path, create=False)

        def often() -> bool:
            self.seen.add(store.run(commit.run).heartbeat)
            return len(self.seen) >= 3

        wait_for(often)
        store.close()

    def close(self) -> None:
        """Nothing is held."""


def test_a_run_is_said_to_live_while_its_loop_is_busy(tmp_path: Path) -> None:
    flow = tmp_path / "flow.yaml"
    flow.write_text("wf: 1\nname: flow\nnodes: {a: {}}\n", encoding="utf-8")
    prepared = prepare(load_workflow(str(flow)), {}, RunOptions(), {}, SystemClock())
    store, hog = open_store(tmp_path / "wf.db"), Hog(tmp_path / "wf.db")
    around = Surroundings(store, Audience(listeners=(hog,)), lease=1.0)
    result = asyncio.run(start(prepared, around))
    assert result.status == "completed"
    assert len(hog.seen) >= 3
    assert "heartbeat" not in names()
    store.close()


def begun(path: Path) -> Store:
    store = open_store(path)
    store.save_definition(DEFINITION)
    begin(store)
    return store


def test_nothing_is_written_while_the_loop_says_it_itself(tmp_path: Path) -> None:
    store, clock, asked = begun(tmp_path / "wf.db"), SystemClock(), list[int]()

    def last() -> float:
        asked.append(1)
        return clock.monotonic()

    before = store.run("run").heartbeat
    with Heartbeat(store, "run", 1, clock, every=0.01, last=last):
        wait_for(lambda: len(asked) > 5)
    assert store.run("run").heartbeat == before
    store.close()


def test_who_has_lost_the_run_says_nothing_more(tmp_path: Path) -> None:
    store = begun(tmp_path / "wf.db")
    store.claim("run", OTHER, 50.0, 1)
    with Heartbeat(store, "run", 1, SystemClock(), every=0.01, last=lambda: 0.0):
        wait_for(lambda: "heartbeat" not in names())
    assert store.run("run").heartbeat == 50.0
    store.close()


def test_a_store_that_no_other_process_can_reach_needs_none() -> None:
    store = memory_store()
    assert store.apart() is None
    with Heartbeat(store, "run", 1, SystemClock(), every=0.01, last=lambda: 0.0):
        wait_for(lambda: "heartbeat" not in names())
    store.close()


class Faulty:
    """A store that fails when it is opened for the first time, and when it is written to for the first time."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def apart(self) -> Faulty:
        self._note("apart")
        return self

    def heartbeat(self, *_: Any) -> None:
        self._note("heartbeat")

    def close(self) -> None:
        self.calls.append("close")

    def _note(self, call: str) -> None:
        self.calls.append(call)
        if self.calls.count(call) == 1:
            raise StoreError("the disk is full")


def test_a_store_that_fails_is_tried_again_opened_once_and_closed_in_the_end() -> None:
    store = Faulty()
    with Heartbeat(cast(Store, store), "run", 1, SystemClock(), every=0.01, last=lambda: 0.0):
        wait_for(lambda: store.calls.count("heartbeat") > 2)
    beats = store.calls.count("heartbeat")
    assert store.calls == ["apart", "apart", *["heartbeat"] * beats, "close"]
