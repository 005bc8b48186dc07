"""`wf` is killed at every write that it makes, and again while it recovers."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

import pytest

from tests.torture.conftest import Share, spread
from tests.torture.flows import CHECKED, KINDS, SIX
from tests.torture.tracing import Point, counting, injecting, needs_strace, points
from tests.torture.trial import Crash, Flow, Trial

pytestmark = needs_strace

KILL = "signal=KILL"

FIRST_KILLS = 6
"""From so many crashes every recovery is killed at every write."""

MOST_KILLS = 3
"""After every other crash so many resumptions, at most, are killed at moments that chance draws."""


@pytest.mark.row("R1", parts=12)
def test_a_run_that_is_killed_at_any_write_is_completed_by_resuming(share: Share, place: Path) -> None:
    for point in share.of(points_of_a_run(place, SIX), sample=3):
        recovers(point, Trial(place / str(point), SIX))


@pytest.mark.row("R2", parts=12)
def test_a_step_of_any_kind_that_is_killed_at_any_write_is_completed_by_resuming(share: Share, place: Path) -> None:
    for point in share.of(points_of_a_run(place, KINDS), sample=2):
        recovers(point, Trial(place / str(point), KINDS))


@pytest.mark.row("R29", parts=4)
def test_what_is_asked_about_is_done_once_wherever_the_run_and_its_resumption_are_killed(
    share: Share, place: Path
) -> None:
    for point in share.of(points_of_a_run(place, CHECKED), sample=3):
        trial = Trial(place / str(point), CHECKED)
        killed_at(point, trial)
        trial.resume(injecting(point, KILL))
        trial.recover()
        trial.check()
        assert trial.effects == CHECKED.effects
        trial.remove()


def recovers(point: Point, trial: Trial) -> None:
    """Kill it there, go on with it, and see that all is well."""
    killed_at(point, trial)
    trial.recover()
    trial.check()
    trial.remove()


@pytest.mark.row("R3", parts=FIRST_KILLS)
def test_a_resumption_that_is_killed_at_any_write_is_completed_by_the_next(share: Share, place: Path) -> None:
    for first in share.of(spread(points_of_a_run(place, SIX), FIRST_KILLS), sample=1):
        crash = crashed(first, place / str(first))
        passed = points_of_recovery(crash, place / "counted")
        for point in passed if share.whole else spread(passed, 1):
            share.tried()
            again = crash.again()
            again.resume(injecting(point, KILL))
            again.recover()
            again.check()


@pytest.mark.row("R3", parts=12)
def test_a_run_that_is_killed_at_any_write_and_then_again_and_again_is_completed(share: Share, place: Path) -> None:
    for first in share.of(points_of_a_run(place, SIX), sample=1):
        random = Random(f"kills {share.seed} {first}")  # noqa: S311 - it must come again when asked for again
        crash = crashed(first, place / str(first))
        passed = points_of_recovery(crash, place / "counted")
        share.tried()
        again = crash.again()
        for point in random.choices(passed, k=random.randint(1, MOST_KILLS)):
            again.resume(injecting(point, KILL))
        again.recover()
        again.check()
        shutil.rmtree(place / str(first))


def crashed(first: Point, folder: Path) -> Crash:
    """What a run leaves that is killed there."""
    trial = Trial(folder / "crashed", SIX)
    killed_at(first, trial)
    return Crash(trial, folder / "kept")


def points_of_a_run(folder: Path, flow: Flow) -> list[Point]:
    """All writes of a whole run."""
    log = folder / "counted"
    trial = Trial(folder / "whole", flow)
    assert trial.begin(counting(log)).code == 0
    trial.check()
    return points(log)


def killed_at(point: Point, trial: Trial) -> None:
    """Begin the run, and be killed. (A slow machine may make a few writes less, and end before.)"""
    ended = trial.begin(injecting(point, KILL))
    assert ended.code in {-9, 0}, ended


def points_of_recovery(crash: Crash, log: Path) -> list[Point]:
    """All writes of a recovery that nothing disturbs."""
    trial = crash.again()
    trial.resume(counting(log))
    trial.recover()
    trial.check()
    return points(log)
