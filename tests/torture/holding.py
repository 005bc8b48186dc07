"""Runs of workflows made by chance, held to what a plain reading of their files says."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from random import Random

from runner.engine.loading import load_workflow
from runner.ground.json_value import Json
from runner.record.events import StepEnded
from runner.record.history import load_state
from runner.workflow.model import Loaded
from tests.record.store.pictures import picture
from tests.torture.reference import Edit, Outcome, Reference
from tests.torture.simulated import Simulated


def chance(seed: object) -> Random:
    return Random(str(seed))  # noqa: S311 - it must come again when asked for again


def compiled(files: dict[str, Json], folder: Path) -> Loaded:
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    return load_workflow(str(folder / "flow.yaml"))


def outcome_of(seed: str) -> Outcome:
    """Which attempts fail, and how, by chance that comes again."""
    often = chance(seed).choice((0.0, 0.08, 0.16))

    def outcome(path: str, attempt: int) -> str:
        drawn = sha256(f"{seed} {path} {attempt}".encode()).digest()[0] / 256
        return "network" if drawn < often else "tool_failed" if drawn < often * 1.5 else ""

    return outcome


def hold_to_the_reference(simulated: Simulated, files: dict[str, Json], told: str, edit: Edit | None = None) -> None:
    """Drive a run to its end, which must be what a plain reading of its files says, given the order of its branches.

    `edit` is what a person changed of it meanwhile.
    """
    state, outcome = simulated.run(), simulated.outcome
    order = simulated.order()
    reference = Reference(files, outcome, lambda path, attempt: order.get((path, attempt), ()), edit=edit)
    expected = reference.run()
    assert (state.status, state.outputs if state.error is None else state.error["type"]) == expected, told
    ends = {event.step: event.status for event in simulated.events() if isinstance(event, StepEnded)}
    assert {path: ends[path] for path in reference.leaves} == reference.leaves, told
    assert picture(load_state(simulated.store, simulated.name)) == picture(state), told
