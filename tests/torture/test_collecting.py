"""`wf gc` is killed at every write that it makes: what it was to leave is whole, and another one does the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.torture.conftest import Share
from tests.torture.flows import FILLING, GATED
from tests.torture.test_owners import begun
from tests.torture.tracing import counting, injecting, needs_strace, points
from tests.torture.trial import Crash, Trial, integrity, killed, processes_of, until

pytestmark = needs_strace

GC = ("gc", "--keep", "0")


@pytest.mark.row("R28", parts=6)
def test_a_collection_that_is_killed_at_any_write_takes_nothing_that_was_to_stay(share: Share, place: Path) -> None:
    crash, ended = three_runs(place)
    whole = crash.again()
    told = {run: whole.here("logs", run).stdout for run in (*ended, whole.run)}
    log = place / "counted"
    assert whole.wf(*GC, before=counting(log)).code == 0
    assert [run for run in ended if listed(whole, run)] == []
    for point in share.of(points(log), sample=2):
        trial = crash.again()
        assert trial.wf(*GC, before=injecting(point, "signal=KILL")).code in {-9, 0}
        assert integrity(trial.database) == []
        assert trial.here("doctor").code == 0
        for run in filter(lambda run: listed(trial, run), told):
            assert trial.here("logs", run).stdout == told[run]
        assert trial.here(*GC).code == 0
        assert [run for run in ended if listed(trial, run)] == []
        assert trial.heed(trial.here(*trial.resumption)).code == 0
        trial.check()
        assert trial.here(*GC).code == 0
        assert trial.here("runs").stdout == ""
        assert trial.here("doctor").code == 0


def three_runs(place: Path) -> tuple[Crash, tuple[str, str]]:
    """A large run that has ended, its fork, which has too, and another that its process left."""
    done = Trial(place / "whole", FILLING)
    assert done.begin().code == 0
    fork = f"{done.run}f"
    point = done.here("checkpoints", done.run).stdout.splitlines()[-40].split()[0]
    assert done.here("fork", point, "--run-id", fork).code == 0
    (done.folder / "effects").unlink()
    left = Trial(done.folder, GATED)
    owner = begun(left)
    owner.kill()
    owner.communicate()
    until(lambda: not killed(processes_of(left.run)))
    left.crashes += 1
    assert left.open_gate().here("runs").code == 0  # which takes in what is in the log
    return Crash(left, place / "kept"), (done.run, fork)


def listed(trial: Trial, run: str) -> bool:
    """Whether a run is in the list of runs."""
    return f"{run}  " in trial.here("runs").stdout
