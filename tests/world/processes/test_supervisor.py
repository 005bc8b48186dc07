"""What a supervisor tells apart: a run's programs, their orphans, what they left, and what is none of the run's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from signal import SIGKILL

import pytest

from runner.world.processes import supervisor as module
from runner.world.processes.supervisor import Supervisor
from tests.project import ROOT
from tests.world.processes.whole_process import LEAVES, SCENARIOS, has_ended, shell, start


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.__name__ for scenario in SCENARIOS])
def test_in_a_process_that_is_the_runs_alone(scenario: Callable[[], None]) -> None:
    program = f"from {scenario.__module__} import {scenario.__name__} as scenario; scenario()"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_elsewhere_what_has_left_its_programs_group_is_found_by_a_thorough_look() -> None:
    supervisor = Supervisor(f"elsewhere-{os.getpid()}", 1)
    started = start(supervisor, LEAVES)
    with started.process as process:
        started.line()
        process.wait()
        assert supervisor.is_over(started.program, thorough=False)
        assert not supervisor.is_over(started.program, thorough=True)


def test_elsewhere_how_a_child_ended_that_no_run_has_started_is_left_to_who_started_it() -> None:
    supervisor = Supervisor(f"elsewhere-{os.getpid()}", 1)
    with shell("exit 7", start_new_session=True) as child:
        has_ended(child.pid)
        supervisor.reap()
        assert child.wait() == 7


def test_of_many_programs_those_are_forgotten_of_which_nothing_runs_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MANY", 2)
    supervisor, let_go = Supervisor(f"many-{os.getpid()}", 1), list[int]()
    for number in range(4):
        started = start(supervisor, "sleep 1000 > /dev/null & echo $!" if number == 1 else "exit")
        started.process.communicate()
        supervisor.leave(started.program, lambda number=number: let_go.append(number))  # type: ignore[misc]
    (left,) = supervisor.left
    assert left.program == "sleep 1000"
    supervisor.close()
    assert let_go == [1, 3]
    assert supervisor.left == ()
    os.kill(left.process, SIGKILL)
