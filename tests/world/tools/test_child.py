"""How children end: by themselves, when cancelled, when they flood, with all that they started."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from runner.world.calls import CallDone, Outcome
from runner.world.processes import process_tree
from runner.world.processes.process_tree import Process, look_up, signal_all
from runner.world.tools.child_process import MAX_OUTPUT, ChildProcess, kill_leftovers
from tests.world.tools.performing import MARK, Notices, done, failed, in_time, perform, python, script, starting

DEAF = 'trap "" TERM; echo $$ > {notices}; while :; do sleep 1000; done'


async def cancelled(work: Coroutine[Any, Any, Outcome], when: Callable[[], Awaitable[object]], times: int = 1) -> None:
    """Start `work`, wait for `when`, cancel, and wait until the cancel is through."""
    task = asyncio.ensure_future(work)
    await when()
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await task


def open_files() -> set[str]:
    gc.collect()
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def test_a_cancelled_child_that_ignores_the_request_is_killed_with_its_children(notices: Notices) -> None:
    inner = DEAF.format(notices=notices.path)
    ended = []

    async def scenario() -> None:
        async def all_started() -> None:
            ended.extend([await notices.process() for _ in range(3)])

        text = f"(sh -c '{inner}') & sh -c '{inner}' & {inner}"
        await cancelled(starting(script(text), grace=0.05), all_started)

    in_time(scenario())
    assert len(set(ended)) == 3
    assert [look_up(process) for process in ended] == [None] * 3


def test_a_cancelled_child_has_time_to_clean_up(notices: Notices, tmp_path: Path) -> None:
    text = (
        f"trap 'echo cleaned; echo cleaned > {tmp_path}/mark; exit 0' TERM; echo $$ > {notices.path}; sleep 1000 & wait"
    )
    in_time(cancelled(starting(script(text)), notices.process))
    assert (tmp_path / "mark").read_text() == "cleaned\n"


def test_what_is_started_while_cleaning_up_is_asked_to_end_too(notices: Notices) -> None:
    late = []

    async def scenario() -> None:
        text = f"trap 'sleep 1000 & echo $! > {notices.path}; exit' TERM; echo $$ > {notices.path}; sleep 1000 & wait"
        await cancelled(starting(script(text), grace=1000), notices.line)
        late.append(int(await notices.line()))

    in_time(scenario())
    assert look_up(late[0]) is None


def test_a_second_cancel_does_not_wait(notices: Notices) -> None:
    ended = []

    async def started() -> None:
        ended.append(await notices.process())

    in_time(cancelled(starting(script(DEAF.format(notices=notices.path)), grace=1000), started, times=2))
    assert look_up(ended[0]) is None


def test_a_timeout_ends_the_tree_and_stays_a_timeout(notices: Notices) -> None:
    ended = []

    async def scenario() -> None:
        async with asyncio.timeout(None) as limit:
            work = asyncio.ensure_future(starting(script(DEAF.format(notices=notices.path)), grace=0.05))
            ended.append(await notices.process())
            limit.reschedule(0)
            await work

    with pytest.raises(TimeoutError):
        in_time(scenario())
    assert look_up(ended[0]) is None


@pytest.mark.parametrize(
    "escape",
    [
        "setsid sh -c '{inner}' & wait",
        "(setsid sh -c '{inner}' > /dev/null 2>&1 < /dev/null &); sleep 1000",
        "setsid env -i sh -c '{inner}' & wait",
    ],
    ids=["new session", "new session, no parent", "new session, no environment"],
)
def test_what_left_the_group_is_killed_too(notices: Notices, escape: str) -> None:
    inner = f'trap "" TERM; echo $$ > {notices.path}; exec sleep 1000'
    ended = []

    async def started() -> None:
        ended.append(await notices.process())

    in_time(cancelled(starting(script(escape.format(inner=inner)), grace=0.05), started))
    assert look_up(ended[0]) is None


def test_a_process_in_the_background_that_holds_the_pipe_does_not_hold_the_step(notices: Notices) -> None:
    async def scenario() -> tuple[Outcome, int]:
        outcome = await starting(script(f"(echo late) & sleep 1000 & echo $! > {notices.path}"), grace=1000)
        process = await notices.process()
        assert isinstance(outcome, CallDone)
        assert [(left.process, left.program) for left in outcome.left] == [(process, "sleep 1000")]
        return outcome, await ended_leftovers(process)

    outcome, _ = in_time(scenario())
    assert "late" in done(outcome)["text"]


async def ended_leftovers(process: int) -> int:
    """End all that is left; the process, which has lived until then."""
    assert look_up(process)
    assert await kill_leftovers(MARK, 5.0) == 1
    assert look_up(process) is None
    return process


def test_what_it_left_running_may_go_on_printing_without_end(notices: Notices, tmp_path: Path) -> None:
    """More than a pipe holds, and than is kept: it is drained, and kept nowhere."""

    async def scenario() -> None:
        gate = tmp_path / "gate"
        os.mkfifo(gate)
        writes = f"read go < {gate}; head -c 20000000 /dev/zero; echo $$ > {notices.path}; exec sleep 1000"
        assert done(await starting(script(f"sh -c '{writes}' & echo up")))["text"] == "up"
        gate.write_text("go\n")
        process = await notices.process()
        assert kept_by_children() < 100
        await ended_leftovers(process)

    in_time(scenario())


def kept_by_children() -> int:
    """Bytes that children hold of what was written to them."""
    gc.collect()
    children = [thing for thing in gc.get_objects() if isinstance(thing, ChildProcess)]
    return sum(len(written) for child in children for written in child._written.values())


def test_a_process_in_the_background_that_holds_nothing_lives_on_until_the_run_is_cleared(notices: Notices) -> None:
    async def scenario() -> None:
        text = f"sleep 1000 > /dev/null 2>&1 & echo $! > {notices.path}; echo started"
        assert done(await starting(script(text), step="serve#2"))["text"] == "started"
        process = await notices.process()
        assert await kill_leftovers(f"{MARK}0", 5.0) == 0
        assert await kill_leftovers(MARK[:-1], 5.0) == 0
        await ended_leftovers(process)

    in_time(scenario())


def test_a_former_owner_is_spared_that_bears_the_mark_while_it_starts_a_program(notices: Notices) -> None:
    async def scenario() -> None:
        await starting(script(f"setsid sleep 1000 > /dev/null 2>&1 & echo $! > {notices.path}"))
        process = await notices.process()
        assert await kill_leftovers(MARK, 5.0, process) == 0
        await ended_leftovers(process)

    in_time(scenario())


def test_what_a_failed_program_left_running_is_ended_with_it(notices: Notices) -> None:
    async def scenario() -> None:
        text = f"sleep 1000 > /dev/null 2>&1 & echo $! > {notices.path}; exit 3"
        assert failed(await starting(script(text)))[0] == "tool_failed"
        assert look_up(int(await notices.line())) is None

    in_time(scenario())


def test_a_program_whose_name_looks_like_the_end_of_one_is_ended_too(notices: Notices, tmp_path: Path) -> None:
    """Where the system tells of a process, its name stands in brackets, as it is."""
    odd = tmp_path / "a) Z 1 1 ("
    odd.write_text(f"#!/bin/sh\necho $$ > {notices.path}\nread never < {tmp_path}/gate\n")
    odd.chmod(0o700)
    os.mkfifo(tmp_path / "gate")

    async def scenario() -> None:
        outcome = asyncio.ensure_future(
            starting(script(f"'{odd}' > /dev/null 2>&1 & read go < {tmp_path}/go; exit 3", cwd=str(tmp_path)))
        )
        process = await notices.process()
        (tmp_path / "go").write_text("go\n")
        assert failed(await outcome)[0] == "tool_failed"
        assert look_up(process) is None

    os.mkfifo(tmp_path / "go")
    in_time(scenario())


def test_an_id_that_has_come_to_mean_another_process_is_none_that_lives() -> None:
    entry = look_up(os.getpid())
    assert entry is not None
    assert entry.process.is_alive
    assert not Process(entry.process.started - 1, os.getpid()).is_alive


def test_the_older_is_asked_first_and_what_is_gone_or_another_users_is_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def kill(process: int, number: int) -> None:
        asked.append((process, number))
        raise ProcessLookupError if process == 30 else PermissionError

    monkeypatch.setattr(os, "kill", kill)
    signal_all({Process(3, 10), Process(1, 30), Process(2, 20)}, signal.SIGTERM)
    assert asked == [(30, signal.SIGTERM), (20, signal.SIGTERM), (10, signal.SIGTERM)]


def test_an_attempt_that_is_cancelled_leaves_a_later_one_of_its_step_alone(notices: Notices) -> None:
    async def scenario() -> None:
        text = f"echo $$ > {notices.path}; sleep 1000"
        later = asyncio.ensure_future(starting(script(text), number=2))
        process = await notices.process()
        await cancelled(starting(script(text), number=1), notices.process)
        assert look_up(process)
        later.cancel()
        with suppress(asyncio.CancelledError):
            await later
        assert look_up(process) is None

    in_time(scenario())


def test_leftovers_that_ignore_the_request_are_killed(notices: Notices) -> None:
    async def scenario() -> None:
        inner = DEAF.format(notices=notices.path)
        await starting(script(f"sh -c '{inner}' > /dev/null 2>&1 &"))
        process = await notices.process()
        assert await kill_leftovers(MARK, 0.05) >= 1
        assert look_up(process) is None

    in_time(scenario())


def test_without_leftovers_there_is_nothing_to_kill() -> None:
    assert in_time(kill_leftovers(MARK, 5.0)) == 0


@pytest.mark.parametrize(("redirect", "stream"), [("", "stdout"), (">&2", "stderr")])
def test_a_flood_is_ended(redirect: str, stream: str) -> None:
    outcome = perform(script(f"yes {redirect}"))
    assert failed(outcome) == ("tool_failed", f"'sh' wrote more than 8 MiB to its {stream}; write to a file instead")


def test_a_flood_that_ignores_the_request_is_ended() -> None:
    type_, _ = failed(perform(script("trap '' TERM PIPE; while :; do yes; done"), grace=0.05))
    assert type_ == "tool_failed"


@pytest.mark.parametrize(("size", "fits"), [(MAX_OUTPUT, True), (MAX_OUTPUT + 1, False)])
def test_the_bound_is_exact(size: int, fits: bool) -> None:
    outcome = perform(python(f"import sys; sys.stdout.write('x' * {size})"))
    assert len(done(outcome)["stdout"]) == size if fits else failed(outcome)[0] == "tool_failed"


def test_both_pipes_are_drained_at_once() -> None:
    code = "import os\nfor _ in range(50):\n os.write(2, b'e' * 60000); os.write(1, b'o' * 60000)"
    output = done(perform(python(code)))
    assert (len(output["stdout"]), len(output["stderr"])) == (3_000_000, 3_000_000)


def test_stdin_of_any_size_passes_through() -> None:
    text = "0123456789abcde\n" * 300_000
    assert done(perform(script("cat", stdin=text)))["stdout"] == text


def test_a_child_need_not_read_its_stdin() -> None:
    assert done(perform(script("exec 0<&-; echo done", stdin="x" * 1_000_000)))["text"] == "done"


def test_no_file_stays_open_and_none_reaches_the_child() -> None:
    listing = python("import os; print(*os.listdir('/proc/self/fd'))")
    shown = done(perform(listing))["text"]
    before = open_files()
    for call in (listing, script("exit 3"), script("yes"), python("pass", stdin="x" * 100_000)):
        perform(call)
    assert open_files() <= before
    assert sorted(shown.split()) == ["0", "1", "2", "3"], "3 is the listing itself"


def test_many_children_run_side_by_side() -> None:
    async def scenario() -> list[Outcome]:
        return await asyncio.gather(*(starting(script(f"echo {number}"), step=f"s{number}") for number in range(40)))

    assert [done(outcome)["text"] for outcome in in_time(scenario())] == [str(number) for number in range(40)]


def test_a_broken_pipe_inside_a_script_is_no_hang() -> None:
    assert done(perform(script("yes | head -n 1")))["text"] == "y"


def test_a_child_has_its_own_session_and_no_terminal() -> None:
    code = "import os; print(os.getsid(0) == os.getpid())\ntry: open('/dev/tty')\nexcept OSError: print('none')"
    assert done(perform(python(code)))["text"] == "True\nnone"


def test_an_older_system_without_pidfds_does_too(monkeypatch: pytest.MonkeyPatch, notices: Notices) -> None:
    monkeypatch.delattr(os, "pidfd_open")
    assert done(perform(script("echo here; sleep 0")))["text"] == "here"
    in_time(cancelled(starting(script(DEAF.format(notices=notices.path)), grace=0.05), notices.process))


def test_a_system_without_proc_ends_the_group(
    monkeypatch: pytest.MonkeyPatch, notices: Notices, tmp_path: Path
) -> None:
    inner = DEAF.format(notices=notices.path)
    ended = []

    async def scenario() -> None:
        async def all_started() -> None:
            ended.extend([await notices.process() for _ in range(2)])
            monkeypatch.setattr(process_tree, "PROC", str(tmp_path / "none"))

        await cancelled(starting(script(f"sh -c '{inner}' & {inner}"), grace=0.05), all_started)
        assert await kill_leftovers(MARK, 5.0) == 0
        monkeypatch.undo()

    with suppress(ProcessLookupError):
        in_time(scenario())
    assert [look_up(process) for process in ended] == [None, None]
