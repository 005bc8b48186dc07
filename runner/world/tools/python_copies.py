"""Serves a Python tool's calls by copies of one process, for `python_host.py`: its module is imported once for all.

`wf` asks for a copy over a socket. It hands over four descriptors, the copy's stdin, stdout, stderr and the pipe for
its result, and says by which variable the copy is known. The copy tells its id. On its stdin it is told what to call:
`{function, arguments, environment}`. Once it has ended, `wf` asks by its id how, and is told the status. The
server ends when the socket is closed.
"""

from __future__ import annotations

import atexit
import gc
import io
import json
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

READY = b"ready"
UNFIT = b"unfit"
MARK = "WF_RUN_MARK"
OF_A_CALL = {"WF_ATTEMPT", "WF_IDEMPOTENCY_KEY", "WF_STEP", MARK}
"""The variables that differ from call to call."""

NOT_YET = b"-1"

_LONGEST = 512
_PIPES = 4
_STANDARD = 3
_CHUNK = 65_536

Importing = Callable[[], ModuleType]


def serve(number: int, importing: Importing) -> tuple[int, Importing, dict[str, Any]]:
    """Import the tool's module, then return in each copy: the pipe for the result, what gives the module, what to call.

    A tool whose import leaves something that copies would share is unfit.
    """
    wire = socket.socket(fileno=number)
    atexit.register(_leave)  # what is registered first is called last
    try:
        module = _imported(importing)
    except BaseException:  # noqa: BLE001 - SystemExit too: whoever imports it for one call alone will tell
        module = None
    gc.freeze()  # what is there now is not looked through by each copy
    wire.send(READY if module else UNFIT)
    if module is None:
        os._exit(0)
    channel, request = _next_copy(wire)
    return channel, lambda: module, request


def _next_copy(wire: socket.socket) -> tuple[int, dict[str, Any]]:
    """Serve; return in each copy."""
    while True:
        request, handed, _, _ = socket.recv_fds(wire, _LONGEST, _PIPES)
        if not request:  # `wf` needs no more
            os._exit(0)
        if not handed:
            wire.send(_status_of(int(request)))
        elif not os.fork():
            return handed[-1], _begun(request.decode(), handed, wire)
        for descriptor in handed:
            os.close(descriptor)


def _status_of(process: int) -> bytes:
    """How a copy ended; nothing is told of one that has not."""
    ended, status = os.waitpid(process, os.WNOHANG)
    return b"%d" % status if ended else NOT_YET


def _imported(importing: Importing) -> ModuleType | None:
    """The module; None if copies of this process would not stand as if each had imported it."""
    asked: set[str] = set()
    before = _shared()
    with _watched(os.environ, asked), _watched(os.environb, asked):
        module = importing()
    _flush((sys.stdout, sys.stderr))
    return None if asked or _shared() != before else module


def _shared() -> tuple[object, ...]:
    """What copies would have in common, or can't have: open files, threads, shared memory, tasks for the end.

    And what a server needs as it was.
    """
    maps = [line.split()[1] for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()]
    threads, files = (sorted(os.listdir(f"/proc/self/{kind}")) for kind in ("task", "fd"))  # noqa: PTH208 - names alone
    needed = signal.getsignal(signal.SIGCHLD), resource.getrlimit(resource.RLIMIT_RSS)
    return files, threads, maps.count("rw-s"), atexit._ncallbacks(), needed


@contextmanager
def _watched(environment: Any, asked: set[str]) -> Iterator[None]:
    """Note which of the variables that differ by call are read meanwhile."""
    kind = type(environment)

    class Watched(kind):  # type: ignore[misc, valid-type]
        def __getitem__(self, name: Any) -> Any:
            asked.update({os.fsdecode(name)} & OF_A_CALL)
            return super().__getitem__(name)

    environment.__class__ = Watched
    try:
        yield
    finally:
        environment.__class__ = kind


def _flush(streams: Iterable[Any]) -> None:
    for stream in streams:
        with suppress(Exception):
            stream.flush()


def _leave() -> None:
    """End at once. To take the whole interpreter apart, as is done otherwise, costs more than most calls.

    What was registered for the end was called by now, and threads have ended. What is still to be written is.
    """
    logging.shutdown()
    _flush((sys.stdout, sys.stderr))
    if len(os.listdir("/proc/self/fd")) > _STANDARD + 1:  # noqa: PTH208 - one is the listing's own
        _flush(thing for thing in gc.get_objects() if issubclass(type(thing), io.IOBase))
    os._exit(0)


def _begun(mark: str, handed: list[int], wire: socket.socket) -> dict[str, Any]:
    """Become a process of its own, tell its id, and read what is to be called."""
    os.setsid()
    for place, descriptor in enumerate(handed[:-1]):
        os.dup2(descriptor, place)
        os.close(descriptor)
    os.set_inheritable(handed[-1], False)
    os.environ[MARK] = mark
    wire.send(b"%d" % os.getpid())
    wire.close()
    text = b"".join(iter(lambda: os.read(0, _CHUNK), b""))
    request: dict[str, Any] = json.loads(text)
    os.environ.update(request["environment"])
    return request
