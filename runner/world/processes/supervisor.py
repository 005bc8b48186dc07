"""What a run has started in this process: known by marks, counted, named when left running, ended in the end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import count

import msgspec

from runner.ground.plain import one_line
from runner.record.event_parts import LeftRunning
from runner.world.processes import limit_marks
from runner.world.processes.guarding import Guardian
from runner.world.processes.orphans import adopt_orphans
from runner.world.processes.own_children import OwnChildren
from runner.world.processes.process_tree import (
    Marks,
    Process,
    ProcessEntry,
    ProcessTree,
    alive,
    children_of,
    words_of,
)

VARIABLE = "WF_RUN_MARK"
"""The variable by which programs are known where limits can't be marked, or where a program has set its own."""


_MANY = 64
"""Programs that left something running, from which on those are forgotten of which nothing runs any more."""


_UNNAMED = count(1)
"""Tells those apart that no run is named for."""


class Program(msgspec.Struct, eq=False):
    """One program that was started: its mark as a number and in words, and its own process."""

    number: int | None
    variable: str
    leader: int = 0
    seen: set[Process] = msgspec.field(default_factory=set)
    let_go: Callable[[], None] = msgspec.field(default=lambda: None)
    """Stops reading what it prints, once it has ended."""


def run_marks(run: str) -> Marks:
    """How everything is known that was ever started for a run, under whatever owner."""
    return Marks(*limit_marks.whole_run(run), (f"{VARIABLE}={run}.",))


