"""The stores that every test of the contract runs against."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runner.store.contract import Store
from runner.store.memory import MemoryStore
from runner.store.sqlite import open_store
from tests.store.samples import DEFINITION

Opener = Callable[[], Store]


@pytest.fixture(params=["memory", "sqlite"])
def another(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens the same store once more, as another process would."""
    shared = MemoryStore()
    opened: list[Store] = []

    def open_one() -> Store:
        store = shared if request.param == "memory" else open_store(tmp_path / "wf.db", durability="normal")
        opened.append(store)
        return store

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(another: Opener) -> Store:
    """A store that holds a definition and no run."""
    fresh = another()
    fresh.save_definition(DEFINITION)
    return fresh
