"""What signals do to a command that drives a run; real ones are sent in the crash programme."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from runner.cli.driving import SIGNALS, Signals
from runner.ground.errors import EXIT_INTERRUPTED


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """The handlers of this process stay as they were."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


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
