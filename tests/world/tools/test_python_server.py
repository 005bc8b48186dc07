"""Servers of Python tools: what copies share, and what not; when there is none; what becomes of it when it fails."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from runner.workflow.permissions import Permissions
from runner.world.calls import CallDone, Outcome, PythonCall
from runner.world.processes import fork_server
from runner.world.processes.process_tree import look_up, look_up_any
from runner.world.tools.child_process import kill_leftovers
from tests.torture.trial import until
from tests.world.tools.performing import MARK, SUPERVISOR, Notices, failed
from tests.world.tools.serving import TOOLS, Calls, given, to_the_end
from tests.world.tools.test_child import open_files


def test_the_first_call_is_a_program_of_its_own_and_the_later_ones_are_copies_of_one_process(calls: Calls) -> None:
    first, *later = given(calls, "whose", 4)
    assert first[0] == first[1]
    assert len({imported for imported, _ in later}) == 1
    assert len({process for pair in [first, *later] for process in pair}) == 5


def test_a_call_sees_nothing_that_another_has_changed(calls: Calls) -> None:
    assert given(calls, "counts", 4) == [1, 1, 1, 1]


def test_chance_is_new_for_each_call(calls: Calls) -> None:
    assert len(set(given(calls, "draws", 5))) == 5


def test_what_an_import_prints_is_told_by_the_first_call(calls: Calls) -> None:
    async def scenario() -> list[Any]:
        return [await calls.outcome(calls.made("kills_none")) for _ in range(2)]

    first, second = to_the_end(scenario())
    assert [outcome.failure.details["stdout"] for outcome in (first, second)] == ["imported\n", ""]


def test_what_a_call_prints_is_its_own(calls: Calls) -> None:
    async def scenario() -> list[Any]:
        return [await calls.outcome(calls.made("says", word=word)) for word in ("one", "two", "three")]

    outcomes = to_the_end(scenario())
    assert [outcome.failure.details["stdout"] for outcome in outcomes] == [
        "imported\none\nbye\n",
        "two\nbye\n",
        "three\nbye\n",
    ]


def test_what_is_logged_at_the_end_of_a_call_is_written(calls: Calls, tmp_path: Path) -> None:
    given(calls, "logs", 2, path=str(tmp_path / "log"))
    assert (tmp_path / "log").read_text() == "kept for the end\n" * 2


def test_many_at_once_are_served(calls: Calls) -> None:
    async def scenario() -> list[Any]:
        await calls.give("whose")
        return await asyncio.gather(*(calls.give("whose") for _ in range(50)))

    pairs = to_the_end(scenario())
    assert len({imported for imported, _ in pairs}) == 1
    assert len({process for _, process in pairs}) == 50


def test_each_call_is_told_its_own_step(calls: Calls) -> None:
    async def scenario() -> list[Any]:
        steps = [("a", 1), ("b", 1), ("b", 2)]
        return [await calls.give_in(calls.made("step"), step=step, number=number) for step, number in steps]

    seen = to_the_end(scenario())
    assert [told[:3] for told in seen] == [["a", "r/a", "1"], ["b", "r/b", "1"], ["b", "r/b", "2"]]
    assert len({told[3] for told in seen}) == 3


def changed(call: PythonCall, what: str) -> tuple[PythonCall, dict[str, Any]]:
    """The call with something of it changed, and its surroundings."""
    text = "IMPORTED = 0\ndef whose(): return [0, 1]"
    return {
        "environment": (replace(call, env={"A": "1"}), {}),
        "folder": (replace(call, cwd="/"), {}),
        "code": (replace(call, modules={call.file: text}), {}),
        "permissions": (call, {"permissions": Permissions(python=("/",), read=("/",))}),
    }[what]


@pytest.mark.parametrize("what", ["environment", "folder", "code", "permissions"])
def test_no_server_serves_calls_that_differ_in(calls: Calls, what: str) -> None:
    async def scenario() -> tuple[Any, Any]:
        call = calls.made("whose")
        other, around = changed(call, what)
        one = [await calls.give_in(call) for _ in range(2)][1]
        return one, [await calls.give_in(other, **around) for _ in range(2)][1]

    (one, _), (other, own) = to_the_end(scenario())
    assert one != other
    assert other != own


def test_tools_of_one_file_share_its_server(calls: Calls) -> None:
    async def scenario() -> tuple[Any, Any]:
        await calls.give("counts")
        return await calls.give("whose"), await calls.give("parent")

    (imported, _), parent = to_the_end(scenario())
    assert imported == parent


def test_a_call_is_ended_and_another_of_the_same_server_goes_on(calls: Calls, notices: Notices, tmp_path: Path) -> None:
    os.mkfifo(gate := tmp_path / "gate")

    async def scenario() -> str:
        await calls.give("counts")
        goes_on = asyncio.ensure_future(calls.give("waits_for", gate=str(gate), notices=notices.path))
        await notices.process()
        hangs = asyncio.ensure_future(calls.outcome(calls.made("waits", notices=notices.path), grace=0.05))
        process = await notices.process()
        hangs.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hangs
        assert look_up(process) is None
        gate.write_text("well")
        return str(await goes_on)

    assert to_the_end(scenario()) == "well"


def test_a_tool_that_ends_its_server_gives_what_it_gives_and_the_next_call_has_another(calls: Calls) -> None:
    async def scenario() -> list[Any]:
        order = ("whose", "whose", "kills", "whose", "whose")
        return [await calls.give(function) for function in order]

    _, (first, _), _, *later = to_the_end(scenario())
    assert len({imported for imported, _ in later} | {first}) == 2


def test_a_server_that_has_ended_by_itself_does_not_stay(calls: Calls) -> None:
    async def scenario() -> None:
        await calls.give("whose")
        server, _ = await calls.give("whose")
        os.kill(server, signal.SIGKILL)
        await asyncio.to_thread(until, lambda: not SUPERVISOR.hosted)
        assert look_up_any(server) is None, "it is reaped"

    to_the_end(scenario())


def test_a_crash_of_a_call_is_told_though_its_server_has_ended(calls: Calls, notices: Notices) -> None:
    async def scenario() -> Outcome:
        await calls.give("whose")
        server, _ = await calls.give("whose")
        waits = asyncio.ensure_future(calls.outcome(calls.made("waits", notices=notices.path)))
        process = await notices.process()
        os.kill(server, signal.SIGKILL)
        os.kill(process, signal.SIGKILL)
        return await waits

    assert failed(to_the_end(scenario()))[1].startswith("tool 'mine' was killed by SIGKILL")


def test_a_server_that_does_not_answer_is_given_up(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fork_server, "PATIENCE", 0.2)

    async def scenario() -> list[Any]:
        await calls.give("whose")
        await calls.outcome(calls.made("stops"))
        return [await calls.give("whose") for _ in range(2)]

    assert all(imported == own for imported, own in to_the_end(scenario()))


def test_a_tool_that_is_never_imported_a_second_time_costs_one_call(tmp_path: Path, notices: Notices) -> None:
    """The import hangs where it is the second; whoever waits for it is cut off. The next does without a server."""
    hangs = f"""
