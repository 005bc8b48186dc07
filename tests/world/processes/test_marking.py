"""By what a process is known as one of a run's: a limit, a variable, its group, its parent; and who is spared."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.world.processes import guarding
from runner.world.processes.limit_marks import mark, mark_later, marked, one_program, run_mark, whole_epoch, whole_run
from runner.world.processes.process_tree import Marks, ProcessTree
from runner.world.processes.supervisor import Supervisor

OURS = f"MARKED={os.getpid()}."
"""A variable that only programs of this test have."""


@contextmanager
def telling(script: str, times: int) -> Iterator[tuple[list[int], subprocess.Popen[str]]]:
    """A script of `sh` in a session of its own, whose programs have told their ids and wait for a line or the end."""
    with subprocess.Popen(
        ["/bin/sh", "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={"PATH": os.environ["PATH"]},
    ) as process:
        assert process.stdout is not None
        yield [int(process.stdout.readline()) for _ in range(times)], process


TELLS = "echo $$; read line"


def found_in(tree: ProcessTree) -> set[int]:
    return {process.id for process in tree.members()}


@pytest.mark.parametrize("limit", ["0", "12345"])
def test_without_a_mark_no_limit_tells_of_anything(limit: str) -> None:
    """A stranger may have any limit, also none at all of memory."""
    with telling(f"ulimit -m {limit}; {TELLS}", 1) as ([stranger], _):
        assert not Marks(-1, 0, (OURS,)).are_on(stranger)


def test_a_limit_tells_of_a_program_of_its_owner_and_of_the_run() -> None:
    with marked(mark("r", 2, 3)), telling(TELLS, 1) as ([process], _):
        for bits, value in (one_program(mark("r", 2, 3)), whole_epoch("r", 2), whole_run("r")):
            assert Marks(bits, value).are_on(process)
        for bits, value in (one_program(mark("r", 2, 4)), whole_epoch("r", 3), whole_run("s")):
            assert not Marks(bits, value).are_on(process)


@given(st.text(), st.integers(1, 2**40), st.integers(1, 2**40))
def test_a_mark_is_no_limit_that_any_program_keeps_to(run: str, epoch: int, serial: int) -> None:
    assert 1 << 61 <= run_mark(run) <= mark(run, epoch, serial) < 1 << 62


def test_a_mark_is_on_what_is_started_meanwhile_and_on_nothing_later() -> None:
    before = resource.getrlimit(resource.RLIMIT_RSS)
    with suppress(OSError), marked(mark("r", 1, 1)):
        assert resource.getrlimit(resource.RLIMIT_RSS) != before
        raise OSError("no such program")
    assert resource.getrlimit(resource.RLIMIT_RSS) == before
    with marked(None):
        assert resource.getrlimit(resource.RLIMIT_RSS) == before


def test_whoever_has_more_to_do_than_a_run_is_never_marked_itself() -> None:
    before, supervisor = resource.getrlimit(resource.RLIMIT_RSS), Supervisor("r", 1)
    with supervisor.starting() as program, telling(TELLS, 1) as ([process], _):
        assert resource.getrlimit(resource.RLIMIT_RSS) == before
        program.leader = process
        mark_later(process, program.number)
        assert Marks(-1, program.number or 0).are_on(process)


def test_a_program_that_has_ended_before_it_is_marked_is_let_be() -> None:
    with telling("echo $$", 1) as ([process], running):
        running.wait()
        mark_later(process, mark("r", 1, 1))


CHAIN = """
inmost='echo $$; read line'
inner='echo $$; env -i /bin/sh -c "$0"; :'
env {first} /bin/sh -c 'echo $$; env {second} /bin/sh -c "$0" "$1"; :' "$inner" "$inmost"; :
"""
"""A shell in a shell, and one in that, which has nothing in its environment."""


def test_what_descends_from_a_program_that_bears_a_mark_belongs_to_it_unless_it_is_spared() -> None:
    tree = ProcessTree(Marks(variables=(OURS,)))
    with telling(CHAIN.format(first=OURS, second=""), 3) as ([outer, inner, bare], _):
        assert found_in(tree) == {outer, inner, bare}
        assert found_in(tree._replace(spared=inner)) == {outer, bare}


def test_what_only_descends_from_the_spared_is_none_of_the_run() -> None:
    tree = ProcessTree(Marks(variables=(OURS,)))
    with telling(CHAIN.format(first="", second=OURS), 3) as ([_, owner, bare], _):
        assert found_in(tree) == {owner, bare}
        assert found_in(tree._replace(spared=owner)) == set()


def test_an_orphan_that_bears_no_mark_is_known_by_its_group() -> None:
    with telling(f"exec 3<&0; (env -i /bin/sh -c '{TELLS}' <&3 &)", 1) as ([orphan], running):
        os.waitid(os.P_PID, running.pid, os.WEXITED | os.WNOWAIT)
        assert found_in(ProcessTree(Marks(), running.pid)) == {orphan}
        assert found_in(ProcessTree(Marks())) == set()


def test_a_run_does_without_a_guardian_where_none_can_be_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guarding, "_SHELL", "/no/shell")
    monkeypatch.setattr(sys, "executable", "/no/python")
    assert guarding.Guardian.start(*whole_epoch("r", 1), OURS) is None
    supervisor = Supervisor("r", 1, guarded=True)
    with supervisor.starting() as program, telling(TELLS, 1) as ([process], _):
        program.leader = process
    supervisor.close()
