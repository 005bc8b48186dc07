"""The program of an MCP server: it is talked to by lines, what it says on stderr is kept within bounds."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from signal import SIGKILL
from typing import IO

from runner.world.calls import Context
from runner.world.processes.supervisor import Program, Supervisor
from runner.world.program_exits import KEPT, MARGIN, kept
from runner.world.tools.child_process import MAX_OUTPUT, PIPE_PATIENCE, Launch, Started, end, spawn
from runner.world.tools.not_started import not_started


class TooLong(Exception):
    """A line has no end that is near."""


class _Tail(asyncio.Protocol):
    """Keeps the end of what comes."""

    def __init__(self) -> None:
        self.written = bytearray()

    def data_received(self, data: bytes) -> None:
        self.written += data
        if len(self.written) > 4 * (KEPT + MARGIN):
            del self.written[: -2 * (KEPT + MARGIN)]


class ServerProcess:
    """A server's process, which stands by until the run's end. `code` is how it ended, if it did so by itself."""

    def __init__(self, process: Started, program: Program, supervisor: Supervisor, mask: Callable[[str], str]) -> None:
        self._process = process
        self._program = program
        self._supervisor = supervisor
        self._mask = mask
        self._loop = asyncio.get_running_loop()
        self._lines = asyncio.StreamReader(limit=MAX_OUTPUT)
        self._stderr = _Tail()
        self._transports: list[asyncio.BaseTransport] = []
        self._stdin: asyncio.WriteTransport | None = None
        self._pidfd = -1
        self._exited = asyncio.Event()
        self.code: int | None = None
        self.is_over = False

    @classmethod
    async def start(cls, launch: Launch, context: Context) -> ServerProcess:
        """Start a server. Raises Refusal when it can't be started."""
        supervisor = context.supervisor
        with supervisor.starting() as program:
            try:
                process = spawn(launch, (), program)
            except OSError as error:
                raise not_started(launch.name, launch.argv, launch.executable, launch.cwd, error) from error
            program.leader = process.pid
        server = cls(process, program, supervisor, context.mask)
        supervisor.host(program, server.stop)
        await server._connect(process.stdin, process.stdout, process.stderr)
        return server

    async def _connect(self, stdin: IO[bytes] | None, stdout: IO[bytes] | None, stderr: IO[bytes] | None) -> None:
        loop = self._loop
        reading, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(self._lines), stdout)
        heard, _ = await loop.connect_read_pipe(lambda: self._stderr, stderr)
        self._stdin, _ = await loop.connect_write_pipe(asyncio.Protocol, stdin)
        self._transports = [reading, heard, self._stdin]
        try:
            self._pidfd = os.pidfd_open(self._process.pid)
            loop.add_reader(self._pidfd, self._on_exit)
        except (AttributeError, OSError):  # not Linux, or one without pidfds: a thread waits
            loop.run_in_executor(None, self._process.wait).add_done_callback(lambda _: self._on_exit())

    def _on_exit(self) -> None:
        """It has ended. Something that it left may hold its pipes: what it said itself is there by now."""
        self._forget_pidfd()
        self._exited.set()
        self._loop.call_later(PIPE_PATIENCE, self._lines.feed_eof)

    async def line(self) -> bytes:
        """The next line that it writes; nothing once it writes no more. Raises TooLong."""
        try:
            return await self._lines.readuntil(b"\n")
        except asyncio.IncompleteReadError as error:
            return error.partial
        except asyncio.LimitOverrunError as error:
            raise TooLong from error

    def write(self, line: bytes) -> None:
        """Say something to it."""
        if self._stdin is not None and not self._stdin.is_closing():
            self._stdin.write(line)

    @property
    def said(self) -> str:
        """The end of what it wrote to stderr."""
        return kept(self._stderr.written, self._mask)

    async def close(self, grace: float) -> None:
        """Let it end: it is told by the end of its stdin, asked after a while, and made to after another."""
        if self.is_over:
            return
        if self._stdin is not None:
            self._stdin.close()
        try:
            await self.has_exited(grace)
            await end(self._supervisor.tree_of(self._program), grace)
        finally:
            self.stop()

    async def has_exited(self, patience: float) -> bool:
        """Whether it has ended by itself, or does within some seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._exited.wait()
        return self._exited.is_set()

    def stop(self) -> None:
        """End it at once, and forget it."""
        if self.is_over:
            return
        self.is_over = True
        if not self._exited.is_set():
            os.kill(self._process.pid, SIGKILL)  # it is not reaped yet: no other process bears its id
        code = self._process.wait()
        self.code = code if self._exited.is_set() else None
        self._forget_pidfd()
        self._lines.feed_eof()
        for transport in self._transports:
            transport.close()
        self._supervisor.forget(self._program)

    def _forget_pidfd(self) -> None:
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1
