"""One child process from its start to its end: fed, drained within bounds, and ended with its whole process tree."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess  # noqa: TID251 - the one module that starts processes; argv only, never a shell
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import IO

import msgspec

from runner.world.tools.environment import ATTEMPT, KEY, MARK
from runner.world.tools.process_tree import Process, ProcessTree, alive, signal_all
from runner.world.tools.refusal import Refusal

MAX_OUTPUT = 8 * 1024 * 1024
_CHUNK = 65_536
_POLL = 0.01
_KILL_PATIENCE = 1.0

_REASONS: Mapping[int, str] = {
    errno.EACCES: "it is not executable, or lies in a folder that may not be entered",
    errno.ENOEXEC: "it is no program for this machine; a script needs a first line such as #!/bin/sh",
    errno.E2BIG: "its arguments and environment together are larger than the system takes; use stdin or a file",
    errno.EAGAIN: "the system can't start another process now",
    errno.ENOMEM: "there is not enough memory to start a process",
    errno.EMFILE: "wf has too many files open",
    errno.ENFILE: "the system has too many files open",
    errno.ETXTBSY: "it is being written to",
}
"""Why the system does not start a program."""


class Launch(msgspec.Struct, frozen=True):
    """What to start, and what messages call it.

    With `result`, the child has a third pipe to write to; the number of its descriptor is appended to argv.
    """

    name: str
    argv: tuple[str, ...]
    executable: str
    cwd: str
    environment: Mapping[str, str]
    stdin: bytes = b""
    result: bool = False


class Finished(msgspec.Struct, frozen=True):
    """How a child ended: its exit code (negative: the signal that killed it) and what it wrote, by pipe."""

    code: int
    written: Mapping[str, bytes]


class ChildProcess:
    """A running child: gathers what it writes. `ended` is done once it has exited and its pipes are closed.

    A pipe that something in the background keeps open is waited for `patience` seconds after the child's exit.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], result: IO[bytes] | None, launch: Launch, patience: float
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._process = process
        self._name = launch.name
        self._patience = patience
        sources = {"stdout": process.stdout, "stderr": process.stderr, "result": result}
        self._pipes = {name: pipe for name, pipe in sources.items() if pipe}
        self._open = set(self._pipes)
        self._written = {name: bytearray() for name in self._pipes}
        self._unsent = memoryview(launch.stdin)
        self._exited = False
        self._late: asyncio.TimerHandle | None = None
        self._pidfd = -1
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self._watch()

    @property
    def id(self) -> int:
        return self._process.pid

    @property
    def is_over(self) -> bool:
        """Whether nothing of it is left: it has exited, and nobody holds its pipes."""
        return self._exited and not self._open

    def finished(self) -> Finished:
        return Finished(self._process.wait(), {name: bytes(written) for name, written in self._written.items()})

    def close(self) -> None:
        """Let go of everything, and reap the process: until here its id stays taken, so no signal hits a stranger."""
        if self._late:
            self._late.cancel()
        for name in tuple(self._open):
            self._close_pipe(name)
        self._close_stdin()
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
        self._process.poll()
        if self.ended.done() and not self.ended.cancelled():
            self.ended.exception()  # seen, even where a cancel came in first

    def _watch(self) -> None:
        for name, pipe in self._pipes.items():
            os.set_blocking(pipe.fileno(), False)
            self._loop.add_reader(pipe.fileno(), self._read, name)
        if self._process.stdin:
            os.set_blocking(self._process.stdin.fileno(), False)
            self._loop.add_writer(self._process.stdin.fileno(), self._write)
        try:
            self._pidfd = os.pidfd_open(self.id)
            self._loop.add_reader(self._pidfd, self._on_exit)
        except (AttributeError, OSError):  # not Linux, or one without pidfds: a thread waits
            self._loop.run_in_executor(None, self._process.wait).add_done_callback(lambda _: self._on_exit())

    def _on_exit(self) -> None:
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
        self._exited = True
        if not self._open:
            self._settle()
        elif not self._late:
            self._late = self._loop.call_later(self._patience, self._settle)

    def _read(self, name: str) -> None:
        try:
            part = os.read(self._pipes[name].fileno(), _CHUNK)
        except BlockingIOError:
            return
        written = self._written[name]
        if not part:
            self._close_pipe(name)
        elif len(written) + len(part) <= MAX_OUTPUT:
            written += part
        else:
            self._flood(name)  # and go on reading: what is being ended must not hang on a full pipe
        if self.is_over:
            self._settle()

    def _write(self) -> None:
        stdin = self._process.stdin
        try:
            sent = os.write(stdin.fileno(), self._unsent[:_CHUNK]) if stdin else 0
        except BlockingIOError:
            return
        except BrokenPipeError:  # it need not read all that it is given
            sent = len(self._unsent)
        self._unsent = self._unsent[sent:]
        if not self._unsent:
            self._close_stdin()

    def _settle(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)

    def _flood(self, name: str) -> None:
        if not self.ended.done():
            message = f"{self._name} wrote more than {MAX_OUTPUT >> 20} MiB to its {name}; write to a file instead"
            self.ended.set_exception(Refusal("tool_failed", message, stream=name))

    def _close_pipe(self, name: str) -> None:
        self._open.discard(name)
        self._loop.remove_reader(self._pipes[name].fileno())
        self._pipes[name].close()

    def _close_stdin(self) -> None:
        stdin = self._process.stdin
        if stdin and not stdin.closed:
            self._loop.remove_writer(stdin.fileno())
            stdin.close()


