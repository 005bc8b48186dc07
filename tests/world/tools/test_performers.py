"""Every call has its performer, and each of them is a gate."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import get_args

import pytest

from runner.workflow.permissions import Permissions
from runner.world.calls import (
    AnyCall,
    Attempt,
    CallFailed,
    CommandCall,
    Context,
    FileCall,
    FilesCall,
    HttpCall,
    ListToolsCall,
    McpCall,
    ModelCall,
    PythonCall,
    ReadCall,
    WriteCall,
)
from runner.world.tools.performers import PERFORMERS
from tests.clock import FixedClock
from tests.project import ROOT

CALLS: list[AnyCall] = [
    CommandCall(("true",), "/"),
    PythonCall("mine", "/nonexistent.py", "f", {}, "/", pass_env=("HOME",)),
    ReadCall("etc/passwd", "/"),
    WriteCall("canary", "", "/"),
    FileCall("etc/passwd", "/"),
    FilesCall("read", "etc/passwd", "/", {"from": 1, "count": 1}),
    HttpCall("http://127.0.0.1:9/"),
    ListToolsCall("s", ("true",), "/"),
    McpCall("s", url="http://127.0.0.1:9/", tool="t"),
]


def test_every_call_but_a_models_has_a_performer() -> None:
    assert set(PERFORMERS) == set(get_args(AnyCall)) - {ModelCall}
    assert set(PERFORMERS) == {type(call) for call in CALLS}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: type(call).__name__)
def test_without_permission_nothing_is_done(call: AnyCall) -> None:
    attempt = Attempt("r1", "s", "s", "", 1, call, Permissions())
    outcome = asyncio.run(_perform(attempt))
    assert isinstance(outcome, CallFailed)
    assert outcome.failure.type == "permission_denied"


async def _perform(attempt: Attempt) -> object:
    return await PERFORMERS[type(attempt.call)](attempt, Context(FixedClock(), {}))


@pytest.mark.parametrize("given", CALLS, ids=lambda call: type(call).__name__)
def test_a_performer_takes_its_own_calls_alone(given: AnyCall) -> None:
    attempt = Attempt("r1", "s", "s", "", 1, given, Permissions())
    for kind, performer in PERFORMERS.items():
        if kind is not type(given):
            with pytest.raises(TypeError):
                asyncio.run(_all(performer(attempt, Context(FixedClock(), {}))))


async def _all(work: object) -> object:
    return await work  # type: ignore[misc]


def test_what_is_used_before_a_run_does_not_load_asyncio() -> None:
    modules = "runner.workflow.programs, runner.workflow.signature, runner.world.tools"
    code = f"import sys, {modules}; assert 'asyncio' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_only_a_request_that_is_sent_loads_what_speaks_http() -> None:
    code = "import sys, runner.world.tools.performers; assert not {'httpx', 'httpcore'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
