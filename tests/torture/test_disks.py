"""The disk fails, is full, is small, or can only be read: a word, exit code 5, and nothing that was told is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.torture.conftest import Share
from tests.torture.flows import FILLING, SIX
from tests.torture.mounts import change, small_disk
from tests.torture.tracing import counting, injecting, needs_strace, points
from tests.torture.trial import Ended, Trial

FAILING = ("pwrite64", "fsync", "ftruncate", "unlink")
FAULTS = [("error=EIO", False), ("error=EIO", True), ("error=ENOSPC", False), ("error=ENOSPC", True)]


@needs_strace
@pytest.mark.row("R6", parts=12)
def test_a_disk_that_fails_once_or_for_good_costs_nothing_that_was_told(share: Share, place: Path) -> None:
    log = place / "counted"
    assert Trial(place / "whole", SIX).begin(counting(log)).code == 0
    cases = [(point, *FAULTS[number % 4]) for number, point in enumerate(points(log, FAILING))]
    for point, fault, onwards in share.of(cases, sample=3):
        trial = Trial(place / "failing", SIX)
        ended = trial.begin(injecting(point, fault, onwards=onwards))
        assert ended.code in {0, 5}, f"{point} {fault} {onwards}: {ended}"
        assert ended.code == 0 or is_one_word(ended, trial), f"{point} {fault} {onwards}: {ended}"
        trial.recover()
        trial.check()
        trial.remove()


def is_one_word(ended: Ended, trial: Trial) -> bool:
    """Whether what was said is one error with the database's path, and what to do."""
    lines = ended.stderr.splitlines()
    name = trial.database.relative_to(trial.folder)
    return len(lines) == 2 and lines[0].startswith(f"error: {name} ") and lines[1].startswith("  help: ")


@pytest.mark.row("R7")
def test_a_full_disk_stops_a_run_which_goes_on_when_there_is_space(share: Share, place: Path) -> None:
    for size in share.of(["180k", "220k", "300k", "400k", "500k", "700k", "900k"], sample=1):
        trial = Trial(place / size, FILLING)
        with small_disk(trial.database.parent, size):
            ended = trial.begin()
            assert ended.code == 5, ended
            assert is_one_word(ended, trial), ended
            assert "disk" in ended.stderr
            assert trial.wf("show", trial.run).code in ({0, 5} if trial.told else {2, 5})
            change(trial.database.parent, "size=20m")
            trial.recover()
            trial.check()


@pytest.mark.row("R8")
def test_files_that_may_not_grow_stop_a_run_which_goes_on_when_they_may(share: Share, place: Path) -> None:
    for blocks in share.of([250, 300, 400, 600, 800, 1000], sample=1):
        trial = Trial(place / str(blocks), FILLING)
        ended = trial.begin(["sh", "-c", f'ulimit -f {blocks}; exec "$0" "$@"'])
        assert ended.code == 5, ended
        assert is_one_word(ended, trial), ended
        trial.recover()
        trial.check()


@pytest.mark.row("R9")
def test_a_disk_that_can_only_be_read_shows_runs_and_begins_none(share: Share, place: Path) -> None:
    trial = Trial(place / "read-only", SIX)
    with small_disk(trial.database.parent, "10m"):
        assert trial.begin().code == 0
        trial.check()
        before, done = trial.database.read_bytes(), trial.effects
        change(trial.database.parent, "ro")
        for words in share.of(READING, sample=3):
            assert trial.wf(*(word.replace("RUN", trial.run) for word in words)).code == 0
        refused = trial.wf("run", "flow.yaml")
        share.tried()
        assert refused.code == 5, refused
        assert is_one_word(refused, trial), refused
        assert "can only be read" in refused.stderr
        assert (trial.database.read_bytes(), trial.effects) == (before, done)


@pytest.mark.row("R9")
def test_a_disk_that_can_only_be_read_gets_no_database(share: Share, place: Path) -> None:
    trial = Trial(place / "read-only", SIX)
    with small_disk(trial.database.parent, "10m"):
        change(trial.database.parent, "ro")
        share.tried()
        refused = trial.begin()
        assert refused.code == 5, refused
        assert is_one_word(refused, trial), refused
        assert trial.wf("runs").code == 0
        assert trial.effects == {}
        assert list(trial.database.parent.iterdir()) == []


READING = [
    ("show", "RUN"),
    ("runs",),
    ("state", "RUN"),
    ("logs", "RUN"),
    ("graph", "RUN"),
    ("checkpoints", "RUN"),
    ("doctor",),
]
