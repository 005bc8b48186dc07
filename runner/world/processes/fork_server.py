"""Servers that make copies of themselves when they are asked to, over a socket: see `python_copies.py`."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Hashable
from contextlib import ExitStack, suppress
from typing import IO, NamedTuple

import msgspec

from runner.world.processes.limit_marks import mark_later
from runner.world.processes.process_tree import look_up_any

PATIENCE = 5.0
"""Seconds for which a copy is waited for: it takes one or two thousandths."""

LOST = -9
"""The exit code of a copy of which nobody can tell how it ended: that it was killed is likeliest."""

READY = b"ready"
_LONGEST = 64


class NotServed(Exception):
    """No copy was made. What was to be done by it has not begun."""


class Copy:
    """A process that a server has made, as `subprocess` would tell of it. `ask` asks the server how it ended.

    It stays a child of the server, and becomes one of this process if the server ends before it.
    """

    def __init__(self, process: int, streams: list[IO[bytes]], ask: Callable[[int], int | None]) -> None:
        self.pid = process
        self.stdin: IO[bytes] | None
        self.stdout: IO[bytes] | None
        self.stderr: IO[bytes] | None
        self.stdin, self.stdout, self.stderr = streams
        self.returncode: int | None = None
        self._ask = ask

    def poll(self) -> int | None:
        """How it ended, or None."""
        if self.returncode is None:
            status = self._ask(self.pid)
            self.returncode = None if status is None else os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self) -> int:
        """How it ended. It has, as its handle told."""
        code = self.poll()
        return LOST if code is None else code


class Pipes(NamedTuple):
    """A copy's streams: this process's ends of them, and the ends that are handed over."""

    ours: list[IO[bytes]]
    theirs: list[int]


class ForkServer:
    """A server, by its id: `wire` leads to it, `stop` ends and forgets it. It serves until it ends or is deaf."""

    def __init__(self, process: int, wire: socket.socket, stop: Callable[[], None]) -> None:
        self._process = process
        self._wire = wire
        self._stop = stop
        self.is_over = False
        self.is_deaf = False

    async def is_ready(self) -> bool:
        """Whether it is fit to serve, as soon as it knows."""
        self._wire.setblocking(False)
        told = await asyncio.get_running_loop().sock_recv(self._wire, _LONGEST)
        self._wire.settimeout(PATIENCE)
        return told == READY

    def copy(self, number: int, variable: str) -> tuple[Copy, IO[bytes]]:
        """A copy that bears these marks, and the pipe for its result. Raises NotServed, and OSError for want of pipes.

        As when a program is started, nothing else is done meanwhile. The copy waits for what it is given on its stdin.
        """
        with ExitStack() as kept, ExitStack() as lent:
            pipes = _piped(kept, lent)
            process = self._told(variable.encode(), pipes.theirs) or 0
            if not self._has_made(process):
                self.stop()
                raise NotServed
            mark_later(process, number)
            kept.pop_all()
        *streams, result = pipes.ours
        return Copy(process, streams, self._status_of), result

    def _has_made(self, process: int) -> bool:
        entry = look_up_any(process) if process > 0 else None
        return entry is not None and (entry.parent, entry.session) == (self._process, process)

    def _status_of(self, process: int) -> int | None:
        """The status with which a copy has ended; None if it has not."""
        told = None if self.is_over else self._told(b"%d" % process, [])
        if told is not None:
            return told if told >= 0 else None
        self.stop()
        with suppress(ChildProcessError):
            ended, status = os.waitpid(process, os.WNOHANG)
            return status if ended else None
        return None

    def _told(self, request: bytes, handed: list[int]) -> int | None:
        """The number that the server answers a request with; None if it does not."""
        try:
            socket.send_fds(self._wire, [request], handed)
            return int(self._wire.recv(_LONGEST))
        except (OSError, ValueError) as error:
            self.is_deaf = isinstance(error, TimeoutError)
            return None

    def stop(self) -> None:
        """End it. Its copies go on."""
        if not self.is_over:
            self.is_over = True
            self._wire.close()
            self._stop()


def _piped(kept: ExitStack, lent: ExitStack) -> Pipes:
    """Pipes for a copy's stdin, stdout, stderr and result."""
    pipes = Pipes([], [])
    for is_read in (True, False, False, False):
        reader, writer = os.pipe()
        lent.callback(os.close, theirs := reader if is_read else writer)
        ours = os.fdopen(writer, "wb", 0) if is_read else os.fdopen(reader, "rb", 0)
        pipes.ours.append(kept.enter_context(ours))
        pipes.theirs.append(theirs)
    return pipes


class _Place(msgspec.Struct):
    """Where a server may stand: one call at a time looks whether it does. Where none can, none is tried again."""

    lock: asyncio.Lock = msgspec.field(default_factory=asyncio.Lock)
    server: ForkServer | None = None
    is_barred: bool = False


class ForkServers:
    """The servers of one run, each for one kind of call. The first call of a kind is not worth one.

    `places`, empty at first, is what is kept of them between calls.
    """

    def __init__(self, places: dict[Hashable, _Place]) -> None:
        self._places = places

    async def of(self, kind: Hashable, start: Callable[[], Awaitable[ForkServer | None]]) -> ForkServer | None:
        """The server for a kind of calls, started if need be; None if there is none.

        A call that is cut off while one starts bars it: it may never be ready.
        """
        place = self._places.get(kind)
        if place is None:
            self._places[kind] = _Place()
            return None
        async with place.lock:
            if place.server is not None and place.server.is_over:
                place.is_barred = place.server.is_deaf
                place.server = None
            if place.server is None and not place.is_barred:
                place.is_barred = True
                place.server = await start()
                place.is_barred = place.server is None
        return place.server
