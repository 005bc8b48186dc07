"""Random workflows through the scheduler, in random order and killed at random, end as the plain reference says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.ground.errors import InvalidWorkflow
from runner.ground.json_value import Json
from runner.workflow.model import Loaded
from tests.torture.chance import Chance
from tests.torture.conftest import Share
from tests.torture.holding import chance, compiled, hold_to_the_reference, outcome_of
from tests.torture.simulated import Odds, Simulated

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
            share.tried(-1)
            continue
        for life in range(LIVES if share.whole else 3):
            compare(loaded, files, f"{seed} {life}", ODDS[life % len(ODDS)])
            share.tried(1 if life else 0)
    assert refused < 5


def compare(loaded: Loaded, files: dict[str, Json], seed: str, odds: Odds) -> None:
    """One life of a workflow, and what it should have been."""
    simulated = Simulated(loaded, outcome_of(seed), chance(seed), odds)
    hold_to_the_reference(simulated, files, f"seed {seed}: {json.dumps(files)}")
