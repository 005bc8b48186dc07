"""Performing a call as the engine does: an attempt, its surroundings, and a pipe on which children give notice."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar
from unittest import mock

from runner.workflow.permissions import Permissions
from runner.world.calls import AnyCall, Attempt, CallDone, CallFailed, CommandCall, Context, Outcome
from runner.world.processes.fork_server import ForkServer, ForkServers
from runner.world.processes.process_tree import look_up
from runner.world.processes.supervisor import Supervisor
from runner.world.tools import python_server
from runner.world.tools.performers import PERFORMERS
from tests.clock import FixedClock

T = TypeVar("T")

DEADLINE = 60.0
"""Seconds after which a test has failed; none takes as many."""

RUN = "r"
MARK = f"mark-{os.getpid()}"
"""Leftovers are found by it: tests that run side by side must not find each other's."""

SUPERVISOR = Supervisor(MARK)

OWN = {"PATH": os.environ["PATH"], "HOME": "/home/me", "LANG": "C.UTF-8"}
PROGRAMS = frozenset({"sh", "cat", "true", "yes", "git", "env", sys.executable})


def in_time(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end, or fail at the deadline; and where anything went wrong in the loop that nobody awaits."""
    wrong: list[dict[str, Any]] = []

    async def bounded() -> T:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: wrong.append(context))
        async with asyncio.timeout(DEADLINE):
            return await work

    result = asyncio.run(bounded())
    assert wrong == []
    return result


@dataclass(frozen=True)
class Surroundings:
    """What a test may change about an attempt."""

    own: Mapping[str, str] = field(default_factory=lambda: OWN)
    grace: float = 5.0
    step: str = "build"
    number: int = 1
    permissions: Permissions = Permissions(commands=PROGRAMS)  # noqa: RUF009 - frozen
    servers: dict[Hashable, Any] = field(default_factory=dict)


class ServersAtOnce(ForkServers):
    """Servers that are started for the first call already."""

    async def of(self, kind: Hashable, start: Callable[[], Awaitable[ForkServer | None]]) -> ForkServer | None:
        """The server for a kind of calls."""
        return await super().of(kind, start) or await super().of(kind, start)


async def starting(call: AnyCall, **surroundings: Any) -> Outcome:
    """What the engine awaits."""
    around = Surroundings(**surroundings)
    attempt = Attempt(RUN, around.step, "build", "", around.number, call, around.permissions)
    context = Context(
        FixedClock(), around.own, grace=around.grace, mark=MARK, supervisor=SUPERVISOR, servers=around.servers
    )
    return await PERFORMERS[type(call)](attempt, context)


class Starting(Protocol):
    """A way in which a call is made."""

    def __call__(self, call: AnyCall, **surroundings: Any) -> Coroutine[Any, Any, Outcome]: ...


async def served(call: AnyCall, **surroundings: Any) -> Outcome:
    """As `starting`; a Python tool's call is that of a server, which is dismissed then."""
    with mock.patch.object(python_server, "ForkServers", ServersAtOnce):
        try:
            return await starting(call, **surroundings)
        finally:
            SUPERVISOR.dismiss_hosts()


def perform(call: AnyCall, **surroundings: Any) -> Outcome:
    return in_time(starting(call, **surroundings))


def command(*argv: str, cwd: str = "/", **more: Any) -> CommandCall:
    return CommandCall(argv, cwd, **more)


def script(text: str, **more: Any) -> CommandCall:
    return command("sh", "-c", text, **more)


def python(code: str, *arguments: str, **more: Any) -> CommandCall:
    return command(sys.executable, "-c", code, *arguments, **more)


def done(outcome: Outcome) -> Any:
    assert isinstance(outcome, CallDone), outcome
    return outcome.output


def failed(outcome: Outcome) -> tuple[str, str]:
    """The type and message of a failure."""
    assert isinstance(outcome, CallFailed), outcome
    return outcome.failure.type, outcome.failure.message


class Notices:
    """A pipe on which the children of a test tell how far they are: they write lines to its path."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "notices")
        os.mkfifo(self.path)
        self._pipe = os.open(self.path, os.O_RDWR | os.O_NONBLOCK)
        self._text = ""

    async def line(self) -> str:
        """The next line, as soon as there is one."""
        while "\n" not in self._text:
            await self._readable()
            self._text += os.read(self._pipe, 4096).decode()
        line, _, self._text = self._text.partition("\n")
        return line

    async def process(self) -> int:
        """The next line as the id of a process that lives."""
        process = int(await self.line())
        assert look_up(process)
        return process

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()

        def set_ready() -> None:
            if not ready.done():
                ready.set_result(None)

        loop.add_reader(self._pipe, set_ready)
        try:
            await ready
        finally:
            loop.remove_reader(self._pipe)

    def close(self) -> None:
        os.close(self._pipe)
