"""Servers of Python tools: what copies share, and what not; when there is none; what becomes of it when it fails."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine, Hashable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from runner.workflow.model import Permissions
from runner.world.calls import CallDone, Outcome, PythonCall
from runner.world.processes import fork_server, limit_marks
from runner.world.processes.process_tree import look_up, look_up_any
from runner.world.tools import python_server
from runner.world.tools.child_process import kill_leftovers
from tests.torture.trial import until
from tests.world.tools.performing import MARK, SUPERVISOR, Notices, done, failed, in_time, starting
from tests.world.tools.test_child import open_files

TOOLS = """
import atexit, logging.handlers, os, random, signal, subprocess, sys, threading
IMPORTED, SEEN = os.getpid(), []
print("imported")

def whose(): return [IMPORTED, os.getpid()]
def parent(): return os.getppid()
def counts():
    SEEN.append(1)
    return len(SEEN)
def draws(): return random.random()
def step(): return [os.environ[f"WF_{name}"] for name in ("STEP", "IDEMPOTENCY_KEY", "ATTEMPT", "RUN_MARK")]
def waits(notices):
    with open(notices, "w") as pipe:
        pipe.write(f"{os.getpid()}\\n")
    signal.pause()
def waits_for(gate, notices):
    with open(notices, "w") as pipe:
        pipe.write(f"{os.getpid()}\\n")
    with open(gate) as pipe:
        return pipe.read()
def kills():
    os.kill(IMPORTED, signal.SIGKILL)
    return os.getpid()
def stops(): os.kill(IMPORTED, signal.SIGSTOP)
def starts(): return subprocess.Popen(["sleep", "1000"], start_new_session=True).pid
def says(word):
    print(word)
    atexit.register(print, "bye")
    raise ValueError
def logs(path):
    logging.getLogger().addHandler(logging.handlers.MemoryHandler(10, target=logging.FileHandler(path)))
    logging.warning("kept for the end")
def escapes(notices):
    told, tells = os.pipe()
    if not os.fork():
        os.setsid()
        if not os.fork():
            with open(notices, "w") as pipe:
                pipe.write(f"{os.getpid()}\\n")
            os.write(tells, b".")
            signal.pause()
        os._exit(0)
    os.read(told, 1)
    raise ValueError
def ends(path):
    global kept
    kept = open(path, "a")
    kept.write("kept open, ")
    atexit.register(kept.write, "at the end")
    threading.Timer(0.01, kept.write, ["in a thread, "]).start()
