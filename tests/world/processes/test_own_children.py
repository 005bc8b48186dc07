"""Finding the children of this process again and again, and what of the others is read for it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from runner.world.processes import own_children
from runner.world.processes.own_children import OwnChildren
from runner.world.processes.process_tree import Process, ProcessEntry, children_of


@contextmanager
def child() -> Iterator[int]:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        yield process.pid


def ids(entries: list[ProcessEntry]) -> set[int]:
    return {entry.process.id for entry in entries}


def test_children_are_found_whenever_they_come_and_also_once_they_have_ended() -> None:
    children = OwnChildren()
    with child() as first:
        assert first in ids(children.entries())
        with child() as second:
            assert {first, second} <= ids(children.entries()) == ids(children_of(os.getpid()))
            os.kill(second, 9)
            os.waitid(os.P_PID, second, os.WEXITED | os.WNOWAIT)
            assert [entry.has_ended for entry in children.entries() if entry.process.id == second] == [True]
        assert second not in ids(children.entries())


class Machine:
    """A machine whose processes a test makes up: by id, the parent and the number of the entry."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, processes: Mapping[int, tuple[int, int]]) -> None:
        self.processes = dict(processes)
        self.gone: set[int] = set()
        self.read: list[int] = []
        monkeypatch.setattr(own_children, "_listed", lambda: {(id_, key) for id_, (_, key) in self.processes.items()})
        monkeypatch.setattr(own_children, "look_up_any", self.look_up)
        monkeypatch.setattr(os, "getpid", lambda: OWN)

    def look_up(self, process: int) -> ProcessEntry | None:
        self.read.append(process)
        found = None if process in self.gone else self.processes.get(process)
        return found and ProcessEntry(Process(0, process), found[0], process, process)

    def found_by(self, children: OwnChildren) -> tuple[set[int], set[int]]:
        """The children, and which were read."""
        self.read.clear()
        return ids(children.entries()), set(self.read)


SHELL, OWN, CHILD, GRANDCHILD, STRANGER, LATER = range(2, 8)
FAMILY = {1: (0, 1), SHELL: (1, 2), OWN: (SHELL, 3), CHILD: (OWN, 4), GRANDCHILD: (CHILD, 5), STRANGER: (SHELL, 6)}


def test_what_does_not_descend_from_this_process_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    machine, children = Machine(monkeypatch, FAMILY), OwnChildren()
    assert machine.found_by(children) == ({CHILD}, set(FAMILY))
    assert machine.found_by(children) == ({CHILD}, {OWN, CHILD, GRANDCHILD})
    machine.processes[LATER] = (STRANGER, 7)
    assert machine.found_by(children) == ({CHILD}, {OWN, CHILD, GRANDCHILD, LATER})
    assert machine.found_by(children) == ({CHILD}, {OWN, CHILD, GRANDCHILD})


def test_a_grandchild_is_one_of_the_children_once_it_was_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    machine, children = Machine(monkeypatch, FAMILY), OwnChildren()
    machine.found_by(children)
    del machine.processes[CHILD]
    machine.processes[GRANDCHILD] = (OWN, 5)
    assert machine.found_by(children)[0] == {GRANDCHILD}


def test_what_lost_its_parent_while_it_was_read_is_no_stranger(monkeypatch: pytest.MonkeyPatch) -> None:
    machine, children = Machine(monkeypatch, FAMILY), OwnChildren()
    machine.gone = {CHILD}
    assert machine.found_by(children)[0] == set()
    machine.processes[GRANDCHILD] = (OWN, 5)
    assert machine.found_by(children)[0] == {GRANDCHILD}


def test_another_process_that_has_got_a_strangers_id_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    machine, children = Machine(monkeypatch, FAMILY), OwnChildren()
    machine.found_by(children)
    machine.processes[STRANGER] = (OWN, 8)
    assert machine.found_by(children)[0] == {CHILD, STRANGER}


def test_without_proc_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.world.processes.process_tree.PROC", "/no/proc")
    assert OwnChildren().entries() == []
