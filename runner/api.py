"""The same engine from Python: load a workflow, run it, get its result."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from runner.loading import load as load_file
from runner.model import Json, Loaded
from runner.providers.mock_file import read_script
from runner.runs import Choices, RunResult, Surroundings, start
from runner.store.memory import MemoryStore
from runner.store.sqlite import open_store

__all__ = ["RunResult", "arun", "load", "run"]


def load(path: str | Path) -> Loaded:
    """Read and check a workflow: a path, or `pattern:name`. Raises InvalidWorkflow with every problem found."""
    return load_file(str(path))


async def arun(
    workflow: str | Path | Loaded,
    inputs: Mapping[str, Json] | None = None,
    *,
    mock: str | Path | None = None,
    db: str | Path | None = None,
) -> RunResult:
    """Run a workflow until it ends or waits. `mock` is a file of scripted replies; without `db` nothing is kept.

    Raises InvalidWorkflow, UsageError (a bad input: no run is made), StoreError. A failed run is a result, no error.
    """
    loaded = workflow if isinstance(workflow, Loaded) else load(workflow)
    script = read_script(Path(mock)) if mock is not None else None
    store = MemoryStore() if db is None else open_store(Path(db))
    try:
        return await start(loaded, inputs or {}, Choices(script=script), Surroundings(store))
    finally:
        store.close()


def run(
    workflow: str | Path | Loaded,
    inputs: Mapping[str, Json] | None = None,
    *,
    mock: str | Path | None = None,
    db: str | Path | None = None,
) -> RunResult:
    """`arun`, for callers without an event loop of their own."""
    return asyncio.run(arun(workflow, inputs, mock=mock, db=db))
