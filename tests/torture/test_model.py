"""Random workflows through the scheduler, in random order and killed at random, end as the plain reference says."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import pytest

from runner.errors import InvalidWorkflow
from runner.events import StepEnded
from runner.history import load as load_run
from runner.loading import load
from runner.model import Loaded
from tests.store.pictures import picture
from tests.torture.chance import Chance
from tests.torture.conftest import Share
from tests.torture.reference import Reference
from tests.torture.simulated import RUN, Odds, Simulated

Json = Any

LIVES = 10
"""Each workflow is run so often, with other failures, another order and other kills each time."""

ODDS = (Odds(), Odds(killed_before=0.1, killed_after=0.1, paused=0.05), Odds(killed_after=0.8, snapshot=1.0))


@pytest.mark.row("R25", parts=16)
def test_a_random_run_ends_as_the_reference_says(share: Share, place: Path) -> None:
    refused = 0
    for seed in share.seeds(3_000, sample=20):
        files = Chance(chance(seed)).flow()
        try:
            loaded = compiled(files, place)
        except InvalidWorkflow:
            refused += 1
            continue
        for life in range(LIVES if share.whole else 3):
            compare(loaded, files, f"{seed} {life}", ODDS[life % len(ODDS)])
            share.tried()
    assert refused < 5


def chance(seed: object) -> Random:
    return Random(str(seed))  # noqa: S311 - it must come again when asked for again


def compiled(files: dict[str, Json], folder: Path) -> Loaded:
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    return load(str(folder / "flow.yaml"))


def compare(loaded: Loaded, files: dict[str, Json], seed: str, odds: Odds) -> None:
    """One life of a workflow, and what it should have been."""

    often = chance(seed).choice((0.0, 0.08, 0.16))

    def outcome(path: str, attempt: int) -> str:
        drawn = sha256(f"{seed} {path} {attempt}".encode()).digest()[0] / 256
        return "network" if drawn < often else "tool_failed" if drawn < often * 1.5 else ""

    simulated = Simulated(loaded, outcome, chance(seed), odds)
    state = simulated.run()
    order = simulated.order()
    reference = Reference(files, outcome, lambda path, attempt: order.get((path, attempt), ()))
    told = f"seed {seed}: {json.dumps(files)}"
    expected = reference.run()
    assert (state.status, state.outputs if state.error is None else state.error["type"]) == expected, told
    ends = {event.step: event.status for event in simulated.events() if isinstance(event, StepEnded)}
    assert {path: ends[path] for path in reference.leaves} == reference.leaves, told
    restored = load_run(simulated.store, RUN)
    restored.last_interval = state.last_interval = 0.0  # how long ago the clock was looked at: nothing of the run
    assert picture(restored) == picture(state), told