async def run(launch: Launch, grace: float) -> Finished:
    """Run a child to its end. Raises Refusal when it can't be started, or writes too much.

    Cancelling ends its process tree: asked at first, made to after `grace` seconds. So does a process in the background
    that still holds the pipes `grace` seconds after the child itself has ended.
    """
    try:
        child = _start(launch, grace)
    except OSError as error:
        raise _not_started(launch, error) from error
    try:
        await child.ended
    finally:
        try:
            if not child.is_over:
                marks = {name: launch.environment[name] for name in (MARK, KEY, ATTEMPT)}
                await end(ProcessTree(marks, child.id), grace)
        finally:
            child.close()
    return child.finished()


async def kill_leftovers(mark: str, key: str, grace: float) -> int:
    """End what a crash of wf has left of a step of the run so marked, before it runs again; says how many."""
    tree = ProcessTree({MARK: mark, KEY: key})
    found = len(tree.members())
    if found:
        await end(tree, grace)
    return found


async def end(tree: ProcessTree, grace: float) -> None:
    """Ask a whole tree to end; after `grace` seconds, or when cancelled meanwhile, make it.

    What was once seen to belong to it is remembered: its parent may end first, and no trace would lead to it. What is
    started meanwhile is asked too.
    """
    asked: set[Process] = set()
    try:
        async with asyncio.timeout(grace):
            while left := alive(asked) or tree.members():
                signal_all(left - asked, SIGTERM)
                asked |= left
                await asyncio.sleep(_POLL)
    except TimeoutError:
        pass
    finally:
        await _kill(tree, asked)


async def _kill(tree: ProcessTree, known: set[Process]) -> None:
    """Kill in rounds, since a process may fork while its siblings are being killed."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_KILL_PATIENCE):
            while known := alive(known) | tree.members():
                signal_all(known, SIGKILL)
                await asyncio.sleep(_POLL)


def _start(launch: Launch, patience: float) -> ChildProcess:
    if not launch.result:
        return ChildProcess(_spawn(launch, ()), None, launch, patience)
    reader, writer = os.pipe()
    try:
        process = _spawn(launch, (writer,))
    except BaseException:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    return ChildProcess(process, os.fdopen(reader, "rb", 0), launch, patience)


def _spawn(launch: Launch, handed: tuple[int, ...]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - checked by a performer; asyncio's own way takes twice as long
        [*launch.argv, *(str(descriptor) for descriptor in handed)],
        bufsize=0,
        executable=launch.executable,
        stdin=subprocess.PIPE if launch.stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=launch.cwd,
        env=launch.environment,
        start_new_session=True,
        pass_fds=handed,
    )


def _not_started(launch: Launch, error: OSError) -> Refusal:
    """Why a program did not start."""
    name, cwd = launch.name, launch.cwd
    if not Path(cwd).is_dir():
        return Refusal("file_io", f"can't run {name} in '{cwd}': there is no such folder", cwd=cwd)
    message = f"can't run {name}: {_reason(launch.executable, error)}"
    return Refusal("tool_failed", message, program=launch.argv[0], errno=error.errno)


def _reason(executable: str, error: OSError) -> str:
    if error.errno == errno.ENOENT and Path(executable).exists():
        return "the interpreter that its first line names does not exist"
    if error.errno == errno.ENOENT:
        return "there is no such file"
    return _REASONS.get(error.errno or 0, error.strerror or "the system refused it")
