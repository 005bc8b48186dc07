"""The database is damaged, or cut off from its log: the right answer or a word, never a wrong answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.torture.conftest import Share
from tests.torture.damage import damage
from tests.torture.flows import KEPT
from tests.torture.test_owners import begun
from tests.torture.trial import Crash, Ended, Trial, killed, processes_of, until

GUARDED = ("logs LEFT", "logs DONE", "checkpoints FORK", "state DONE", "state LEFT", "diff DONE@3 DONE", "export DONE")
"""What is told of events, each of which has a checksum: it is right, or an error."""

LISTED = ("runs", "show DONE", "show FORK", "graph DONE", "workflows", "gc --keep 0 --dry-run")
"""What is told of tables made of events, which have none: `wf doctor` says when it is not right."""

RESUME = "resume LEFT --quiet"


class Kept:
    """A database with a completed run, its fork, and a run that its process left."""

    def __init__(self, place: Path) -> None:
        done = Trial(place / "whole", KEPT).open_gate()
        assert done.begin().code == 0
        self._ids = {"DONE": done.run, "FORK": f"{done.run}f", "LEFT": f"{done.run}l"}
        third = done.here("checkpoints", done.run).stdout.splitlines()[2].split()[0]
        assert done.here("fork", third, "--run-id", self._ids["FORK"]).code == 0
        for name in ("go", "effects"):
            (done.folder / name).unlink()
        left = _left(replace(done, run=self._ids["LEFT"]))
        assert left.here("runs").code == 0  # which takes in what is in the log
        self._crash = Crash(left, place / "kept")
        self.right = {command: self.tell(self.again(), command) for command in (*GUARDED, *LISTED, "doctor", RESUME)}
        assert {ended.code for ended in self.right.values()} == {0}, self.right

    def again(self) -> Trial:
        """All of it, as it was left; the run that was left may go on."""
        return self._crash.again()

    def tell(self, trial: Trial, command: str) -> Ended:
        """What a command says, in which DONE, FORK and LEFT stand for the runs."""
        for name, run in self._ids.items():
            command = command.replace(name, run)
        return trial.here(*command.split())


def _left(trial: Trial) -> Trial:
    """A run whose process was killed in its second step, which will be let go on."""
    owner = begun(trial)
    owner.kill()
    owner.communicate()
    until(lambda: not killed(processes_of(trial.run)))
    return trial.open_gate()


def refused(ended: Ended, right: Ended) -> bool:
    """Whether a command ended with one error and what to do about it, and what it told before was right."""
    *_, first, help_ = ["", "", *ended.stderr.splitlines()]
    told = right.stdout.startswith(ended.stdout)
    return ended.code == 5 and told and first.startswith("error: ") and help_.startswith("  help: ")


@pytest.mark.row("R10", parts=10)
def test_a_damaged_database_gives_the_right_answer_or_an_error(share: Share, place: Path) -> None:
    kept = Kept(place)
    for seed in share.seeds(1000, sample=10):
        trial = kept.again()
        how = damage(trial.database, seed)
        damaged = trial.database.read_bytes()
        found = kept.tell(trial, "doctor")
        assert found.code in {0, 5}, f"{how}: {found}"
        for command in (*GUARDED, *LISTED):
            ended, right = kept.tell(trial, command), kept.right[command]
            known = found.code == 5 and command in LISTED
            assert ended == right or refused(ended, right) or known, f"{how}: {command}: {found}{ended}"
        assert trial.database.read_bytes() == damaged, how
        ended, right = kept.tell(trial, RESUME), kept.right[RESUME]
        assert refused(ended, right) or ended.stdout == right.stdout, f"{how}: {ended}"
        assert ended.code == 5 or trial.effects == {"first": 1, "hold": 2, "last": 1}, f"{how}: {trial.effects}"


@pytest.mark.row("R11", parts=4)
def test_a_log_that_is_gone_or_cut_off_takes_the_end_of_a_run_and_nothing_before_it(share: Share, place: Path) -> None:
    trial = _left(Trial(place / "whole", KEPT))
    crash = Crash(trial, place / "kept")
    log = Path(f"{trial.database}-wal")
    size = log.stat().st_size
    told = trial.here("logs", trial.run).stdout
    lengths = [None, *range(0, size, 1500)]
    for length in share.of(lengths, sample=3):
        again = crash.again()
        if length is None:
            log.unlink()
        else:
            log.write_bytes(log.read_bytes()[:length])
        Path(f"{trial.database}-shm").unlink()
        logs = again.here("logs", trial.run)
        assert logs.code == 0 or (logs.code, logs.stderr.splitlines()[0]) == (2, nothing_in(again)), logs
        assert told.startswith(logs.stdout)
        assert "WRONG" not in again.here("doctor").stdout
        ended = again.here("resume", trial.run, "--quiet")
        assert ended.code == logs.code, ended


def nothing_in(trial: Trial) -> str:
    return f"error: no run '{trial.run}': there are no runs in .wf/wf.db"
