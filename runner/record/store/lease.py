"""Who owns a run, and whether that process still lives: judged by host, boot, pid and the process's start time."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from runner.record.store.contract import LEASE_SECONDS, Owner, RunRow

SHORTEST_LEASE = 1.0
"""Seconds. An engine that waits looks up four times in one: a shorter one might pass between two heartbeats."""

BEATS = 6
"""How often an owner says in the time of a lease that it lives."""

PROC = Path("/proc")

_DEAD_STATES = frozenset("ZXx")


def current_owner(proc: Path = PROC, lease: float = LEASE_SECONDS) -> Owner:
    """This process, for leases of `lease` seconds. Without a /proc, start time and boot are unknown (0 and empty)."""
    pid = os.getpid()
    _, started = _process(proc, pid) or ("", 0.0)
    return Owner(platform.node(), pid, started, _boot(proc), lease)


def is_alive(owner: Owner, proc: Path = PROC) -> bool | None:
    """Whether the owner still runs; None when this process can't see it (another host, another container)."""
    if owner.host != platform.node():
        return None
    boot, _, namespace = owner.boot.partition("/")
    here, _, namespace_here = _boot(proc).partition("/")
    if boot != here:
        return False
    if namespace != namespace_here:
        return None
    if not here:
        return _answers(owner.pid)
    found = _process(proc, owner.pid)
    return found is not None and found[1] == owner.started and found[0] not in _DEAD_STATES


def beat_seconds(owner: Owner) -> float:
    """How long an owner lets pass between two heartbeats, at most."""
    return owner.lease / BEATS


def may_take_over(row: RunRow, now: float, proc: Path = PROC) -> bool:
    """Whether another process may claim the run: nobody owns it, its owner is dead, or silent for all of its lease.

    Whatever became of an owner that was silent: the epoch fences it out.
    """
    if row.owner is None or is_alive(row.owner, proc) is False:
        return True
    last_word = row.created_at if row.heartbeat is None else row.heartbeat
    return now - last_word > row.owner.lease


def is_still_heard(row: RunRow, proc: Path = PROC) -> bool:
    """Whether the run has an owner that is not known to be dead, and may yet say that it lives."""
    return row.owner is not None and row.heartbeat is not None and is_alive(row.owner, proc) is not False


def _boot(proc: Path) -> str:
    """What tells this boot, and this container's view of processes, from others: `<boot id>/<pid namespace>`."""
    try:
        boot = (proc / "sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot}/{(proc / 'self/ns/pid').readlink()}"
    except OSError:
        return ""


def _process(proc: Path, pid: int) -> tuple[str, float] | None:
    """A process's state letter and start time (seconds after boot); None when there is none.

    The fields after the name, which may itself hold spaces and brackets, as proc_pid_stat(5) numbers them.
    """
    try:
        fields = (proc / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        return fields[0], int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return None


def _answers(pid: int) -> bool:
    """Whether a process bears this pid, where there is no /proc to tell more."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
