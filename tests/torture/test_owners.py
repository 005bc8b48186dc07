"""One run, several processes that want it: eight at once, one that was stopped and wakes, one that has died."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from runner.record.store.contract import Owner
from runner.record.store.driver import sqlite3
from runner.record.store.lease import current_owner
from tests.project import ROOT
from tests.torture.conftest import Share
from tests.torture.flows import ASKING, GATED, SIX
from tests.torture.models import check_ledger, moody
from tests.torture.tracing import Point, counting, injecting, needs_strace, points
from tests.torture.trial import PATIENCE, Crash, Ended, Trial, until

SHORT = {"WF_LEASE": "1s"}
"""A lease that a test can wait for."""

RIVALS = 8

BETWEEN = ("write", "epoll_wait")
"""The calls that `wf` makes when it is not writing to its database, but for the start of a child itself.

Who is stopped there has looked at its lease just before, and starts the child when it wakes: the documents say so.
"""


@pytest.mark.row("R17", parts=8)
def test_of_eight_that_resume_a_run_one_has_it(share: Share, place: Path) -> None:
    crash = killed_while_held(place)
    for _ in share.seeds(200, sample=1):
        trial = crash.again()
        with racing(trial) as rivals:
            lost = [next(rivals) for _ in range(RIVALS - 1)]
            trial.open_gate()
            won = trial.heed(next(rivals))
        assert [ended.code for ended in lost] == [5] * (RIVALS - 1), "\n".join(map(str, lost))
        assert {ended.stderr.partition(" on ")[0] for ended in lost} == {lost[0].stderr.partition(" on ")[0]}
        assert lost[0].stderr.startswith(f"error: run '{trial.run}' is owned by process ")
        assert won.code == 0, won
        trial.check()


def killed_while_held(place: Path) -> Crash:
    """A run whose owner was killed during its second step."""
    trial = Trial(place / "held", GATED)
    owner = begun(trial)
    owner.kill()
    trial.heed(collected(owner))
    return Crash(trial, place / "kept")


def begun(trial: Trial, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """A run that has come to its second step."""
    owner = trial.start(*trial.beginning, env=env)
    until(partial(trial.has_begun, "hold"))
    return owner


def collected(process: subprocess.Popen[str]) -> Ended:
    """How a process ends."""
    stdout, stderr = process.communicate(timeout=PATIENCE)
    return Ended(process.returncode, stdout, stderr)


@contextmanager
def racing(trial: Trial) -> Iterator[Iterator[Ended]]:
    """Resumes a run by many processes at once; gives them in the order in which they end."""
    words = [sys.executable, "-m", "tests.torture.rivals", str(RIVALS), "resume", trial.run, "--events"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(words, cwd=trial.folder, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield (Ended(*json.loads(line)) for line in process.stdout)


@pytest.mark.row("R18")
def test_an_owner_that_wakes_after_the_run_was_completed_by_another_says_so_and_does_nothing(
    share: Share, place: Path
) -> None:
    for _ in share.seeds(4, sample=1):
        trial = Trial(place / "stopped", GATED)
        owner = begun(trial, SHORT)
        owner.send_signal(signal.SIGSTOP)
        trial.open_gate()
        assert taken_over(trial).code == 0
        owner.send_signal(signal.SIGCONT)
        old = trial.heed(collected(owner))
        assert old.code == 5, old
        assert f"run '{trial.run}' was taken over" in old.stderr
        trial.check()
        trial.remove()


@pytest.mark.row("R18")
def test_an_owner_that_wakes_leaves_alone_what_the_new_owner_runs(share: Share, place: Path) -> None:
    for _ in share.seeds(4, sample=1):
        trial = Trial(place / "stopped", GATED)
        owner = begun(trial, SHORT)
        owner.send_signal(signal.SIGSTOP)
        until(partial(silent, trial))
        heir = trial.start("resume", trial.run, "--events", env=SHORT)
        until(partial(trial.has_begun, "hold", 2))
        owner.send_signal(signal.SIGCONT)
        old = trial.heed(collected(owner))
        assert old.code == 5, old
        assert f"run '{trial.run}' was taken over by process {heir.pid}" in old.stderr
        trial.open_gate()
        new = trial.heed(collected(heir))
        assert new.code == 0, new
        trial.check()
        trial.remove()


@needs_strace
@pytest.mark.row("R18", parts=8)
def test_an_owner_that_is_stopped_at_any_moment_does_nothing_twice(share: Share, place: Path) -> None:
    log = place / "counted"
    assert Trial(place / "whole", SIX).begin(counting(log, BETWEEN)).code == 0
    for point in share.of(points(log), sample=1):
        trial = Trial(place / str(point), SIX)
        owner = trial.start(*trial.beginning, before=injecting(point, "signal=STOP"), env=SHORT)
        assert taken_over(trial).code in {0, 2}
        done = trial.effects
        wake(owner)
        old = trial.heed(collected(owner))
        assert old.code in {0, 5}, old
        assert trial.effects == done, f"stopped at {point}"
        trial.check()


@needs_strace
@pytest.mark.row("R18", parts=4)
def test_an_owner_that_is_stopped_while_it_writes_keeps_its_run(share: Share, place: Path) -> None:
    log = place / "counted"
    assert Trial(place / "whole", GATED).open_gate().begin(counting(log)).code == 0
    for point in share.of(syncs_of_commits(points(log)), sample=1) if share.whole else ():
        trial = Trial(place / str(point), GATED).open_gate()
        owner = trial.start(*trial.beginning, before=injecting(point, "signal=STOP"), env=SHORT)
        refused = taken_over(trial)
        assert "is in use by another process" in refused.stderr or trial.has_ended, refused
        assert refused.code in {2, 5}, refused
        wake(owner)
        assert trial.heed(collected(owner)).code == 0
        trial.check()


@pytest.mark.row("R18", parts=2)
def test_an_owner_that_is_stopped_while_it_makes_ready_to_ask_a_model_does_not_ask(share: Share, place: Path) -> None:
    for seed in share.seeds(2, sample=1) if share.whole else ():
        trial = Trial(place / str(seed), ASKING)
        with moody(seed, trouble=0.0) as server:
            owner = trial.start(*trial.beginning, env=SHORT)
            said = first_lines(owner, "first/call#1")
            owner.send_signal(signal.SIGSTOP)
            assert server.served == []
            assert taken_over(trial).code == 0
            asked = len(server.served)
            owner.send_signal(signal.SIGCONT)
            old = collected(owner)
            trial.heed(Ended(old.code, said + old.stdout, old.stderr))
            assert old.code == 5, old
            assert len(server.served) == asked
            trial.check()
            check_ledger(trial, server)


def first_lines(process: subprocess.Popen[str], word: str) -> str:
    """What a process tells up to the first line that has a word in it."""
    assert process.stdout is not None
    lines = [process.stdout.readline()]
    while word not in lines[-1]:
        lines.append(process.stdout.readline())
    return "".join(lines)


def syncs_of_commits(passed: list[Point]) -> list[Point]:
    """The syncs between the first event that is told and the last: those of commits."""
    told = [place for place, point in enumerate(passed) if point.call == "write"]
    return [point for point in passed[told[0] : told[-1]] if point.call == "fsync"]


def taken_over(trial: Trial) -> Ended:
    """The run is resumed by another process, as soon as that may."""
    until(lambda: silent(trial))
    return trial.resume(env=SHORT)


def silent(trial: Trial) -> bool:
    """Whether the run's owner has said nothing for longer than its lease, or there is none."""
    row = trial.row()
    return row is not None and (row.heartbeat is None or time.time() - row.heartbeat > 1.0)


