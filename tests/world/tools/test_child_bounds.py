"""What a child can't get: time, memory, a deaf loop; and what may go wrong with it meanwhile."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import stat
from itertools import count
from pathlib import Path

import pytest

from runner.world.processes.process_tree import look_up
from runner.world.processes.supervisor import Supervisor
from runner.world.tools import child_process
from runner.world.tools.child_process import MAX_OUTPUT, end_left
from tests.world.tools import performing
from tests.world.tools.performing import MARK, Notices, done, failed, in_time, perform, script, starting
from tests.world.tools.test_child import cancelled, kept_by_children, open_files


def test_what_escaped_of_a_program_that_fails_is_ended_with_it(notices: Notices, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    escapes = f"setsid sh -c 'echo $$ > {notices.path}; exec sleep 1000' > /dev/null 2>&1 &"

    async def scenario() -> None:
        outcome = asyncio.ensure_future(starting(script(f"{escapes}\nread go < {tmp_path}/gate; exit 3")))
        process = await notices.process()
        (tmp_path / "gate").write_text("go\n")
        assert failed(await outcome)[0] == "tool_failed"
        assert look_up(process) is None

    in_time(scenario())


def test_what_nothing_tells_of_but_that_it_holds_a_pipe_may_go_on_writing(
    notices: Notices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the run's end, when nobody listens any more."""
    for name in ("gate", "later", "last"):  # one each: who closes late would end what is read next
        os.mkfifo(tmp_path / name)
    writes = f"ulimit -m 12345; echo $$ > {notices.path}; read go < later; echo more; echo wrote > {notices.path}"
    bare = f"(env -i setsid /bin/sh -c '{writes}; read go < last' &)"

    async def scenario() -> None:
        monkeypatch.setattr(performing, "SUPERVISOR", supervisor := Supervisor(f"{MARK}-own"))
        before = open_files()
        outcome = asyncio.ensure_future(starting(script(f"{bare}\nread go < gate", cwd=str(tmp_path))))
        await notices.process()
        (tmp_path / "gate").write_text("go\n")
        done(await outcome)
        (tmp_path / "later").write_text("go\n")
        assert await notices.line() == "wrote"
        await end_left(supervisor, 5.0)
        supervisor.close()
        assert open_files() <= before
        (tmp_path / "last").write_text("go\n")

    in_time(scenario())


def test_what_has_lost_its_parent_and_every_mark_has_its_time_to_end_too(
    notices: Notices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked together with its parent, which ends at once; after that only memory tells of it."""
    monkeypatch.setattr(child_process, "_POLL", 0)
    bare = f"trap 'echo asked > {notices.path}; read go < {tmp_path}/gate; echo cleaned > {tmp_path}/mark; exit' TERM"
    bare = f"{bare}; echo $$ > {notices.path}; while :; do read never < {tmp_path}/never; done"
    (tmp_path / "bare").write_text(bare)
    for name in ("gate", "never"):
        os.mkfifo(tmp_path / name)

    async def scenario() -> None:
        text = f"env -i setsid /bin/sh {tmp_path}/bare; :"
        work = asyncio.ensure_future(starting(script(text), grace=1000))
        await notices.process()
        work.cancel()
        assert await notices.line() == "asked"
        for _ in range(50):  # so often it is looked for what is left
            await asyncio.sleep(0)
        (tmp_path / "gate").write_text("go\n")
        with pytest.raises(asyncio.CancelledError):
            await work

    in_time(scenario())
    assert (tmp_path / "mark").read_text() == "cleaned\n"


def test_what_is_started_while_cleaning_up_has_its_time_to_end_too(notices: Notices, tmp_path: Path) -> None:
    late = f"trap 'echo cleaned > {tmp_path}/mark; exit' TERM; echo up > {tmp_path}/up"
    (tmp_path / "late").write_text(f"{late}; while :; do read never < {tmp_path}/never; done")
    for name in ("up", "never"):
        os.mkfifo(tmp_path / name)
    trap = f"trap 'sh {tmp_path}/late & read go < {tmp_path}/up; exit' TERM"
    text = f"{trap}; echo $$ > {notices.path}; while :; do read never < {tmp_path}/never; done"
    in_time(cancelled(starting(script(text), grace=1000), notices.process))
    assert (tmp_path / "mark").read_text() == "cleaned\n"


@pytest.mark.filterwarnings("ignore:subprocess")
def test_what_became_another_users_is_let_be_and_what_it_started_is_ended(
    notices: Notices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No signal reaches it, and the system does not even say that its group is there."""
    monkeypatch.setattr(child_process, "_KILL_ROUNDS", 3)
    os.mkfifo(tmp_path / "never")
    processes: list[int] = []
    kill = os.kill

    def another_users(process: int, number: int) -> None:
        if abs(process) == processes[0]:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        kill(process, number)

    async def both_started() -> None:
        processes.extend([await notices.process(), await notices.process()])
        monkeypatch.setattr(os, "kill", another_users)

    tells = f"echo $$ > {notices.path}; read never < {tmp_path}/never"
    in_time(cancelled(starting(script(f"setsid sh -c '{tells}' & {tells}"), grace=0.01), both_started))
    assert [bool(look_up(process)) for process in processes] == [True, False]
    kill(processes[0], signal.SIGKILL)


def test_of_a_flood_little_is_kept_whatever_it_writes_while_it_is_being_ended(notices: Notices, tmp_path: Path) -> None:
    """To the other pipe too."""
    os.mkfifo(tmp_path / "gate")
    much = "head -c 30000000 /dev/zero"
    text = f"trap '{much}; {much} >&2; echo all > {notices.path}; read go < {tmp_path}/gate; exit' TERM\n"

    async def scenario() -> None:
        outcome = asyncio.ensure_future(starting(script(f"{text}while :; do {much}; done"), grace=1000))
        assert await notices.line() == "all"
        assert kept_by_children() < 2_000_000
        (tmp_path / "gate").write_text("go\n")
        assert failed(await outcome)[0] == "tool_failed"

    in_time(scenario())


def test_what_is_written_without_a_pause_after_a_programs_end_is_a_flood(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever only waits for a pause would never hear of anything again."""
    monkeypatch.setattr(child_process, "PIPE_PATIENCE", 0)
    read, reads = os.read, count()

    def always_more(descriptor: int, size: int) -> bytes:
        if size != child_process._CHUNK or not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            return read(descriptor, size)
        assert next(reads) < 10 * MAX_OUTPUT // size, "it never ends"
        return b"x" * size

    monkeypatch.setattr(os, "read", always_more)
    type_, message = failed(perform(script("sleep 1000 &")))
    assert (type_, message[:32]) == ("tool_failed", "'sh' wrote more than 8 MiB to it")


def test_what_has_closed_its_stdin_is_written_to_no_more(
    notices: Notices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "gate")
    write, broken = os.write, list[int]()

    def counted(descriptor: int, content: bytes) -> int:
        try:
            return write(descriptor, content)
        except BrokenPipeError:
            broken.append(descriptor)
            raise

    async def scenario() -> None:
        text = f"exec 0<&-; echo closed > {notices.path}; read go < {tmp_path}/gate; echo done"
        outcome = asyncio.ensure_future(starting(script(text, stdin="x" * 1_000_000)))
        assert await notices.line() == "closed"
        for _ in range(20):
            await asyncio.sleep(0)
        (tmp_path / "gate").write_text("go\n")
        assert done(await outcome)["text"] == "done"

    monkeypatch.setattr(os, "write", counted)
    in_time(scenario())
    assert len(broken) == 1
