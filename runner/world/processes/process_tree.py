"""Finding and signalling what is left of a run: by group, by descent, by marks in limits and in the environment.

The guardian, a process of its own, imports this with little else: only the standard library is used.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from signal import Signals
from typing import NamedTuple

from runner.world.processes.limit_marks import limit_in

PROC = "/proc"
_ENDED = (b"Z", b"X")
_STATE, _PARENT, _GROUP, _SESSION, _STARTED = 0, 1, 2, 3, 19


class Process(NamedTuple):
    """A process, and when it was started: an id alone may come to mean another. Older ones come first.

    A negative id stands for a whole group, where the system tells nothing more.
    """

    started: int
    id: int

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended."""
        if self.id > 0:
            found = look_up(self.id)
            return found is not None and found.process == self
        with suppress(OSError):
            os.kill(self.id, 0)
            return True
        return False

    def signal(self, signal_: Signals) -> None:
        """Send a signal; one that has ended, or belongs to someone else, is passed over."""
        with suppress(ProcessLookupError, PermissionError):
            os.kill(self.id, signal_)


class ProcessEntry(NamedTuple):
    """What the system tells of a process that has not ended, or that nobody has asked yet how it did."""

    process: Process
    parent: int
    group: int
    session: int
    has_ended: bool = False


class Marks(NamedTuple):
    """How the processes of a program, or of a whole run, are known.

    The `bits` of their limit's mark are `value`; or one of their variables begins with one of `variables`.
    """

    bits: int = -1
    value: int = 0
    variables: tuple[str, ...] = ()

    def are_on(self, process: int) -> bool:
        """Whether a process bears them."""
        limit = limit_in(_read(process, "limits")) if self.value else None
        if limit is not None and limit & self.bits == self.value:
            return True
        environment = _read(process, "environ").split(b"\0") if self.variables else []
        wanted = tuple(variable.encode("utf-8", "surrogateescape") for variable in self.variables)
        return any(variable.startswith(wanted) for variable in environment)


def _no_orphan(_entry: ProcessEntry) -> bool:
    return False


class ProcessTree(NamedTuple):
    """Processes that belong together: a program's group, all that bear its marks, what was known of it before.

    And those of which `adopts` says so; and the descendants of all these. Where the system has no /proc, the group is
    all there is. A process that only bears the marks is `spared`, by its id: an owner has them while it starts a
    program.
    """

    marks: Marks
    leader: int | None = None
    adopts: Callable[[ProcessEntry], bool] = _no_orphan
    spared: int | None = None

    def members(self) -> set[Process]:
        """Those that have not ended."""
        if not os.path.isdir(PROC):  # noqa: PTH112 - as the rest of this module, for speed
            group = Process(0, -self.leader) if self.leader else None
            return {group} if group and group.is_alive else set()
        entries = list(living())
        spared = _own_line(entries) | ({self.spared} if self.spared else set())
        roots = {entry.process.id for entry in entries if self._has(entry)}
        found = _with_descendants(roots - spared, entries) - spared
        return {entry.process for entry in entries if entry.process.id in found}

    def _has(self, entry: ProcessEntry) -> bool:
        return entry.group == self.leader or self.marks.are_on(entry.process.id) or self.adopts(entry)


def look_up(process: int) -> ProcessEntry | None:
    """A process that has not ended, or None."""
    entry = look_up_any(process)
    return None if entry is None or entry.has_ended else entry


def look_up_any(process: int) -> ProcessEntry | None:
    """A process, also one that has ended and is not reaped yet, or None.

    Its name may hold brackets and spaces: what follows starts at the last.
    """
    fields = _read(process, "stat").rpartition(b")")[2].split()
    if not fields:
        return None
    started, parent, group, session = (int(fields[place]) for place in (_STARTED, _PARENT, _GROUP, _SESSION))
    return ProcessEntry(Process(started, process), parent, group, session, fields[_STATE] in _ENDED)


def living() -> Iterator[ProcessEntry]:
    """All processes that have not ended."""
    return (entry for process in ids() if (entry := look_up(process)))


def children_of(parent: int) -> list[ProcessEntry]:
    """The children of a process, also those that have ended and are not reaped yet."""
    entries = map(look_up_any, ids())
    return [entry for entry in entries if entry is not None and entry.parent == parent]


def ids() -> list[int]:
    """The ids of all processes; none where there is no /proc."""
    with suppress(OSError):
        return [int(name) for name in os.listdir(PROC) if name.isdigit()]  # noqa: PTH208 - as above
    return []


def words_of(process: int) -> str:
    """A process's program and arguments; its short name when it has none."""
    words = _read(process, "cmdline").rstrip(b"\0").replace(b"\0", b" ") or _read(process, "comm").strip()
    return words.decode("utf-8", "replace")


def _read(process: int, name: str) -> bytes:
    """A file of /proc; nothing when the process is gone, or another user's."""
    try:
        descriptor = os.open(f"{PROC}/{process}/{name}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        content = bytearray()
        while part := os.read(descriptor, 65_536):
            content += part
        return bytes(content)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def _own_line(entries: Iterable[ProcessEntry]) -> set[int]:
    """This process and its ancestors: where `wf` itself was started by a step, they bear marks too."""
    parents = {entry.process.id: entry.parent for entry in entries}
    line = set()
    process = os.getpid()
    while process and process not in line:
        line.add(process)
        process = parents.get(process, 0)
    return line


def _with_descendants(roots: set[int], entries: Iterable[ProcessEntry]) -> set[int]:
    found: set[int] = set()
    while roots - found:
        found |= roots
        roots = roots | {entry.process.id for entry in entries if entry.parent in found}
    return found


def alive(processes: Iterable[Process]) -> set[Process]:
    """Those that have not ended."""
    return {process for process in processes if process.is_alive}


def signal_all(processes: Iterable[Process], signal_: Signals) -> None:
    """Send a signal to each, the older first: a shell is to hear of the end before what it waits for has ended."""
    for process in sorted(processes):
        process.signal(signal_)
