"""Finding and signalling what is left of a step: by group, by descent, and by the step's marks in the environment."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from signal import Signals

import msgspec

PROC = "/proc"
_ENDED = (b"Z", b"X")
_PARENT, _GROUP, _STARTED = 1, 2, 19


class Process(msgspec.Struct, frozen=True, order=True):
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


class ProcessEntry(msgspec.Struct, frozen=True):
    """What the system tells of a process that has not ended."""

    process: Process
    parent: int
    group: int


class ProcessTree(msgspec.Struct, frozen=True):
    """A step's processes: the group of the one it started, all that carry its marks, and the descendants of all these.

    The marks are variables of the environment. With that of the attempt among them, it is only the processes of that
    one: when a run has passed to another process, both may attempt the step.

    A process that left the group, lost its parent and cleared its environment is not found. Where the system has no
    /proc, the group is all there is.
    """

    marks: Mapping[str, str]
    leader: int | None = None

    def members(self) -> set[Process]:
        """Those that have not ended."""
        if not os.path.isdir(PROC):  # noqa: PTH112 - as the rest of this module, for speed
            group = Process(0, -self.leader) if self.leader else None
            return {group} if group and group.is_alive else set()
        entries = list(living())
        spared = _own_line(entries)
        roots = {entry.process.id for entry in entries if entry.group == self.leader or carries(entry, self.marks)}
        found = _with_descendants(roots - spared, entries) - spared
        return {entry.process for entry in entries if entry.process.id in found}


def look_up(process: int) -> ProcessEntry | None:
    """A process that has not ended, or None. Its name may hold brackets and spaces: what follows starts at the last."""
    fields = _read(process, "stat").rpartition(b")")[2].split()
    if not fields or fields[0] in _ENDED:
        return None
    return ProcessEntry(Process(int(fields[_STARTED]), process), int(fields[_PARENT]), int(fields[_GROUP]))


def living() -> Iterator[ProcessEntry]:
    """All processes that have not ended."""
    for name in os.listdir(PROC):  # noqa: PTH208 - as above
        if name.isdigit() and (entry := look_up(int(name))):
            yield entry


def carries(entry: ProcessEntry, marks: Mapping[str, str]) -> bool:
    """Whether a process was started with these variables."""
    environment = _read(entry.process.id, "environ").split(b"\0")
    return all(f"{name}={value}".encode("utf-8", "surrogateescape") in environment for name, value in marks.items())


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
    """This process and its ancestors: where `wf` itself was started by a step, they carry a key too."""
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
