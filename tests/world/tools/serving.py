"""Calls of Python tools that share servers, and a file of tools that tell how they are called."""

from __future__ import annotations

from collections.abc import Coroutine, Hashable
from pathlib import Path
from typing import Any

from runner.workflow.permissions import Permissions
from runner.world.calls import Outcome, PythonCall
from tests.world.tools.performing import SUPERVISOR, done, in_time, starting

TOOLS = """
import atexit, logging.handlers, os, random, signal, subprocess, sys, threading
IMPORTED, SEEN = os.getpid(), []
print("imported")

def whose(): return [IMPORTED, os.getpid()]
def parent(): return os.getppid()
def counts():
    SEEN.append(1)
    return len(SEEN)
def draws(): return random.random()
def step(): return [os.environ[f"WF_{name}"] for name in ("STEP", "IDEMPOTENCY_KEY", "ATTEMPT", "RUN_MARK")]
def waits(notices):
    with open(notices, "w") as pipe:
        pipe.write(f"{os.getpid()}\\n")
    signal.pause()
def waits_for(gate, notices):
    with open(notices, "w") as pipe:
        pipe.write(f"{os.getpid()}\\n")
    with open(gate) as pipe:
        return pipe.read()
def kills():
    os.kill(IMPORTED, signal.SIGKILL)
    return os.getpid()
def stops(): os.kill(IMPORTED, signal.SIGSTOP)
def starts(): return subprocess.Popen(["sleep", "1000"], start_new_session=True).pid
def says(word):
    print(word)
    atexit.register(print, "bye")
    raise ValueError
def logs(path):
    logging.getLogger().addHandler(logging.handlers.MemoryHandler(10, target=logging.FileHandler(path)))
    logging.warning("kept for the end")
def escapes(notices):
    told, tells = os.pipe()
    if not os.fork():
        os.setsid()
        if not os.fork():
            with open(notices, "w") as pipe:
                pipe.write(f"{os.getpid()}\\n")
            os.write(tells, b".")
            signal.pause()
        os._exit(0)
    os.read(told, 1)
    raise ValueError
def ends(path):
    global kept
    kept = open(path, "a")
    kept.write("kept open, ")
    atexit.register(kept.write, "at the end")
    threading.Timer(0.01, kept.write, ["in a thread, "]).start()
"""


class Calls:
    """Calls of the tools in a folder that share servers."""

    def __init__(self, folder: Path, text: str = TOOLS) -> None:
        self.file = folder / "tools.py"
        self.file.write_text(text)
        self.servers: dict[Hashable, Any] = {}

    def made(self, function: str, **arguments: Any) -> PythonCall:
        modules = {str(self.file): self.file.read_text()}
        return PythonCall("mine", str(self.file), function, arguments, str(self.file.parent), modules=modules)

    async def outcome(self, call: PythonCall, **surroundings: Any) -> Outcome:
        around = {"permissions": Permissions(python=("/",)), **surroundings}
        return await starting(call, servers=self.servers, **around)

    async def give(self, function: str, **arguments: Any) -> Any:
        return done(await self.outcome(self.made(function, **arguments)))

    async def give_in(self, call: PythonCall, **surroundings: Any) -> Any:
        return done(await self.outcome(call, **surroundings))


def to_the_end(scenario: Coroutine[Any, Any, Any]) -> Any:
    """Run a scenario, and dismiss its servers."""

    async def dismissed() -> Any:
        try:
            return await scenario
        finally:
            SUPERVISOR.dismiss_hosts()

    return in_time(dismissed())


def given(calls: Calls, function: str, times: int, **arguments: Any) -> list[Any]:
    async def scenario() -> list[Any]:
        return [await calls.give(function, **arguments) for _ in range(times)]

    result: list[Any] = to_the_end(scenario())
    return result


def are_alone(calls: Calls, times: int = 3) -> bool:
    """Whether each call is a program of its own, which has imported the tool itself."""
    return all(imported == own for imported, own in given(calls, "whose", times))
