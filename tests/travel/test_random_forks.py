"""A fork at each checkpoint of random nested runs ends as a plain reading of the workflow foretells."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.ground.errors import InvalidWorkflow
from runner.record.history import checkpoints
from tests.torture.chance import Chance
from tests.torture.editing import random_edit
from tests.torture.holding import chance, compiled, hold_to_the_reference, outcome_of
from tests.torture.simulated import Odds, Simulated

WORKFLOWS = 40
KILLED = Odds(killed_before=0.05, killed_after=0.05, paused=0.05)


@pytest.mark.parametrize("seed", range(WORKFLOWS))
def test_a_fork_at_each_checkpoint_of_a_random_run_ends_as_the_reference_says(seed: int, tmp_path: Path) -> None:
    files = Chance(chance(f"forks {seed}")).flow()
    try:
        loaded = compiled(files, tmp_path)
    except InvalidWorkflow:
        pytest.skip("this one is refused: two branches write one key")
    run = Simulated(loaded, outcome_of(f"forks {seed}"), chance(seed), Odds())
    told = f"seed {seed}: {json.dumps(files)}"
    hold_to_the_reference(run, files, told)
    points = [point.seq for point in checkpoints(run.store, run.name)]
    for at in points[:-1]:
        hold_to_the_reference(run.forked(at, chance(f"{seed}@{at}"), KILLED), files, f"{told} @{at}")


@pytest.mark.parametrize("seed", range(WORKFLOWS))
def test_a_fork_with_a_random_edit_of_a_random_state_ends_as_the_reference_says(seed: int, tmp_path: Path) -> None:
    files = Chance(chance(f"edits {seed}")).flow()
    try:
        loaded = compiled(files, tmp_path)
    except InvalidWorkflow:
        pytest.skip("this one is refused: two branches write one key")
    run = Simulated(loaded, outcome_of(f"edits {seed}"), chance(seed), Odds())
    run.run()
    points = [point.seq for point in checkpoints(run.store, run.name)]
    for at in points[:-1]:
        if made := random_edit(run, at, chance(f"edit {seed}@{at}")):
            given, edit = made
            told = f"seed {seed}: {json.dumps(files)} @{at} {given}"
            hold_to_the_reference(run.forked(at, chance(f"{seed}@{at}"), KILLED, given), files, told, edit)