"""


class Calls:
    """Calls of the tools in a folder that share servers."""

    def __init__(self, folder: Path, text: str = TOOLS) -> None:
        self.file = folder / "tools.py"
        self.file.write_text(text)
        self.servers: dict[Hashable, Any] = {}

    def made(self, function: str, **arguments: Any) -> PythonCall:
        modules = {str(self.file): self.file.read_text()}
        return PythonCall("mine", str(self.file), function, arguments, str(self.file.parent), modules=modules)

    async def outcome(self, call: PythonCall, **surroundings: Any) -> Outcome:
        around = {"permissions": Permissions(python=("/",)), **surroundings}
        return await starting(call, servers=self.servers, **around)

    async def give(self, function: str, **arguments: Any) -> Any:
        return done(await self.outcome(self.made(function, **arguments)))

    async def give_in(self, call: PythonCall, **surroundings: Any) -> Any:
        return done(await self.outcome(call, **surroundings))


def to_the_end(scenario: Coroutine[Any, Any, Any]) -> Any:
    """Run a scenario, and dismiss its servers."""

    async def dismissed() -> Any:
        try:
            return await scenario
        finally:
            SUPERVISOR.dismiss_hosts()

    return in_time(dismissed())


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    return Calls(tmp_path)


def given(calls: Calls, function: str, times: int, **arguments: Any) -> list[Any]:
    async def scenario() -> list[Any]:
        return [await calls.give(function, **arguments) for _ in range(times)]

    result: list[Any] = to_the_end(scenario())
    return result


def are_alone(calls: Calls, times: int = 3) -> bool:
    """Whether each call is a program of its own, which has imported the tool itself."""
    return all(imported == own for imported, own in given(calls, "whose", times))


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


@pytest.mark.parametrize("line", ["os.getpid = lambda: 1", "os.fork = None", "os.setsid = int"])
def test_a_copy_that_is_none_is_not_used(tmp_path: Path, line: str) -> None:
    assert given(Calls(tmp_path, f"{TOOLS}\n{line}"), "parent", 3) == [os.getpid()] * 3


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


UNFIT = {
    "reads its step": "KEY = os.environ.get('WF_IDEMPOTENCY_KEY')",
    "copies all variables": "ALL = dict(os.environ)",
    "reads its step as bytes": "KEY = os.environb[b'WF_STEP']",
    "starts a thread": "threading.Thread(target=signal.pause, daemon=True).start()",
    "opens a file": "FILE = open(__file__)",
    "has something to do at the end": "atexit.register(print)",
    "makes a folder that it removes": "import tempfile; PLACE = tempfile.TemporaryDirectory()",
    "shares memory": "import mmap; SHARED = mmap.mmap(-1, 10)",
    "bounds memory for good": "import resource; resource.setrlimit(resource.RLIMIT_RSS, (2**40, 2**40))",
    "asks for the end of children": "signal.signal(signal.SIGCHLD, lambda *_: None)",
    "leaves a program running": "subprocess.Popen(['sleep', '1000'], start_new_session=True)",
    "fails but for the first": "os.mkdir('there') if not os.path.exists('there') else 1 / 0",
    "exits but for the first": "os.mkdir('there') if not os.path.exists('there') else os._exit(0)",
}


@pytest.mark.parametrize("line", UNFIT.values(), ids=UNFIT)
def test_a_tool_is_imported_by_each_call_if_its_import(
    tmp_path: Path, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fork_server, "PATIENCE", 1000.0)  # nor is anything waited for
    calls = Calls(tmp_path, f"{TOOLS}\n{line}")
    if "1 / 0" not in line and "_exit" not in line:
        assert are_alone(calls)
    else:
        given(calls, "whose", 1)
        outcome = to_the_end(calls.outcome(calls.made("whose")))
        assert failed(outcome)[0] == "tool_failed"
    assert SUPERVISOR.hosted == 0
    in_time(kill_leftovers(MARK, 5.0))


def test_a_tool_that_logs_has_a_server(tmp_path: Path) -> None:
    assert not are_alone(Calls(tmp_path, f"import logging\nlogging.basicConfig()\n{TOOLS}"))


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


def test_what_a_served_call_has_forked_is_ended_with_it(calls: Calls, notices: Notices) -> None:
    """It has a session of its own, no parent, and the environment that its server began with."""

    async def scenario() -> None:
        await calls.give("whose")
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


def test_there_is_a_bound_on_servers(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python_server, "MOST", 0)
    assert are_alone(calls)


@pytest.mark.parametrize("lacks", ["marks", "handles"])
def test_where_processes_can_not_be_told_apart_there_are_no_servers(
    calls: Calls, monkeypatch: pytest.MonkeyPatch, lacks: str
) -> None:
    if lacks == "marks":
        monkeypatch.setattr(limit_marks, "can_be_set", lambda: False)
    else:
        monkeypatch.delattr(os, "pidfd_open")
    assert are_alone(calls)


def test_a_server_that_can_not_be_started_is_done_without(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object) -> None:
        raise BlockingIOError

    monkeypatch.setattr(python_server, "spawn", refuses)
    assert are_alone(calls)


def test_a_failure_is_told_as_that_of_a_program_of_its_own(calls: Calls) -> None:
    async def scenario() -> list[Any]:
        return [await calls.outcome(calls.made("counts", more=1)) for _ in range(2)]

    first, second = map(failed, to_the_end(scenario()))
    assert first == second
