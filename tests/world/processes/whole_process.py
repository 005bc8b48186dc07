"""What a supervisor does in a process that is the run's alone. Each of these needs such a process: see the tests."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from signal import SIGKILL
from typing import Any, NamedTuple
from unittest import mock

from runner.world.processes import supervisor as module
from runner.world.processes.process_tree import look_up, look_up_any
from runner.world.processes.supervisor import VARIABLE, Program, Supervisor

STAYS = "echo $$; read line"
"""What an orphan does: it tells its id, and stays until it is killed or this process is over."""

LEAVES = f"exec 3<&0; (setsid sh -c '{STAYS}' <&3 &)"
LEAVES_UNKNOWN = f"exec 3<&0; (env -i setsid /bin/sh -c 'ulimit -m 12345; {STAYS}' <&3 &)"


class Started(NamedTuple):
    """A program that a supervisor knows, and the lines that it prints."""

    program: Program
    process: subprocess.Popen[str]

    def line(self) -> int:
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())


def start(supervisor: Supervisor, script: str) -> Started:
    with supervisor.starting() as program:
        process = shell(script, start_new_session=True, env={**os.environ, VARIABLE: program.variable})
        program.leader = process.pid
    return Started(program, process)


def shell(script: str, **more: Any) -> subprocess.Popen[str]:
    argv = ["/bin/sh", "-c", script]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **more)


def has_ended(process: int) -> None:
    """Wait until it has, and leave how to whoever asks."""
    os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)


def kill(process: int) -> None:
    os.kill(process, SIGKILL)
    has_ended(process)


def whole() -> Supervisor:
    return Supervisor(f"whole-{os.getpid()}", 1, whole=True)


def what_a_library_has_started_here_is_no_orphan() -> None:
    supervisor = whole()
    start(supervisor, "exit").process.wait()
    lasting, over = shell("read line"), shell("exit 7")
    has_ended(over.pid)
    assert supervisor.whole_tree().members() == set()
    supervisor.reap()
    assert over.wait() == 7
    assert lasting.poll() is None


def how_a_program_ended_is_left_to_who_started_it() -> None:
    """Though an orphan has ended too, which is let go."""
    supervisor = whole()
    leaving = start(supervisor, LEAVES)
    orphan = leaving.line()
    leaving.process.wait()
    failing = start(supervisor, "exit 3").process
    has_ended(failing.pid)
    kill(orphan)
    supervisor.reap()
    assert look_up_any(orphan) is None
    assert failing.wait() == 3


def it_looks_at_other_processes_only_if_an_orphan_may_have_ended() -> None:
    supervisor = whole()
    supervisor.reap()
    lasting = start(supervisor, "read line")

    with mock.patch.object(module, "children_of", side_effect=AssertionError):
        reap_nothing(supervisor, lasting.process)


def reap_nothing(supervisor: Supervisor, lasting: subprocess.Popen[str]) -> None:
    supervisor.reap()
    kill(lasting.pid)
    supervisor.reap()
    assert lasting.wait() == -SIGKILL
    supervisor.reap()


def a_program_is_over_once_no_orphan_lives_that_may_be_its_own() -> None:
    supervisor = whole()
    serving, _ = start(supervisor, LEAVES_UNKNOWN), start(supervisor, "read line")
    known = serving.line()
    serving.process.wait()
    assert not supervisor.is_over(serving.program, thorough=False)
    kill(known)
    assert supervisor.is_over(serving.program, thorough=False), "what has ended is nothing that is left"


def what_a_completed_program_has_left_is_none_of_the_next() -> None:
    supervisor = whole()
    serving = start(supervisor, LEAVES_UNKNOWN)
    known = serving.line()
    serving.process.wait()
    assert [left.process for left in supervisor.leave(serving.program, lambda: None)] == [known]
    later = start(supervisor, "exit")
    later.process.wait()
    assert supervisor.is_over(later.program, thorough=False)


def where_a_shell_with_children_became_this_process_a_look_at_all_tells_what_is_left() -> None:
    stranger, supervisor = shell(f"{LEAVES_UNKNOWN}; read line"), whole()
    serving = start(supervisor, LEAVES)
    left = serving.line()
    serving.process.wait()
    assert not supervisor.is_over(serving.program, thorough=False)
    assert {process.id for process in supervisor.whole_tree().members()} == {left}
    assert stranger.stdout is not None
    other = int(stranger.stdout.readline())
    assert look_up(other) is not None


SCENARIOS: tuple[Callable[[], None], ...] = (
    what_a_library_has_started_here_is_no_orphan,
    how_a_program_ended_is_left_to_who_started_it,
    it_looks_at_other_processes_only_if_an_orphan_may_have_ended,
    a_program_is_over_once_no_orphan_lives_that_may_be_its_own,
    what_a_completed_program_has_left_is_none_of_the_next,
    where_a_shell_with_children_became_this_process_a_look_at_all_tells_what_is_left,
)
