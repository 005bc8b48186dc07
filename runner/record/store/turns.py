"""Whose turn it is to write: processes that share a database file queue for it, and none of them starves.

SQLite lets a writer that finds the file locked sleep and try again. Who has just written is awake and mostly first
again, so among many some would wait until their patience ends. Here two locks make a turnstile (Dijkstra's "room"):
one process at a time stands next in line, and who has written has to queue anew for that place.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SUFFIX = "-turn"
"""What is added to a database's path to name the file that is locked; nothing is ever written to it."""

PATIENCE = 30.0
"""Seconds, at least, that a writer waits for each of the two places. It sleeps briefly: signals are heard meanwhile."""

_NEXT, _WRITING = 0, 1
"""The bytes of the file that stand for the two places."""

_PAUSES = {_NEXT: 0.001, _WRITING: 0.0002}
"""Seconds between two tries for a place. Only one process at a time tries for the second."""

_SET = getattr(fcntl, "F_OFD_SETLK", None)
"""Locks of one opening of a file (Linux): two connections of one process exclude each other too."""

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class TurnMissed(Exception):
    """Others held the right to write for longer than a writer waits."""


class Turns:
    """The turns of one connection. Without such locks, or where the file can't be made, SQLite's own have to do."""

    def __init__(self, path: Path | None) -> None:
        self._path = path if _SET is not None else None
        self._descriptor = -1
        self._depth = 0

    @property
    def are_mine(self) -> bool:
        """Whether the right to write is held."""
        return self._depth > 0

    @contextmanager
    def mine(self) -> Iterator[None]:
        """Hold the right to write. Raises TurnMissed."""
        if self._depth == 0:
            self._take()
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            if self._depth == 0:
                self._give(_WRITING)

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor, self._path = -1, None

    def _take(self) -> None:
        if self._descriptor < 0:
            self._open()
        if self._descriptor >= 0:
            self._wait_for(_NEXT)
            try:
                self._wait_for(_WRITING)
            finally:
                self._give(_NEXT)

    def _open(self) -> None:
        if self._path is not None:
            with suppress(OSError):
                self._descriptor = os.open(f"{self._path}{SUFFIX}", _FLAGS, 0o600)
                os.fchmod(self._descriptor, 0o600)  # what a strange umask took away
            self._path = None

    def _wait_for(self, place: int) -> None:
        pause = _PAUSES[place]
        for _ in range(int(PATIENCE / pause)):
            if self._lock(fcntl.F_WRLCK, place):
                return
            time.sleep(pause)  # noqa: TID251 - other processes are waited for, whose time no clock of a test moves
        raise TurnMissed

    def _give(self, place: int) -> None:
        if self._descriptor >= 0:
            self._lock(fcntl.F_UNLCK, place)

    def _lock(self, kind: int, place: int) -> bool:
        """Change the lock of a place without waiting; whether that was done. As fcntl(2) lays out `struct flock`."""
        try:
            fcntl.fcntl(self._descriptor, _SET or 0, struct.pack("hhqqi4x", kind, os.SEEK_SET, place, 1, 0))
        except (BlockingIOError, PermissionError):
            return False
        return True
