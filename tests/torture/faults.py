"""Faults that chance draws: each drives a run for a while, and does something to whoever drives it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from functools import partial
from random import Random

from tests.torture.models import Moody
from tests.torture.test_clocks import CLOCKS, faked
from tests.torture.test_owners import SHORT, collected, followed, silent, wake
from tests.torture.test_signals import CODES
from tests.torture.tracing import Point, injecting
from tests.torture.trial import Ended, Trial, until

OFTEN = {"pwrite64": 110, "write": 40, "fsync": 40, "vfork": 8, "epoll_wait": 60}
"""The calls that a fault strikes at, and about how many of each a whole run makes."""

WRITING = ("pwrite64", "write", "fsync", "vfork")

STOPPING = ("pwrite64", "write", "fsync", "epoll_wait")
"""Who is stopped at the start of a child has looked at its lease, and starts it: the documents say so."""

Words = tuple[str, ...]
Fault = Callable[[Trial, Words, Random], None]


def point(random: Random, calls: Sequence[str] = WRITING) -> Point:
    call = random.choice(calls)
    return Point(call, random.randint(1, OFTEN[call]))


def killed(trial: Trial, words: Words, random: Random) -> None:
    heeded(trial, trial.wf(*words, before=injecting(point(random), "signal=KILL")), -9)


def signalled(trial: Trial, words: Words, random: Random) -> None:
    number = random.choice(list(CODES))
    before = injecting(point(random), f"signal={number.name.removeprefix('SIG')}")
    heeded(trial, trial.wf(*words, before=before), -number, CODES[number])


def on_a_failing_disk(trial: Trial, words: Words, random: Random) -> None:
    fault = random.choice(("error=EIO", "error=ENOSPC"))
    before = injecting(point(random, ("pwrite64", "fsync")), fault, onwards=random.random() < 0.5)
    heeded(trial, trial.wf(*words, before=before), 5)


def under_another_clock(trial: Trial, words: Words, random: Random) -> None:
    """Killed under another clock than the last."""
    clock = faked(CLOCKS[random.choice(list(CLOCKS))])
    heeded(trial, trial.wf(*words, before=injecting(point(random), "signal=KILL"), env=clock), -9)


def taken_over(trial: Trial, words: Words, random: Random) -> None:
    """Stopped for longer than the lease; another goes on, and is killed perhaps; then the first wakes, and says why."""
    owner = stopped(trial, words, random)
    before = trial.row()
    if before is not None:
        until(partial(silent, trial))
    owned = before is not None and before.owner is not None and before.owner.pid in followed(owner)
    had_ended = before is not None and trial.has_ended
    heir_words = trial.beginning if before is None else trial.resumption
    doom = injecting(point(random), "signal=KILL") if random.random() < 0.3 else ()
    heeded(trial, trial.wf(*heir_words, before=doom, env=SHORT), 5, -9)
    after = trial.row()
    wake(owner)
    old = heeded(trial, collected(owner), 5, *([2] if before is None else []))
    if owned and before is not None and after is not None and after.epoch > before.epoch and not had_ended:
        assert old.code == 5, old
        assert f"run '{trial.run}' was taken over" in old.stderr, old


def paused(trial: Trial, words: Words, random: Random) -> None:
    """Another process asks it to pause, at a moment when it stands still; then it goes on, and pauses."""
    owner = stopped(trial, words, random)
    asked = trial.wf("pause", trial.run)
    assert asked.code in {0, 2, 5}, asked
    wake(owner)
    ended = heeded(trial, collected(owner), *([3] if asked.code == 0 else []))
    assert ended.code != 3 or "paused" in ended.stderr, ended


def killed_while_asking(server: Moody) -> Fault:
    """Killed once the model server has got some more requests, whether it has answered the last or not."""

    def strike(trial: Trial, words: Words, random: Random) -> None:
        wanted = len(server.served) + random.randint(1, 6)
        process = trial.start(*words)
        until(lambda: process.poll() is not None or len(server.served) >= wanted)
        process.kill()
        heeded(trial, collected(process), -9)

    return strike


def stopped(trial: Trial, words: Words, random: Random) -> subprocess.Popen[str]:
    """Whoever drives the run, stopped at a moment; or it has ended before that came."""
    log = trial.folder.with_suffix(".stops")
    before = injecting(point(random, STOPPING), "signal=STOP", log=str(log))
    log.unlink(missing_ok=True)
    process = trial.start(*words, before=before, env=SHORT)
    until(lambda: process.poll() is not None or (log.exists() and "--- stopped by SIGSTOP" in log.read_text("ascii")))
    return process


def heeded(trial: Trial, ended: Ended, *codes: int) -> Ended:
    """How it ended is one of these ways: or it had completed, or has now."""
    assert trial.heed(ended).code in {0, *codes} or (ended.code == 2 and trial.has_ended), ended
    return ended


FAULTS: tuple[Fault, ...] = (killed, signalled, on_a_failing_disk, taken_over, paused)