class Supervisor:
    """Knows the programs of one run that this process drives.

    `run` marks them, with the `epoch` of its lease; `mask` hides secrets in their arguments. With `whole`,
    this process has nothing to do but to drive the run: orphans become its children, so that none gets away; unless a
    shell with children has become this process, whose orphans are the user's. With `guarded`, a guardian ends all if
    this process is killed.
    """

    def __init__(
        self,
        run: str = "",
        epoch: int = 0,
        mask: Callable[[str], str] = str,
        *,
        whole: bool = False,
        guarded: bool = False,
    ) -> None:
        self._run = run or f"{os.getpid()}-{next(_UNNAMED)}"
        self._mask = mask
        self._epoch = epoch
        self._whole = whole
        self._adopts = False
        self._guarded = guarded
        self._guardian: Guardian | None = None
        self._count = 0
        self._under_way: list[Program] = []
        self._left: list[Program] = []
        self._hosts: list[Program] = []
        self._before: set[Process] = set()
        self._children = OwnChildren()

    @contextmanager
    def starting(self) -> Iterator[Program]:
        """A program that is about to be started; whoever does sets its leader."""
        if not self._count:
            self._prepare()
        self._count += 1
        number = limit_marks.mark(self._run, self._epoch, self._count) if limit_marks.can_be_set() else None
        program = Program(number, f"{self._run}.{self._epoch}.{self._count}.")
        with limit_marks.marked(number if self._whole else None):
            yield program
        if not self._whole:  # other threads may start something of their own, which must not bear the mark
            limit_marks.mark_later(program.leader, number)
        self._under_way.append(program)

    def _prepare(self) -> None:
        may_adopt = self._whole and not children_of(os.getpid())
        if self._guarded:
            marks = self._marks()
            self._guardian = Guardian.start(marks.bits, marks.value, *marks.variables)
        if may_adopt:
            self._before = {entry.process for entry in children_of(os.getpid())}  # the guardian, where it is a child
            self._adopts = adopt_orphans()

    def _marks(self) -> Marks:
        """How everything is known that this owner of the run starts."""
        bits, value = limit_marks.whole_epoch(self._run, self._epoch)
        return Marks(bits, value, (f"{VARIABLE}={self._run}.{self._epoch}.",))

    def tree_of(self, program: Program) -> ProcessTree:
        """The program's own process, and all that it has started."""
        marks = Marks(-1, program.number or 0, (f"{VARIABLE}={program.variable}",))
        return ProcessTree(marks, program.leader, self._is_orphan if self._is_alone(program) else _nothing)

    def _is_alone(self, program: Program) -> bool:
        """Whether every orphan must be of this program: no other is under way, and none has left anything."""
        return self._adopts and self._under_way == [program] and not self._left

    def whole_tree(self) -> ProcessTree:
        """Everything of the run that is left."""
        return ProcessTree(self._marks(), None, self._is_orphan if self._adopts else _nothing)

    def _is_orphan(self, entry: ProcessEntry) -> bool:
        """Whether a child of this process was handed to it, and nobody knows yet what left it."""
        return self._was_adopted(entry) and not any(entry.process in program.seen for program in self._left)

    def _was_adopted(self, entry: ProcessEntry) -> bool:
        """Whether a child was handed to this process when its own parent ended.

        All that a program starts has another session than this process; what a library here has started has the same.
        """
        if entry.parent != os.getpid() or entry.process in self._before or entry.session == os.getsid(0):
            return False
        return not self._is_leader(entry.process.id)

    def _is_leader(self, process: int) -> bool:
        return any(program.leader == process for program in (*self._under_way, *self._hosts))

    def is_over(self, program: Program, *, thorough: bool) -> bool:
        """Whether nothing is left of a program whose own process was reaped.

        Where this process adopts orphans, it becomes the parent of all that a program leaves, which costs little to
        see. Elsewhere what has left the program's group is found only by a look at all processes there are: a process
        that has more to do than to drive the run looks only if it is to be `thorough`.
        """
        if Process(0, -program.leader).is_alive:
            return False
        if not self._adopts:
            return not ((self._whole or thorough) and self.tree_of(program).members())
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return True
        return all(child.has_ended for child in self._children.entries() if self._is_orphan(child))

    def forget(self, program: Program) -> None:
        """Nothing is left of a program."""
        (self._hosts if program in self._hosts else self._under_way).remove(program)

    @property
    def can_host(self) -> bool:
        """Whether processes that a program makes for this one can be told apart, and their end be seen."""
        return limit_marks.can_be_set() and _has_handles()

    @property
    def hosted(self) -> int:
        """How many programs stand by to make processes."""
        return len(self._hosts)

    def host(self, program: Program, let_go: Callable[[], None]) -> None:
        """Let a program stand by until the run's end: it belongs to no step. `let_go` ends and forgets it."""
        self._under_way.remove(program)
        program.let_go = let_go
        self._hosts.append(program)

    def dismiss_hosts(self) -> None:
        """End the programs that stand by."""
        for program in tuple(self._hosts):
            program.let_go()

    def leave(self, program: Program, let_go: Callable[[], None]) -> tuple[LeftRunning, ...]:
        """What a program that ended well leaves running; it may, until the run ends. `let_go` is called then."""
        program.seen = self.tree_of(program).members()
        self._under_way.remove(program)
        program.let_go = let_go
        if len(self._left) >= _MANY:
            self._left = [left for left in self._left if alive(left.seen)]
        self._left.append(program)
        return self._named(program.seen)

    def reap(self) -> None:
        """Let orphans go that have ended: who started them will not ask."""
        if not self._adopts:
            return
        with suppress(ChildProcessError):
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None or self._is_leader(ended.si_pid):  # whoever started that one asks how it ended
                return
            for child in children_of(os.getpid()):
                if self._was_adopted(child):
                    os.waitpid(child.process.id, os.WNOHANG)

    @property
    def left(self) -> tuple[LeftRunning, ...]:
        """What completed programs have left running, and still runs."""
        return self._named(self.known_left())

    def known_left(self) -> set[Process]:
        """As `left`."""
        return alive(process for program in self._left for process in program.seen)

    @property
    def has_started_any(self) -> bool:
        """Whether there is anything that could be left."""
        return self._count > 0

    def _named(self, processes: Iterable[Process]) -> tuple[LeftRunning, ...]:
        words = ((process.id, self._mask(words_of(process.id))) for process in sorted(processes))
        return tuple(LeftRunning(process, one_line(shown)) for process, shown in words)

    def close(self) -> None:
        """Let go of everything; nothing runs any more."""
        self.dismiss_hosts()
        for program in self._left:
            program.let_go()
        self._left = []
        self.reap()
        if self._guardian is not None:
            self._guardian.dismiss()
            self._guardian = None


def _has_handles() -> bool:
    """Whether the system gives handles of processes: Linux does, since 5.3."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return True


def _nothing(_entry: ProcessEntry) -> bool:
    return False