if os.path.exists("there"):
    os.rename("there", "there-again")
    with open({notices.path!r}, "w") as pipe:
        pipe.write(f"{{os.getpid()}}\\n")
    signal.pause()
elif not os.path.exists("there-again"):
    os.mkdir("there")
"""
    calls = Calls(tmp_path, TOOLS + hangs)

    async def scenario() -> Any:
        await calls.give("whose")
        waits = asyncio.ensure_future(calls.outcome(calls.made("whose")))
        server = await notices.process()
        waits.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waits
        assert look_up(server) is None
        return await calls.give("whose")

    imported, own = to_the_end(scenario())
    assert imported == own


def test_what_a_served_call_leaves_running_is_named_and_lives(calls: Calls) -> None:
    async def scenario() -> None:
        await calls.give("whose")
        outcome = await calls.outcome(calls.made("starts"))
        assert isinstance(outcome, CallDone)
        assert [left.process for left in outcome.left] == [outcome.output]
        SUPERVISOR.dismiss_hosts()
        assert isinstance(outcome.output, int)
        assert look_up(outcome.output)
        await kill_leftovers(MARK, 5.0)
        assert look_up(outcome.output) is None

    to_the_end(scenario())


def test_what_a_served_call_has_forked_is_ended_with_it(
    calls: Calls, notices: Notices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has a session of its own, no parent, and the environment that its server began with."""

    async def scenario() -> None:
        await calls.give("whose")
        monkeypatch.setattr(SUPERVISOR, "_whole", True)  # as where this process does nothing else
        assert failed(await calls.outcome(calls.made("escapes", notices=notices.path)))[0] == "tool_failed"
        assert look_up(int(await notices.line())) is None

    to_the_end(scenario())


def test_a_copy_ends_as_a_program_of_its_own_does(calls: Calls, tmp_path: Path) -> None:
    """Threads are waited for, what was registered for the end is done, and what was written is on the disk."""
    given(calls, "ends", 2, path=str(tmp_path / "written"))
    alone, served = (tmp_path / "written").read_text().split("at the end")[:2]
    assert alone == served == "kept open, in a thread, "


def test_no_file_stays_open(calls: Calls) -> None:
    given(calls, "whose", 2)
    before = open_files()
    given(calls, "whose", 4)
    assert open_files() <= before


def test_a_failure_is_told_as_that_of_a_program_of_its_own(calls: Calls) -> None:
    async def scenario() -> list[Any]:
        return [await calls.outcome(calls.made("counts", more=1)) for _ in range(2)]

    first, second = map(failed, to_the_end(scenario()))
    assert first == second
