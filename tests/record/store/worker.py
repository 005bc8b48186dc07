"""A process of its own that uses a store, for tests of what several do at once and of what a killed one leaves.

`python -m tests.record.store.worker TASK PATH [ARGUMENT]…`; what it did goes to stdout, line by line.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from runner.ground.errors import StoreError
from runner.record.events import Commit
from runner.record.history import load_state
from runner.record.store import connection, migrations
from runner.record.store.contract import HistoryMoved, Message, Owner
from runner.record.store.sqlite import open_store
from tests.record.store.samples import DEFINITION, OWNER, events, first


def say(*words: object) -> None:
    print(*words, flush=True)  # noqa: T201 - the test reads it


def write(path: Path, run: str, length: str, durability: connection.Durability) -> None:
    """Begin a run and append to it; each commit is said once it is acknowledged."""
    store = open_store(path, durability=durability)
    store.save_definition(DEFINITION)
    store.create(first(run), OWNER)
    for number in range(3, int(length) + 1):
        store.append(Commit(run, number, events(number), 1.0))
        say(number)


def contend(path: Path, run: str, times: str) -> None:
    """Append to a run that others append to as well, each time to what is then its end."""
    store = open_store(path, durability="normal")
    won = 0
    while won < int(times):
        number = store.run(run).events + 1
        try:
            store.append(Commit(run, number, events(number), 1.0))
        except HistoryMoved:
            continue
        won += 1
    say(won)


def claim(path: Path, run: str, epoch: str) -> None:
    """Claim a run once all are ready."""
    store = open_store(path, durability="normal")
    say("ready")
    sys.stdin.readline()
    try:
        say("won", store.claim(run, Owner("host", os.getpid(), 1.0, "boot"), 1.0, int(epoch)))
    except StoreError as error:
        say("lost", type(error).__name__)


def post(path: Path, run: str, times: str) -> None:
    """Send messages, numbered, to a run."""
    store = open_store(path, durability="normal")
    for number in range(int(times)):
        store.post(Message(run, "signal", 1.0, f"{os.getpid()}", number))


def fill(path: Path, run: str, limit: str) -> None:
    """Append until files may not grow any more; then say how far it came, and what was told."""
    store = open_store(path)
    store.save_definition(DEFINITION)
    store.create(first(run), OWNER)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
    number = 2
    try:
        while True:
            store.append(Commit(run, number + 1, events(number + 1), 1.0))
            number += 1
    except StoreError as error:
        say(number)
        say(error.message)


def read(path: Path, run: str) -> None:
    """Read a run, then try to append to it."""
    store = open_store(path, create=False)
    state = load_state(store, run)
    say(state.seq, len(store.runs()))
    try:
        store.append(Commit(run, state.seq + 1, events(state.seq + 1), 1.0))
        say("appended")
    except StoreError as error:
        say(error.message)


def die_migrating(path: Path) -> None:
    """Be killed in the middle of a migration to a version that is still to come."""
    setattr(connection, "MIGRATIONS", (*migrations.MIGRATIONS, _deadly()))  # noqa: B010 - a module's own constant
    open_store(path)
    say("survived")


def _deadly() -> Iterator[str]:
    yield "CREATE TABLE half (a TEXT) STRICT"
    os.kill(os.getpid(), signal.SIGKILL)
    yield "CREATE TABLE other (a TEXT) STRICT"


TASKS: dict[str, Callable[..., None]] = {
    task.__name__: task for task in (write, contend, claim, post, fill, read, die_migrating)
}

if __name__ == "__main__":
    TASKS[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])
