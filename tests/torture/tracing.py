"""strace: what a process asks of the system, call by call; and faults put into the Nth of them."""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

STRACE = shutil.which("strace") or ""

needs_strace = pytest.mark.skipif(not STRACE, reason="strace is not installed (apt install strace)")

WRITES = ("pwrite64", "write", "fsync", "fdatasync", "ftruncate", "unlink", "mkdir", "vfork", "clone", "clone3")
"""The calls by which `wf` changes anything outside itself: files, pipes, processes."""

_COUNTED = re.compile(r"^(?P<call>\w+)\(", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Point:
    """The Nth time that a process makes one of the system's calls."""

    call: str
    number: int

    def __str__(self) -> str:
        return f"{self.call} {self.number}"


def counting(log: Path, calls: Sequence[str] = WRITES) -> list[str]:
    """The beginning of a command whose main process's calls are to be counted."""
    return [STRACE, "-q", "-o", str(log), "-e", f"trace={','.join(calls)}"]


def injecting(point: Point, fault: str, *, onwards: bool = False, log: str = os.devnull) -> list[str]:
    """The beginning of a command that suffers a fault (`signal=KILL`, `error=EIO` …) at a point, or from there on.

    Only the main process suffers: what it starts is not followed.
    """
    when = f"{point.number}+" if onwards else str(point.number)
    inject = f"inject={point.call}:{fault}:when={when}"
    return [STRACE, "-q", "-o", log, "-e", f"trace={point.call}", "-e", inject]


def points(log: Path, calls: Sequence[str] = WRITES) -> list[Point]:
    """Every point that a counted command passed, in order."""
    seen: Counter[str] = Counter()
    found = []
    for call in _COUNTED.findall(log.read_text(encoding="utf-8", errors="replace")):
        seen[call] += 1
        if call in calls:
            found.append(Point(call, seen[call]))
    return found
