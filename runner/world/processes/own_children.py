"""The children of this process, found again at little cost: a machine may have thousands of other processes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress

from runner.world.processes import process_tree
from runner.world.processes.process_tree import ProcessEntry, look_up_any


class OwnChildren:
    """Finds this process's children, also those that have ended and are not reaped yet.

    What does not descend from it never becomes its child. Such strangers are remembered by id and by the number of
    their entry in /proc, which another process of that id does not have: they are not read again.
    """

    def __init__(self) -> None:
        self._strangers: set[tuple[int, int]] = set()

    def entries(self) -> list[ProcessEntry]:
        """The children by now."""
        listed = _listed()
        self._strangers &= listed
        others = listed - self._strangers
        read = [entry for process, _ in others if (entry := look_up_any(process)) is not None]
        parents = {entry.process.id: entry.parent for entry in read}
        strangers = {process for process, _ in self._strangers}
        self._strangers |= {key for key in others if _is_stranger(key[0], parents, strangers)}
        return [entry for entry in read if entry.parent == os.getpid()]


def _listed() -> set[tuple[int, int]]:
    """The ids of all processes, with the numbers of their entries; none where there is no /proc."""
    with suppress(OSError), os.scandir(process_tree.PROC) as listing:
        return {(int(entry.name), entry.inode()) for entry in listing if entry.name.isdigit()}
    return set()


def _is_stranger(process: int, parents: Mapping[int, int], strangers: set[int]) -> bool:
    """Whether it is sure that a process does not descend from this one. A parent may have ended meanwhile: then not."""
    passed: set[int] = set()
    while process in parents and process != os.getpid() and process not in passed:
        passed.add(process)
        process = parents[process]
    return process in strangers or (process == 0 and bool(passed))
