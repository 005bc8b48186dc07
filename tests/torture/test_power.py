"""Power is cut at every moment of a recorded run, on disks that lose, tear and reorder what was not synced, or lie."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from runner.ground.errors import StoreError
from runner.record.history import load_state, read_table
from runner.record.store.contract import RunUnknown
from runner.record.store.sqlite import open_store
from runner.record.store.tables import PROJECTED
from runner.seeing.subscribers.lines import event_lines
from tests.torture.conftest import Share
from tests.torture.disk import Disk, put
from tests.torture.flows import SIX
from tests.torture.recording import STDOUT, Operation, Said, operations, recorded
from tests.torture.tracing import needs_strace
from tests.torture.trial import Trial, integrity

pytestmark = needs_strace

PATTERNS = 24
"""How many of the states that the disk may be left in are tried after each operation."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A whole run, and what it did to the disk."""

    trial: Trial
    operations: Sequence[Operation]

    def losses(self, *, patterns: int = PATTERNS) -> range:
        """Numbers for all power losses that may befall it."""
        return range(len(self.operations) * patterns)


@dataclass(frozen=True, slots=True)
class Loss:
    """What a power loss left, and what had been told and done by then."""

    number: int
    files: dict[Path, bytes | None]
    told: list[dict[str, Any]]
    effects: bytes


def record(folder: Path, durability: str = "full") -> Recorded:
    trial = Trial(folder / "whole", SIX)
    log = folder / "recording"
    assert trial.begin(recorded(log), env={"WF_DURABILITY": durability}).code == 0
    return Recorded(trial, operations(log, trial.folder))


def losses(run: Recorded, numbers: Iterator[int], seed: int, *, lies: bool = False) -> Iterator[Loss]:
    """The power losses of these numbers, in order."""
    disk = Disk(run.trial.folder, lies=lies)
    told, effects, done = [], b"", 0
    for number in numbers:
        for operation in run.operations[done : number // PATTERNS + 1]:
            if not isinstance(operation, Said):
                disk.take(operation)
            elif operation.path == STDOUT:
                told += [json.loads(line) for line in operation.content.splitlines() if line.startswith(b"{")]
            else:
                effects += operation.content
        done = number // PATTERNS + 1
        chance = Random(f"{seed} {number}")  # noqa: S311 - a loss must come again when asked for again
        yield Loss(number, disk.left(chance), list(told), effects)


def verdict(loss: Loss, run: Recorded, place: Path) -> str:
    """What is wrong with what a power loss left: nothing, `lost` (events that were told), or `damaged` (and how)."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    put(loss.files, run.trial.folder, place)
    database = place / ".wf" / "wf.db"
    if not database.exists():
        return "lost" if loss.told else ""
    try:
        return _verdict_of(database, run.trial.run, loss.told)
    except StoreError as error:
        return f"damaged: {error}"


def _verdict_of(database: Path, run: str, told: Sequence[dict[str, Any]]) -> str:
    store = open_store(database)
    try:
        commits = list(store.commits(run))
        load_state(store, run)
        for table in PROJECTED:
            read_table(store, run, table)
    except RunUnknown:
        commits = []
    finally:
        store.close()
    if found := integrity(database):
        return f"damaged: {found[0]}"
    lines = [json.loads(line) for commit in commits for line in event_lines(commit)]
    return "" if lines[: len(told)] == told else "lost"


@pytest.mark.row("R4", parts=6)
def test_what_was_told_is_there_after_a_power_loss(share: Share, place: Path) -> None:
    run = record(place)
    for loss in losses(run, share.of(run.losses(), sample=250), share.seed):
        assert verdict(loss, run, place / "left") == "", f"power loss {loss.number}, seed {share.seed}"


@pytest.mark.row("R4", parts=6)
def test_a_run_that_lost_power_is_completed_by_resuming(share: Share, place: Path) -> None:
    run = record(place)
    for loss in losses(run, share.of(run.losses()[:: 5 * PATTERNS + 1], sample=2), share.seed):
        shutil.rmtree(run.trial.folder)
        trial = Trial(run.trial.folder, SIX, run.trial.run, list(loss.told), crashes=1)
        put({path: loss.files[path] for path in loss.files if ".wf" in path.parts}, trial.folder, trial.folder)
        if loss.effects:
            (trial.folder / "effects").write_bytes(loss.effects)
        trial.recover()
        trial.check()


@pytest.mark.row("R5")
def test_a_disk_that_lies_is_found_out(share: Share, place: Path) -> None:
    run = record(place)
    found = verdicts(run, share, place, lies=True)
    assert found["damaged"] > 0
    assert found["lost"] > 0


@pytest.mark.row("R5")
def test_a_run_of_normal_durability_loses_its_end_and_is_not_damaged(share: Share, place: Path) -> None:
    run = record(place, "normal")
    found = verdicts(run, share, place)
    assert found["lost"] > 0
    assert found["damaged"] == 0


def verdicts(run: Recorded, share: Share, folder: Path, *, lies: bool = False) -> Counter[str]:
    """How often each verdict is given."""
    chosen = losses(run, share.of(run.losses(), sample=100), share.seed, lies=lies)
    return Counter(verdict(loss, run, folder / "left").partition(":")[0] for loss in chosen)
