"""One child process from its start to its end: fed, drained within bounds, and ended with all that it started."""

from __future__ import annotations

import asyncio
import os
import subprocess  # noqa: TID251 - the one module that starts processes; argv only, never a shell
from collections.abc import Callable, Iterable, Mapping
from signal import SIGKILL, SIGTERM
from typing import IO, Protocol

import msgspec
from msgspec.structs import replace

from runner.record.event_parts import LeftRunning, Printed
from runner.world.calls import CallDone, Context, Outcome
from runner.world.large import beside
from runner.world.long_streams import LONGEST_HELD, LongStream
from runner.world.processes.process_tree import Process, ProcessTree, alive, signal_all
from runner.world.processes.supervisor import VARIABLE, Program, Supervisor, run_marks
from runner.world.program_exits import KEPT, MARGIN, kept, last_words
from runner.world.tools.not_started import not_started

MAX_OUTPUT = LONGEST_HELD
PIPE_PATIENCE = 0.5
"""Seconds for which a pipe is waited for that something in the background holds, once the program itself has ended."""

_CHUNK = 65_536
_POLL = 0.01
_KILL_ROUNDS = 50
"""How often what is left is killed, and looked for again; what can't be killed is let be then."""


class Launch(msgspec.Struct, frozen=True):
    """What to start, what messages call it, and what the record does.

    With `result`, the child has a third pipe to write to; the number of its descriptor is appended to argv. One that
    `talks` has a stdin that is written to as it runs. `keeps`: what it prints that is too long to be held is kept in a
    file.
    """

    name: str
    argv: tuple[str, ...]
    executable: str
    cwd: str
    environment: Mapping[str, str]
    stdin: bytes = b""
    result: bool = False
    program: str = ""
    keeps: bool = False
    talks: bool = False


class Finished(msgspec.Struct, frozen=True):
    """How a child ended: its exit code (negative: the signal that killed it) and what it wrote, by pipe.

    `flooded` is the pipe that it wrote too much to. Of it, and of those that are `long`, there is only the end.
    """

    code: int
    written: Mapping[str, bytes]
    flooded: str = ""
    long: Mapping[str, LongStream] = {}


class Started(Protocol):
    """What is asked of a process that was started: what `subprocess` tells of one."""

    pid: int
    stdin: IO[bytes] | None
    stdout: IO[bytes] | None
    stderr: IO[bytes] | None
    returncode: int | None

    def wait(self) -> int: ...

    def poll(self) -> int | None: ...


Spawn = Callable[[Launch, Program], tuple[Started, IO[bytes] | None]]
"""Starts a process; gives it, and the pipe for its result."""


