"""The same engine from Python: load a workflow, run it, get its result."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

from runner.engine.loading import load_workflow
from runner.engine.run_options import RunOptions
from runner.engine.runs import RunResult, prepare, start
from runner.engine.surroundings import Audience, Surroundings
from runner.ground.clock import SystemClock
from runner.ground.json_value import Json
from runner.record.store.sqlite import memory_store, open_store
from runner.workflow.model import Loaded
from runner.world.providers.scripted import Script, read_script, script_of

__all__ = ["Loaded", "RunResult", "arun", "load", "run"]

P = ParamSpec("P")
"""What `run` and `arun` take."""


def load(path: str | Path, *, allow: Mapping[str, Sequence[str]] | None = None) -> Loaded:
    """Read and check a workflow: a path, or `pattern:name`. Its `warnings` are what may be wrong.

    `allow` adds to its permissions, by kind: `{"commands": ["git"], "read": ["/data"]}`. Raises InvalidWorkflow, whose
    `problems` are all that was found.
    """
    return load_workflow(str(path), allow)


async def arun(  # noqa: PLR0913 - what a command line may say, each by its name
    workflow: str | Path | Loaded,
    inputs: Mapping[str, Json] | None = None,
    *,
    mock: str | Path | Mapping[str, Json] | None = None,
    models: Mapping[str, str] | None = None,
    allow: Mapping[str, Sequence[str]] | None = None,
    answers: Mapping[str, str] | None = None,
    wait_limit: float = 60.0,
    db: str | Path | None = None,
    run_id: str = "",
) -> RunResult:
    """Run a workflow until it ends, or until only a person or a time beyond `wait_limit` (s) can go on: `paused`.

    `mock` is a file of scripted replies, or what such a file holds; `models` other models by alias, `answers` those of
    people by step, as they are typed. `allow` is for a workflow given by its path. Without `db`, a SQLite file, nothing
    is kept.
    A run that fails is a result, no error. So is an answer that does not fit: the result's `refused` says why.

    Raises InvalidWorkflow; UsageError for inputs, models or answers that the workflow does not have (no run is made);
    StoreError.
    """
    script = None if mock is None else _script(mock)
    choices = RunOptions(models or {}, allow or {}, script, run=run_id)
    loaded = workflow if isinstance(workflow, Loaded) else load(workflow, allow=choices.allow)
    prepared = prepare(loaded, inputs or {}, choices, os.environ, SystemClock(), answers)
    store = memory_store() if db is None else open_store(Path(db))
    try:
        audience = Audience(answers=answers or {})
        return await start(prepared, Surroundings(store, audience, wait_limit=wait_limit, replies=_replies(mock)))
    finally:
        store.close()


def _script(mock: str | Path | Mapping[str, Json]) -> Script:
    return read_script(Path(mock)) if isinstance(mock, str | Path) else script_of(mock)


def _replies(mock: str | Path | Mapping[str, Json] | None) -> tuple[str, ...]:
    """The mock file, if it is one, by its absolute path."""
    return (str(Path(mock).absolute()),) if isinstance(mock, str | Path) else ()


def _without_loop(work: Callable[P, Coroutine[Any, Any, RunResult]]) -> Callable[P, RunResult]:
    @wraps(work, assigned=("__annotations__",))
    def run(*given: P.args, **named: P.kwargs) -> RunResult:
        """`arun`, for callers without an event loop of their own."""
        return asyncio.run(work(*given, **named))

    return run


run = _without_loop(arun)
