"""Keeps a run's lease while the event loop is too busy to: a thread with a connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from runner.ground.clock import Clock
from runner.ground.errors import StoreError
from runner.record.store.contract import Fenced, Store

LATE = 1.5
"""How many times the usual pause there may be between two heartbeats of the loop before the thread gives one."""


class Heartbeat:
    """Says that this process lives whenever the loop is late to. Whether the run is still its own, the loop finds out.

    A process that is stopped as a whole stops saying it, and loses its lease.
    """

    def __init__(
        self, store: Store, run: str, epoch: int, clock: Clock, *, every: float, last: Callable[[], float]
    ) -> None:
        """`every` is the usual pause in seconds, `last` gives the moment of the loop's last heartbeat (monotonic)."""
        self._store = store
        self._run = run
        self._epoch = epoch
        self._clock = clock
        self._every = every
        self._last = last
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="heartbeat", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _go_on(self) -> None:
        """The store is opened when the loop is late for the first time: most runs do without."""
        own: Store | None = None
        while not self._over.wait(self._every):
            if self._clock.monotonic() - self._last() < LATE * self._every:
                continue
            with suppress(StoreError):  # the disk may be well again next time; the loop will tell of it
                own = own or self._store.apart()
                if own is None or not self._beat(own):
                    break
        if own is not None:
            own.close()

    def _beat(self, store: Store) -> bool:
        """Whether the run was still this process's."""
        try:
            store.heartbeat(self._run, self._epoch, self._clock.now())
        except Fenced:
            return False
        return True
