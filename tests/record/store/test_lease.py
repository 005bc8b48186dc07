"""Leases: whose process still lives, and when a run may be taken over."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from runner.record.store.contract import LEASE_SECONDS, Owner, RunRow
from runner.record.store.lease import PROC, SHORTEST_LEASE, beat_seconds, current_owner, is_alive, may_take_over

TICKS = os.sysconf("SC_CLK_TCK")
PID = os.getpid()


def make_proc(folder: Path, *, boot: str = "boot-1", namespace: str = "pid:[1]", started: int = 500) -> Path:
    """A /proc of a machine on which this process runs, started so many ticks after boot."""
    (folder / "sys/kernel/random").mkdir(parents=True)
    (folder / "sys/kernel/random/boot_id").write_text(f"{boot}\n")
    (folder / "self/ns").mkdir(parents=True)
    (folder / "self/ns/pid").symlink_to(namespace)
    add_process(folder, PID, started)
    return folder


def add_process(proc: Path, pid: int, started: int, state: str = "S", name: str = "wf) S (x y") -> None:
    (proc / str(pid)).mkdir(exist_ok=True)
    fields = [state, *["0"] * 18, str(started), *["0"] * 30]
    (proc / str(pid) / "stat").write_text(f"{pid} ({name}) {' '.join(fields)}\n")


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    return make_proc(tmp_path / "proc")


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def row(owner: Owner | None, heartbeat: float | None = 100.0) -> RunRow:
    return RunRow("run", "flow", "1", "hash", "running", 50.0, 60.0, 3, 1, owner, heartbeat)


def test_this_process_is_alive() -> None:
    owner = current_owner()
    assert owner.pid == PID
    assert current_owner() == owner
    assert is_alive(owner) is True


def test_the_owner_is_told_by_start_and_boot(proc: Path) -> None:
    owner = current_owner(proc)
    assert (owner.started, owner.boot) == (500 / TICKS, "boot-1/pid:[1]")
    assert is_alive(owner, proc) is True


@pytest.mark.parametrize(
    ("change", "alive"),
    [
        ({"pid": 999_999_999}, False),
        ({"started": 499 / TICKS}, False),
        ({"boot": "boot-0/pid:[1]"}, False),
        ({"boot": "boot-0/pid:[2]"}, False),
        ({"boot": "boot-1/pid:[2]"}, None),
        ({"host": "elsewhere"}, None),
        ({"boot": ""}, False),
        ({}, True),
    ],
    ids=["no such pid", "pid reused", "rebooted", "rebooted, contained", "container", "host", "no boot id", "itself"],
)
def test_an_owner_is_judged_by_all_that_tells_it_apart(
    proc: Path, change: dict[str, object], alive: bool | None
) -> None:
    owner = replace(current_owner(proc), **change)
    assert is_alive(owner, proc) is alive


@pytest.mark.parametrize(
    ("state", "alive"), [("R", True), ("S", True), ("D", True), ("T", True), ("Z", False), ("X", False)]
)
def test_a_zombie_does_not_live_and_a_stopped_process_does(proc: Path, state: str, alive: bool) -> None:
    owner = current_owner(proc)
    add_process(proc, PID, 500, state)
    assert is_alive(owner, proc) is alive


@pytest.mark.parametrize("content", ["", "1 (wf", "1 (wf) S", "1 (wf) " + "S " * 60, "\x00\xff"])
def test_a_process_that_can_not_be_read_is_none(proc: Path, content: str) -> None:
    owner = current_owner(proc)
    (proc / str(PID) / "stat").write_text(content)
    assert is_alive(owner, proc) is False


@pytest.mark.skipif(not PROC.exists(), reason="there is no /proc here")
def test_a_process_dies_and_is_seen_to(sleeper: subprocess.Popen[bytes]) -> None:
    ours = current_owner()
    fields = (PROC / str(sleeper.pid) / "stat").read_text().rpartition(")")[2].split()
    owner = replace(ours, pid=sleeper.pid, started=int(fields[19]) / TICKS)
    assert is_alive(owner) is True
    sleeper.kill()
    sleeper.wait()
    assert is_alive(owner) is False


def test_where_there_is_no_proc_the_pid_alone_tells(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    nowhere = tmp_path / "nowhere"
    owner = replace(current_owner(nowhere), pid=sleeper.pid)
    assert (owner.started, owner.boot) == (0.0, "")
    assert is_alive(owner, nowhere) is True
    sleeper.kill()
    sleeper.wait()
    assert is_alive(owner, nowhere) is False
    assert is_alive(replace(owner, pid=1), nowhere) is True


def test_a_run_without_an_owner_may_be_taken(proc: Path) -> None:
    assert may_take_over(row(None), 100.0, proc=proc)


def test_a_dead_owners_run_may_be_taken_at_once(proc: Path) -> None:
    dead = replace(current_owner(proc), pid=999_999_999)
    assert may_take_over(row(dead), 100.0, proc=proc)


@pytest.mark.parametrize("host", ["", "elsewhere"])
@pytest.mark.parametrize(
    ("silence", "taken"), [(0.0, False), (LEASE_SECONDS, False), (LEASE_SECONDS + 0.1, True), (-5.0, False)]
)
def test_an_owner_that_lives_or_may_live_keeps_its_run_while_its_heart_beats(
    proc: Path, host: str, silence: float, taken: bool
) -> None:
    owner = current_owner(proc)
    owner = replace(owner, host=host or owner.host)
    assert may_take_over(row(owner), 100.0 + silence, proc=proc) is taken


@pytest.mark.parametrize("lease", [SHORTEST_LEASE, LEASE_SECONDS, 600.0])
def test_an_owner_is_judged_by_the_length_of_its_own_lease(proc: Path, lease: float) -> None:
    owner = current_owner(proc, lease)
    assert not may_take_over(row(owner), 100.0 + lease, proc=proc)
    assert may_take_over(row(owner), 100.1 + lease, proc=proc)
    assert beat_seconds(owner) <= lease / 4


def test_a_heart_that_never_beat_counts_from_the_runs_begin(proc: Path) -> None:
    unheard = row(current_owner(proc), None)
    assert not may_take_over(unheard, 50.0 + LEASE_SECONDS, proc=proc)
    assert may_take_over(unheard, 51.0 + LEASE_SECONDS, proc=proc)