class ChildProcess:
    """A running child: gathers what it writes. `ended` is done once it has exited, or has written too much.

    A pipe that something in the background keeps open is waited for `PIPE_PATIENCE` seconds after the child's exit.
    """

    def __init__(self, process: Started, result: IO[bytes] | None, launch: Launch, context: Context) -> None:
        self._loop = asyncio.get_running_loop()
        self._process = process
        self._launch = launch
        self._mask = context.mask
        self._kept = context.kept if launch.keeps else None
        self._long: dict[str, LongStream] = {}
        sources = {"stdout": process.stdout, "stderr": process.stderr, "result": result}
        self._pipes = {name: pipe for name, pipe in sources.items() if pipe}
        self._open = set(self._pipes)
        self._written = {name: bytearray() for name in self._pipes}
        self._flooded = ""
        self._is_heard = True
        self._unsent = memoryview(launch.stdin)
        self._exited = False
        self._late: asyncio.TimerHandle | None = None
        self._pidfd = -1
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self._watch()

    @property
    def is_reaped(self) -> bool:
        """Whether how it ended was asked."""
        return self._process.returncode is not None

    @property
    def is_held(self) -> bool:
        """Whether somebody still holds its pipes."""
        return bool(self._open)

    def finished(self) -> Finished:
        """How it ended. It is reaped then, and its id may come to mean another; but not if it has written too much."""
        written = {name: bytes(written) for name, written in self._written.items()}
        return Finished(0 if self._flooded else self._process.wait(), written, self._flooded, self._long)

    def printed(self) -> Printed:
        """What it has printed by now, masked, and of a lot only the end."""
        out, err = (kept(self._written[name], self._mask) for name in ("stdout", "stderr"))
        return Printed(self._launch.program, out, err)

    def stop_listening(self) -> None:
        """Go on reading what those write that it left running, which must not be killed by a broken pipe; keep none."""
        self._is_heard = False
        self._close_stdin()

    def close(self) -> None:
        """Let go of everything, and reap the process: until here its id stays taken, so no signal hits a stranger."""
        if self._late:
            self._late.cancel()
        for name in tuple(self._open):
            self._close_pipe(name)
        self._close_stdin()
        self._close_pidfd()
        for stream in self._long.values():
            stream.discard()
        self._process.poll()

    def _watch(self) -> None:
        for name, pipe in self._pipes.items():
            os.set_blocking(pipe.fileno(), False)
            self._loop.add_reader(pipe.fileno(), self._read, name)
        if self._process.stdin:
            os.set_blocking(self._process.stdin.fileno(), False)
            self._loop.add_writer(self._process.stdin.fileno(), self._write)
        try:
            self._pidfd = os.pidfd_open(self._process.pid)
            self._loop.add_reader(self._pidfd, self._on_exit)
        except (AttributeError, OSError):  # not Linux, or one without pidfds: a thread waits
            self._loop.run_in_executor(None, self._process.wait).add_done_callback(lambda _: self._on_exit())

    def _on_exit(self) -> None:
        self._close_pidfd()
        self._exited = True
        if not self._open:
            self._settle()
        elif not self._late:
            self._late = self._loop.call_later(PIPE_PATIENCE, self._settle_late)

    def _settle_late(self) -> None:
        """Take what lies in the pipes by now, without waiting for more."""
        for name in tuple(self._open):
            while name in self._open and name not in self._long and self._read(name):
                pass
        self._settle()

    def _read(self, name: str) -> bool:
        """Read what is there; whether there may be more."""
        try:
            part = os.read(self._pipes[name].fileno(), _CHUNK)
        except BlockingIOError:
            return False
        if not part:
            self._close_pipe(name)
        elif self._is_heard:
            self._take(name, part)
        if self._exited and not self._open:
            self._settle()
        return bool(part)

    def _take(self, name: str, part: bytes) -> None:
        """Keep it; of a flood only the end: what is being ended goes on being read, and must not fill the memory."""
        written = self._written[name]
        written += part
        stream = self._long.get(name)
        if stream is None and len(written) > MAX_OUTPUT:
            stream, part = LongStream(self._kept if name != "result" else None), bytes(written)
            self._long[name] = stream
        if stream is None:
            return
        if not self._flooded and not stream.take(part):
            self._flooded = name
            self._settle()
        if len(written) > 4 * (KEPT + MARGIN):
            del written[: -2 * (KEPT + MARGIN)]

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

    def _close_pidfd(self) -> None:
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1

    def _close_pipe(self, name: str) -> None:
        self._open.discard(name)
        self._loop.remove_reader(self._pipes[name].fileno())
        self._pipes[name].close()

    def _close_stdin(self) -> None:
        stdin = self._process.stdin
        if stdin and not stdin.closed:
            self._loop.remove_writer(stdin.fileno())
            stdin.close()


def spawn_program(launch: Launch, program: Program) -> tuple[Started, IO[bytes] | None]:
    """Start a launch's own program."""
    return _spawn_with_result(launch, program) if launch.result else (spawn(launch, (), program), None)


async def run(
    launch: Launch, context: Context, judge: Callable[[Finished], Outcome], spawning: Spawn = spawn_program
) -> Outcome:
    """Run a child to its end, and tell what came of it by `judge`. Raises Refusal when it can't be started.

    Nothing of it is left if it failed or is cancelled: all that it started is asked to end at first, and made to after
    a grace. What it left running when it ended well lives until the run's end.
    """
    with context.supervisor.starting() as program:
        child = start(launch, program, context, spawning)
    context.printout.read = child.printed
    outcome: Outcome | None = None
    try:
        await child.ended
        finished = child.finished()
        size = sum(map(len, finished.written.values())) + sum(stream.size for stream in finished.long.values())
        outcome = await beside(size, judge, finished)
    except asyncio.CancelledError:
        printed = child.printed()
        context.printout.said = last_words(printed.stdout, printed.stderr)
        raise
    finally:
        left = await _rest(child, program, context, completed=isinstance(outcome, CallDone))
    return replace(outcome, left=left) if left and isinstance(outcome, CallDone) else outcome


