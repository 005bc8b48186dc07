"""Tools whose import leaves what copies would share, and other reasons to do without a server."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner.world.processes import fork_server, limit_marks
from runner.world.tools import python_server
from runner.world.tools.child_process import kill_leftovers
from tests.world.tools.performing import MARK, SUPERVISOR, failed, in_time
from tests.world.tools.serving import TOOLS, Calls, are_alone, given, to_the_end

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


@pytest.mark.parametrize("line", ["os.getpid = lambda: 1", "os.fork = None", "os.setsid = int"])
def test_a_copy_that_is_none_is_not_used(tmp_path: Path, line: str) -> None:
    assert given(Calls(tmp_path, f"{TOOLS}\n{line}"), "parent", 3) == [os.getpid()] * 3


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