def wake(traced: subprocess.Popen[str]) -> None:
    """Let the process go on that strace follows, unless it has ended."""
    for child in followed(traced):
        os.kill(child, signal.SIGCONT)


def followed(traced: subprocess.Popen[str]) -> list[int]:
    """The process that strace follows; none if it has ended."""
    if traced.poll() is not None:
        return []
    children = Path(f"/proc/{traced.pid}/task/{traced.pid}/children").read_text(encoding="ascii")
    return [int(child) for child in children.split()]


OWNERS: dict[str, tuple[dict[str, Any], int]] = {
    "alive": ({}, 5),
    "its number is another process's now": ({"owner_started": 1.0}, 0),
    "the machine was started anew": ({"owner_boot": "another boot/pid:[1]"}, 0),
    "no such process": ({"owner_pid": 2**22 + 1}, 0),
    "on another host": ({"owner_host": "elsewhere"}, 5),
    "on another host, silent": ({"owner_host": "elsewhere", "owner_lease": 1.0, "heartbeat": -9.0}, 0),
    "alive, and silent for a while of a long lease": ({"owner_lease": 600.0, "heartbeat": -500.0}, 5),
    "in another container": ({"owner_boot": "{boot}/pid:[1]"}, 5),
}


@pytest.mark.row("R19")
def test_an_owner_is_judged_by_more_than_its_number(share: Share, place: Path) -> None:
    crash = killed_while_held(place)
    for name in share.of(list(OWNERS), sample=2):
        change, code = OWNERS[name]
        trial = crash.again().open_gate()
        give_to(trial, current_owner(), change)
        ended = trial.resume(env=SHORT)
        assert ended.code == code, f"{name}: {ended}"
        if code:
            assert f"run '{trial.run}' is owned by process" in ended.stderr


def give_to(trial: Trial, owner: Owner, change: Mapping[str, Any]) -> None:
    """Let the run belong to an owner, changed in some way, that said so many seconds after now that it lives."""
    values: dict[str, Any] = {
        "owner_host": owner.host,
        "owner_pid": owner.pid,
        "owner_started": owner.started,
        "owner_boot": owner.boot,
        "owner_lease": owner.lease,
        "heartbeat": 0.0,
        **change,
    }
    values["heartbeat"] += time.time()
    values["owner_boot"] = values["owner_boot"].replace("{boot}", owner.boot.partition("/")[0])
    database = sqlite3.connect(trial.database)
    names = ", ".join(f"{name} = :{name}" for name in values)
    database.execute(f"UPDATE runs SET {names}", values)  # noqa: S608 - the names are written above
    database.commit()
    database.close()
