"""Marks that no ordinary program drops: a number that stands as the limit of resident memory.

Linux has ignored that limit since 2.4.30, but every process has it from the one that started it, whatever becomes of
its session, its parent and its environment; and it can be read.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256

_TOP = 1 << 61
"""So that no program takes the mark for a limit that it should keep to."""

_EPOCHS, _SERIALS = 12, 20
"""Bits for the epoch of a run's lease, and for the programs that are started under it."""

_RUN_BITS = 29


def run_mark(run: str) -> int:
    """What all marks of a run have in common, in their upper bits. `run` is what tells it from all others."""
    digest = int.from_bytes(sha256(run.encode()).digest()[:8], "big") % (1 << _RUN_BITS)
    return _TOP | digest << (_EPOCHS + _SERIALS)


def mark(run: str, epoch: int, serial: int) -> int:
    """The mark of one program, and of all that it starts."""
    return run_mark(run) | (epoch % (1 << _EPOCHS)) << _SERIALS | serial % (1 << _SERIALS)


def whole_run(run: str) -> tuple[int, int]:
    """The bits of a mark that tell of the run, and what they are."""
    return -1 << (_EPOCHS + _SERIALS), run_mark(run)


def whole_epoch(run: str, epoch: int) -> tuple[int, int]:
    """As `whole_run`, of what one owner of the run has started."""
    return -1 << _SERIALS, mark(run, epoch, 0)


def one_program(number: int) -> tuple[int, int]:
    """As `whole_run`, of one program."""
    return -1, number


def can_be_set() -> bool:
    """Whether this process may set marks: not where the limit is bounded for good."""
    return resource.getrlimit(resource.RLIMIT_RSS)[1] == resource.RLIM_INFINITY


@contextmanager
def marked(number: int | None) -> Iterator[None]:
    """Let all that is started meanwhile bear a mark. It is this whole process's, so that no other thread may start any.

    With None nothing is set.
    """
    if number is None:
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_RSS)
    resource.setrlimit(resource.RLIMIT_RSS, (number, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_RSS, before)


def mark_later(process: int, number: int | None) -> None:
    """Mark a process that runs already: what it has started by then bears no mark."""
    if number is not None and hasattr(resource, "prlimit"):
        try:
            resource.prlimit(process, resource.RLIMIT_RSS, (number, resource.RLIM_INFINITY))
        except (OSError, ValueError):  # it has ended, or has become another user's
            return


def limit_in(limits: bytes) -> int | None:
    """The mark in the text of `/proc/PID/limits`, if there is one."""
    _, found, rest = limits.partition(b"Max resident set")
    words = rest.split(None, 1)
    return int(words[0]) if found and words and words[0].isdigit() else None