async def _rest(child: ChildProcess, program: Program, context: Context, *, completed: bool) -> tuple[LeftRunning, ...]:
    """See to what a child that is over, or is to be, has left."""
    supervisor = context.supervisor
    is_over = child.is_reaped and not child.is_held and supervisor.is_over(program, thorough=not completed)
    if completed and not is_over:
        child.stop_listening()
        return supervisor.leave(program, child.close)
    try:
        if not is_over:
            await end(supervisor.tree_of(program), context.grace)
    finally:
        child.close()
        supervisor.forget(program)
    return ()


async def end_left(supervisor: Supervisor, grace: float) -> None:
    """End what a run has left running in this process."""
    if supervisor.has_started_any:
        supervisor.dismiss_hosts()
        await end(supervisor.whole_tree(), grace, supervisor.known_left())


async def kill_leftovers(mark: str, grace: float, owner: int | None = None) -> int:
    """End what a former owner of the run so marked has left, whatever step it belongs to; says how many.

    The process `owner` is let be, if that one still lives: it finds out that the run is not its own any more.
    """
    tree = ProcessTree(run_marks(mark), spared=owner)
    found = len(tree.members())
    if found:
        await end(tree, grace)
    return found


async def end(tree: ProcessTree, grace: float, known: Iterable[Process] = ()) -> None:
    """Ask a whole tree to end; after `grace` seconds, or when cancelled meanwhile, make it.

    What is `known` to belong to it, or was once seen to, is remembered: its parent may end first, and no trace would
    lead to it. What is started meanwhile is asked too.
    """
    asked: set[Process] = set()
    left = alive(known) | tree.members()
    try:
        async with asyncio.timeout(grace):
            while left:
                signal_all(left - asked, SIGTERM)
                asked |= left
                await asyncio.sleep(_POLL)
                left = alive(asked) or tree.members()
    except TimeoutError:
        pass
    finally:
        await _kill(tree, asked)


async def _kill(tree: ProcessTree, known: set[Process]) -> None:
    """Kill in rounds, since a process may fork while its siblings are being killed."""
    for _ in range(_KILL_ROUNDS):
        known = alive(known) | tree.members()
        if not known:
            return
        signal_all(known, SIGKILL)
        await asyncio.sleep(_POLL)


def start(launch: Launch, program: Program, context: Context, spawning: Spawn) -> ChildProcess:
    """Start a child. Raises Refusal, and what `spawning` does."""
    try:
        process, result = spawning(launch, program)
    except OSError as error:
        raise not_started(launch.name, launch.argv, launch.executable, launch.cwd, error) from error
    program.leader = process.pid
    return ChildProcess(process, result, launch, context)


def _spawn_with_result(launch: Launch, program: Program) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
    reader, writer = os.pipe()
    try:
        return spawn(launch, (writer,), program), os.fdopen(reader, "rb", 0)
    except BaseException:
        os.close(reader)
        raise
    finally:
        os.close(writer)


def spawn(launch: Launch, handed: tuple[int, ...], program: Program) -> subprocess.Popen[bytes]:
    """Start a program that is handed descriptors, whose numbers are appended to argv. Raises OSError."""
    return subprocess.Popen(  # noqa: S603 - checked by a performer; asyncio's own way takes twice as long
        [*launch.argv, *(str(descriptor) for descriptor in handed)],
        bufsize=0,
        executable=launch.executable,
        stdin=subprocess.PIPE if launch.stdin or launch.talks else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=launch.cwd,
        env={**launch.environment, VARIABLE: program.variable},
        start_new_session=True,
        pass_fds=handed,
    )
