"""What signals do to a command that drives a run; real ones are sent in the crash programme."""

from __future__ import annotations

import asyncio
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runner.cli import signals as module
from runner.cli.signals import SIGNALS, Signals
from runner.ground.errors import EXIT_INTERRUPTED
from tests.acceptance.command_line import PATIENCE
from tests.project import ROOT


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """The handlers of this process stay as they were."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


BUSY = """
import asyncio, itertools
from runner.cli import signals as module

module.PARTING = {parting}
signals = module.Signals()

async def work():
    signals.heed()
    signals.attach(lambda: None)
    print("begun", flush=True)
    {busy}

asyncio.run(work())
"""

IN_PYTHON = """
    while not signals._arrived:
        pass
    print("arrived", flush=True)
    while True:
        pass
"""
IN_C = "sum(itertools.repeat(0))"
NEVER_OVER = """
    for times in 1, 2, 3:
        while signals._heard < times:
            await asyncio.sleep(0)
        print("heard", flush=True)
"""
NOT_BUSY = """
    for times in 1, 2:
        while signals._heard < times:
            await asyncio.sleep(0)
        print("heard", flush=True)
"""


@contextmanager
def at_work(busy: str, parting: float = 2.0) -> Iterator[subprocess.Popen[str]]:
    """A process that listens for signals, and whose event loop has something to do."""
    argv = [sys.executable, "-c", BUSY.format(busy=busy, parting=parting)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT) as process:
        try:
            assert line_of(process) == "begun"
            yield process
        finally:
            process.kill()


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def is_caught(process: subprocess.Popen[str], number: signal.Signals) -> bool:
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    mask = int(status.partition("SigCgt:")[2].split()[0], 16)
    return bool(mask >> (number - 1) & 1)


@pytest.mark.parametrize(("number", "code"), SIGNALS.items())
def test_the_second_signal_ends_a_process_whose_loop_is_busy(number: signal.Signals, code: int) -> None:
    with at_work(IN_PYTHON) as process:
        process.send_signal(number)
        assert line_of(process) == "arrived"
        process.send_signal(number)
        assert process.wait(PATIENCE) == code


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"), reason="how a signal is laid out there"
)
@pytest.mark.parametrize("number", SIGNALS)
def test_the_second_signal_ends_a_process_that_is_deep_in_c(number: signal.Signals) -> None:
    with at_work(IN_C) as process:
        while is_caught(process, number):  # before it is there, Python's handler runs, and listens again
            process.send_signal(number)
        process.send_signal(number)
        assert process.wait(PATIENCE) == -number


def test_a_loop_that_hears_the_second_signal_stops_the_run_itself() -> None:
    with at_work(NOT_BUSY) as process:
        process.send_signal(signal.SIGTERM)
        assert line_of(process) == "heard"
        process.send_signal(signal.SIGTERM)
        assert line_of(process) == "heard"
        assert process.wait(PATIENCE) == 0


def heeded() -> Signals:
    """Signals that a loop listened to which is closed by now."""
    signals = Signals()

    async def listen() -> None:
        signals.heed()

    asyncio.run(listen())
    return signals


def test_a_signal_is_passed_over_once_a_run_that_was_to_stop_has_stopped() -> None:
    signals = Signals()
    signals.exit_code = EXIT_INTERRUPTED
    signals.pass_over()
    signal.raise_signal(signal.SIGINT)
    assert {signal.getsignal(number) for number in SIGNALS} == {signal.SIG_IGN}


def test_a_signal_still_interrupts_a_command_whose_run_ended_by_itself() -> None:
    heeded().pass_over()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_run_that_hears_the_second_signal_and_does_not_stop_is_ended(number: signal.Signals) -> None:
    """A loop that hears may still have more to do than anybody waits for."""
    with at_work(NEVER_OVER) as process:
        for _ in range(2):
            process.send_signal(number)
            assert line_of(process) == "heard"
        assert process.wait(PATIENCE) == SIGNALS[number]


@pytest.mark.parametrize("number", SIGNALS)
def test_the_third_signal_ends_a_process_at_once(number: signal.Signals) -> None:
    with at_work(NEVER_OVER.replace("1, 2, 3", "1, 2, 3, 4"), parting=1e6) as process:
        for _ in range(2):
            process.send_signal(number)
            assert line_of(process) == "heard"
        process.send_signal(number)
        assert process.wait(PATIENCE) == SIGNALS[number]


def test_a_run_that_was_to_stop_before_it_was_there_stops_as_soon_as_it_is() -> None:
    signals, stopped = Signals(), list[int]()
    signals.exit_code = EXIT_INTERRUPTED
    signals.attach(lambda: stopped.append(1))
    Signals().attach(lambda: stopped.append(2))
    assert stopped == [1]


def test_once_a_run_has_ended_by_itself_signals_do_what_they_did_before() -> None:
    signals = heeded()
    signals.pass_over()
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    assert handlers == [signal.default_int_handler, signal.SIG_DFL, signal.SIG_DFL]


def test_what_nohup_has_ignored_stays_ignored_while_a_run_goes_on_and_after_it() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signals = heeded()
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    signals.pass_over()
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_a_signal_that_comes_once_the_loop_is_closed_is_no_error() -> None:
    heeded()
    signal.raise_signal(signal.SIGTERM)


def test_a_signal_that_comes_before_the_run_is_there_is_heard_and_told_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    signals, stopped, wrong = Signals(), list[int](), list[object]()
    monkeypatch.setattr(module, "_later", lambda *_: None)

    async def listen() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: wrong.append(context))
        signals.heed()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.raise_signal(number)
            await asyncio.sleep(0)
        signals.attach(lambda: stopped.append(1))

    asyncio.run(listen())
    said = "stopping: what runs may end within 10 s; once more to stop at once\n"
    assert (wrong, stopped, capsys.readouterr().err) == ([], [1], said)
    assert signals.exit_code == SIGNALS[signal.SIGTERM]


def test_who_waits_for_a_stop_ends_the_process_only_where_it_was_not_heard_or_did_not_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    signals, ended = Signals(), list[int]()
    monkeypatch.setattr(os, "_exit", ended.append)
    signals._end_if_deaf(1)
    signals._end_if_not_over(2)
    assert ended == [1, 2]
    for _ in range(2):
        signals._hear(EXIT_INTERRUPTED)
    signals._end_if_deaf(3)
    signals.pass_over()
    signals._end_if_not_over(4)
    assert ended == [1, 2]
