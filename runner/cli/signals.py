"""Signals that stop a run: gracefully the first time, at once the second, without anything at the third."""

from __future__ import annotations

import asyncio
import os
import platform
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

from runner.cli.speaking import say
from runner.ground.errors import EXIT_HUNG_UP, EXIT_INTERRUPTED, EXIT_TERMINATED

SIGNALS = {signal.SIGINT: EXIT_INTERRUPTED, signal.SIGTERM: EXIT_TERMINATED, signal.SIGHUP: EXIT_HUNG_UP}

GRACE = 10.0
"""Seconds that what is in flight has to end by itself once a run is to stop; it is cut off then."""

PATIENCE = 1.0
"""Seconds that the event loop has to hear of a second signal; the process ends without it then."""

ENDING = 5.0
"""Seconds that a process has after a second signal to write its pause and end what runs; it ends without them then.

What its steps left running has 2 of them to end by itself. What is left is ended by the guardian.
"""

_RESET_AT_NEXT = 0x8000_0000
"""SA_RESETHAND, sigaction(2): the kernel goes back to the default action as it delivers a signal."""

_LAID_OUT_ALIKE = ("x86_64", "aarch64")
"""Where `struct sigaction` is a pointer, 128 bytes of mask, the flags, a pointer."""

_SIZE, _FLAGS = 152, slice(136, 140)


class Signals:
    """SIGINT, SIGTERM and SIGHUP stop the run.

    They are heard by handlers of Python's own, not the event loop's: so they are while the loop is busy.
    """

    def __init__(self) -> None:
        self.exit_code: int | None = None
        self._stop_run: Callable[[], None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._arrived = self._heard = 0
        self._last: threading.Timer | None = None

    def heed(self) -> None:
        """Listen, from before the run is there: asyncio itself would cancel what is only about to drive it."""
        self._loop = asyncio.get_running_loop()
        for number in SIGNALS:
            if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._arrive)
                end_at_next(number)

    def attach(self, stop_run: Callable[[], None]) -> None:
        """Stop this run from now on; at once, if that was asked for before."""
        self._stop_run = stop_run
        if self.exit_code is not None:
            stop_run()

    def pass_over(self) -> None:
        """Listen no more; pass over further signals, once a run that was to stop has stopped: it is only told of."""
        if self._last is not None:
            self._last.cancel()
        for number in SIGNALS:
            if self.exit_code is not None:
                signal.signal(number, signal.SIG_IGN)
            elif signal.getsignal(number) == self._arrive:
                default = signal.default_int_handler if number is signal.SIGINT else signal.SIG_DFL
                signal.signal(number, default)

    def _arrive(self, number: int, _frame: FrameType | None) -> None:
        """Runs between two instructions of whatever the process is doing; the kernel would end it at the next signal.

        The loop is told. Where it does not hear of a second signal in time, or hears but does not come to an end, the
        process ends as it is; at a third signal it does so at once. Of two signals within the same moment the kernel
        may deliver the second before this has run: the process dies of the signal itself then.
        """
        signal.signal(number, self._arrive)
        end_at_next(number)
        code = SIGNALS[signal.Signals(number)]
        self._arrived += 1
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._hear, code)
        if self._last is not None:
            os._exit(code)
        if self._arrived > 1:
            _later(PATIENCE, self._end_if_deaf, self._arrived, code)
            self._last = _later(ENDING, os._exit, code)

    def _hear(self, code: int) -> None:
        self._heard += 1
        if self.exit_code is None:
            say(f"stopping: what runs may end within {GRACE:g} s; once more to stop at once")
        self.exit_code = code
        if self._stop_run is not None:
            self._stop_run()

    def _end_if_deaf(self, arrived: int, code: int) -> None:
        if self._heard < arrived:
            os._exit(code)


def _later(seconds: float, work: Callable[..., object], *given: object) -> threading.Timer:
    """Do it in a thread then, which the process does not wait for."""
    timer = threading.Timer(seconds, work, given)
    timer.daemon = True
    timer.start()
    return timer


def end_at_next(number: int) -> None:
    """Let the kernel end the process at a further signal, unless Python's handler has run by then and listens again.

    Code in C may keep Python from running it. Where the system is none that is known, only Python's handler counts.
    """
    if sys.platform != "linux" or platform.machine() not in _LAID_OUT_ALIKE:
        return
    import ctypes  # noqa: PLC0415 - slow to load

    action = bytearray(_SIZE)
    shared = (ctypes.c_char * _SIZE).from_buffer(action)
    sigaction = ctypes.CDLL(None).sigaction
    if sigaction(int(number), None, shared) == 0:
        flags = int.from_bytes(action[_FLAGS], sys.byteorder) | _RESET_AT_NEXT
        action[_FLAGS] = flags.to_bytes(4, sys.byteorder)
        sigaction(int(number), shared, None)
