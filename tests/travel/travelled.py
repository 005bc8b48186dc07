"""Runs to export, and what takes them in."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

from runner.engine.loading import load_workflow
from runner.engine.run_options import RunOptions
from runner.engine.runs import prepare, start
from runner.engine.surroundings import Surroundings
from runner.ground.clock import SystemClock
from runner.record.history import checkpoints
from runner.record.store.contract import Store
from runner.record.store.sqlite import memory_store
from runner.travel.exports import exported
from runner.travel.forks import Changes, fork
from runner.travel.imports import Export, check_export, take_in
from tests.travel.test_forks import workflow


def travelled_store(folder: Path) -> Store:
    """A run of nested branches, loops and a child workflow; a fork of it, and one of that."""
    store = memory_store()
    prepared = prepare(load_workflow(str(workflow(folder))), {}, RunOptions(run="run"), {}, SystemClock())
    asyncio.run(start(prepared, Surroundings(store)))
    points = [checkpoint.seq for checkpoint in checkpoints(store, "run")]
    for run, at, name in (("run", points[9], "fork"), ("fork", points[4], "again")):
        changes = Changes(states={"": {"bonus": 2}}, choices=RunOptions(run=name))
        asyncio.run(fork(run, at, changes, Surroundings(store)))
    return store


def text_of(store: Store, run: str) -> bytes:
    return b"".join(exported(store, run))


def taken_in(store: Store, content: bytes, run: str = "", folder: str = "/elsewhere") -> str:
    return take_in(store, check_export(Export(io.BytesIO(content), "run.jsonl", run, folder))).id
