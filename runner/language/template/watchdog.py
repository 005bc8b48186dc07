"""Stops a rendering that runs on past every count: the last net, for what the budget overlooks."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from runner.ground.clock import SystemClock
from runner.language.template.budget import MAX_SECONDS

_GRACE = 0.25
_CLOCK = SystemClock()


class Overtime(BaseException):
    """Raised inside the guarded code, between two of its instructions. Nothing in between may catch it by accident."""


class _Watch(msgspec.Struct, eq=False):
    thread: int
    deadline: float


class _Watchdog:
    """One thread for all guarded code; it sleeps while there is none."""

    def __init__(self) -> None:
        self._watches: set[_Watch] = set()
        self._changed = threading.Condition()
        self._wakes_at = math.inf
        self._thread = threading.Thread(target=self._patrol, name="template-watchdog", daemon=True)

    def begin(self, seconds: float) -> _Watch:
        watch = _Watch(threading.get_ident(), _CLOCK.monotonic() + seconds)
        with self._changed:
            self._watches.add(watch)
            if not self._thread.is_alive():
                self._thread = threading.Thread(target=self._patrol, name="template-watchdog", daemon=True)
                self._thread.start()
            elif watch.deadline < self._wakes_at:
                self._changed.notify()
        return watch

    def end(self, watch: _Watch) -> None:
        """From here on nothing strikes; what was on its way is called back."""
        with self._changed:
            if watch not in self._watches:
                _strike(watch.thread, None)
            self._watches.discard(watch)

    def _patrol(self) -> None:
        with self._changed:
            while True:
                now = _CLOCK.monotonic()
                for watch in [watch for watch in self._watches if watch.deadline <= now]:
                    self._watches.discard(watch)
                    _strike(watch.thread, Overtime)
                self._wakes_at = min((watch.deadline for watch in self._watches), default=math.inf)
                self._changed.wait(None if math.isinf(self._wakes_at) else self._wakes_at - now)


def _strike(thread: int, error: type[BaseException] | None) -> None:
    import ctypes  # noqa: PLC0415 - slow to load, and only what runs over its time needs it

    raised = None if error is None else ctypes.py_object(error)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), raised)


_WATCHDOG = _Watchdog()


@contextmanager
def guarded(seconds: float = MAX_SECONDS + _GRACE) -> Iterator[None]:
    """Raise Overtime in the code within, should it run longer than `seconds`."""
    watch = _WATCHDOG.begin(seconds)
    try:
        yield
    finally:
        _WATCHDOG.end(watch)
