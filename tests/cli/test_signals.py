"""What signals do to a command that drives a run; real ones are sent in the crash programme."""

from __future__ import annotations

import platform
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runner.cli.signals import SIGNALS, Signals
from runner.ground.errors import EXIT_INTERRUPTED, EXIT_TERMINATED
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
from runner.cli.signals import Signals

signals = Signals()

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
HEARS_BUT_GOES_ON = """
    while True:
        await asyncio.sleep(0)
        if signals._heard:
            print("heard", flush=True)
            break
    while True:
        await asyncio.sleep(0)
"""
IN_C = "sum(itertools.repeat(0))"
NOT_BUSY = """
    for times in 1, 2:
        while signals._heard < times:
            await asyncio.sleep(0)
        print("heard", flush=True)
"""


@contextmanager
def at_work(busy: str) -> Iterator[subprocess.Popen[str]]:
    """A process that listens for signals, and whose event loop has something to do."""
    argv = [sys.executable, "-c", BUSY.format(busy=busy)]
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


@pytest.mark.parametrize(("number", "code"), SIGNALS.items())
def test_a_process_that_hears_the_second_signal_and_does_not_end_is_ended(number: signal.Signals, code: int) -> None:
    with at_work(HEARS_BUT_GOES_ON) as process:
        process.send_signal(number)
        assert line_of(process) == "heard"
        process.send_signal(number)
        assert process.wait(PATIENCE) == code


def test_the_third_signal_ends_a_process_at_once() -> None:
    """The time that it has after the second is so long that only the third can have ended it."""
    patient = f"import runner.cli.signals as s; s.PATIENCE = s.ENDING = 10 * {PATIENCE}"
    busy = IN_PYTHON.replace(
        "while True:\n        pass", "while signals._arrived < 2:\n        pass\n    print(2, flush=True)"
    )
    busy = f"    {patient}\n{busy}    while True:\n        pass\n"
    with at_work(busy.lstrip()) as process:
        for told in ("arrived", "2"):
            process.send_signal(signal.SIGTERM)
            assert line_of(process) == told
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == EXIT_TERMINATED


def test_a_loop_that_hears_the_second_signal_stops_the_run_itself() -> None:
    with at_work(NOT_BUSY) as process:
        process.send_signal(signal.SIGTERM)
        assert line_of(process) == "heard"
        process.send_signal(signal.SIGTERM)
        assert line_of(process) == "heard"
        assert process.wait(PATIENCE) == 0


def test_a_signal_is_passed_over_once_a_run_that_was_to_stop_has_stopped() -> None:
    signals = Signals()
    signals.exit_code = EXIT_INTERRUPTED
    signals.pass_over()
    signal.raise_signal(signal.SIGINT)
    assert {signal.getsignal(number) for number in SIGNALS} == {signal.SIG_IGN}


def test_a_signal_still_interrupts_a_command_whose_run_ended_by_itself() -> None:
    Signals().pass_over()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
