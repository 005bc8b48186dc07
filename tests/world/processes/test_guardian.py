"""What the guardian does once the one it guards is gone: in a time that is only told, and with real processes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from socket import socketpair
from typing import NamedTuple, cast

import pytest

from runner.world.processes import guardian, guarding
from runner.world.processes.limit_marks import one_program, run_mark
from runner.world.processes.process_tree import Process, ProcessTree, look_up
from tests.torture.trial import until
from tests.world.processes.test_marking import TELLS, telling

TERM, KILL = signal.SIGTERM, signal.SIGKILL
OURS = f"GUARDED={os.getpid()}."
"""A variable that only programs of this test have."""


class Told(NamedTuple):
    """A signal, and which process got it, in which second."""

    second: int
    number: signal.Signals
    process: int


class Processes:
    """Processes that a test makes up, in a time that passes only while the guardian sleeps.

    A look finds what `looks` say, the later ones what the last says. All end at SIGTERM but those that are `deaf`;
    what is `immortal` does not at SIGKILL either.
    """

    def __init__(self, *looks: set[int], deaf: Iterable[int] = (), immortal: Iterable[int] = ()) -> None:
        self.now = 0.0
        self.told: list[Told] = []
        self._looks = looks
        self._looked = 0
        self._deaf, self._immortal = {*deaf, *immortal}, set(immortal)
        self._gone: set[int] = set()

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def members(self) -> set[Process]:
        found = self._looks[min(self._looked, len(self._looks) - 1)]
        self._looked += 1
        assert self._looked < 10_000, "it never ends"
        return {Process(0, number) for number in found - self._gone}

    def alive(self, processes: Iterable[Process]) -> set[Process]:
        return {process for process in processes if process.id not in self._gone}

    def signal_all(self, processes: Iterable[Process], number: signal.Signals) -> None:
        self.told += [Told(int(self.now), number, process.id) for process in sorted(processes)]
        self._gone |= {process.id for process in processes} - (self._immortal if number == KILL else self._deaf)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Callable[[Processes], list[Told]]:
    """Lets the guardian end processes that are made up; gives what they were told."""

    def end(processes: Processes) -> list[Told]:
        for name, does in (("alive", processes.alive), ("signal_all", processes.signal_all), ("time", processes)):
            monkeypatch.setattr(guardian, name, does)
        guardian.end(cast("ProcessTree", processes))
        return processes.told

    return end


Ends = Callable[[Processes], list[Told]]


def test_all_are_asked_once_and_who_does_not_end_is_made_to_after_a_second(told: Ends) -> None:
    assert told(Processes({1, 2}, deaf={2})) == [(0, TERM, 1), (0, TERM, 2), (1, KILL, 2)]


def test_what_is_started_meanwhile_is_asked_too(told: Ends) -> None:
    assert told(Processes({1}, {1, 2}, deaf={1})) == [(0, TERM, 1), (0, TERM, 2), (1, KILL, 1)]


def test_what_no_trace_leads_to_any_more_stays_known(told: Ends) -> None:
    assert told(Processes({1, 2}, set(), deaf={2})) == [(0, TERM, 1), (0, TERM, 2), (1, KILL, 2)]


def test_where_none_is_found_it_looks_once_more(told: Ends) -> None:
    assert told(Processes({1}, set(), {2}, set(), {3}, set(), set(), {4})) == [
        (0, TERM, 1),
        (0, TERM, 2),
        (0, TERM, 3),
    ]
    assert told(Processes(set(), {1})) == [(0, TERM, 1)]


def test_what_can_not_be_killed_is_let_be_after_half_a_minute(told: Ends) -> None:
    said = told(Processes({1}, immortal={1}))
    assert {(number, second) for second, number, _ in said} == {(TERM, 0), *((KILL, second) for second in range(1, 30))}


class Guarded(NamedTuple):
    """A guardian of all that has our variable, and its process, which waits to be let go on before it is Python."""

    guardian: guarding.Guardian
    process: int
    gate: int

    def is_let_go_on(self) -> None:
        os.write(self.gate, b"go\n")


@pytest.fixture
def guarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guarded]:
    told, gate, python = tmp_path / "told", tmp_path / "gate", tmp_path / "python"
    for pipe in (told, gate):
        os.mkfifo(pipe)
    python.write_text(f'#!/bin/sh\necho $$ > {told}\nread go < {gate}\nexec {sys.executable} "$@"\n', encoding="utf-8")
    python.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(python))
    guard = guarding.Guardian.start(*one_program(run_mark(OURS)), OURS)
    assert guard is not None
    found = Guarded(guard, int(told.read_text(encoding="utf-8")), os.open(gate, os.O_RDWR))
    yield found
    found.is_let_go_on()
    guard.dismiss()
    until(lambda: look_up(found.process) is None)
    os.close(found.gate)


ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def test_it_ends_all_that_it_guards_though_it_was_asked_to_end_itself_before_it_was_ready(guarded: Guarded) -> None:
    bare = 'trap "" TERM; echo $$; read line'
    script = f"env {OURS} /bin/sh -c 'echo $$; env -i setsid /bin/sh -c \"$0\"; :' '{bare}'; :"
    with telling(script, 2) as (members, _):
        for number in ENDINGS:
            os.kill(guarded.process, number)
        guarded.is_let_go_on()
        guarded.guardian._wire.close()
        until(lambda: look_up(guarded.process) is None)
        assert [look_up(member) for member in members] == [None, None]


def test_where_no_shell_could_see_to_it_it_ignores_by_itself_what_asks_it_to_end() -> None:
    before = [signal.getsignal(number) for number in ENDINGS]
    ours, theirs = socketpair()
    with ours, theirs:
        ours.send(guarding.GOODBYE)
        guardian.main(str(theirs.fileno()), "0", "0", OURS)
    assert {signal.getsignal(number) for number in ENDINGS} == {signal.SIG_IGN}
    for number, handler in zip(ENDINGS, before, strict=True):
        signal.signal(number, handler)


def files_of(process: int) -> list[Path]:
    """What a process has open; nothing as soon as the system is about to end it."""
    with suppress(FileNotFoundError):
        return list(Path(f"/proc/{process}/fd").iterdir())
    return []


def test_once_dismissed_it_is_over_and_has_ended_nothing(guarded: Guarded) -> None:
    with telling(f"env {OURS} /bin/sh -c '{TELLS}'", 1) as ([marked], _):
        guarded.is_let_go_on()
        guarded.guardian._wire.settimeout(20.0)
        guarded.guardian.dismiss()
        assert not files_of(guarded.process), "the system may still be busy with it"
        assert look_up(marked) is not None


def test_one_that_stands_still_holds_up_nobody(guarded: Guarded) -> None:
    guarded.guardian.dismiss()
    assert look_up(guarded.process) is not None
