"""One fault after another, drawn by a seed, befalls a run and whoever goes on with it; then quiet, and it ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.torture.conftest import Share
from tests.torture.flows import KINDS, SIX
from tests.torture.test_clocks import CLOCKS, faked, needs_faketime
from tests.torture.test_signals import CODES
from tests.torture.tracing import Point, injecting, needs_strace
from tests.torture.trial import Ended, Trial

pytestmark = [needs_strace, needs_faketime]

OFTEN = {"pwrite64": 110, "write": 40, "fsync": 40, "vfork": 8}
"""The calls that a fault strikes at, and about how many of each a whole run makes."""

Words = tuple[str, ...]
Fault = Callable[[Trial, Words, Random], None]


@pytest.mark.row("R24", parts=12)
def test_a_run_that_one_fault_after_another_befalls_is_completed_when_there_is_quiet(share: Share, place: Path) -> None:
    for seed in share.seeds(120, sample=1):
        random = Random(f"chaos {seed}")  # noqa: S311 - it must come again when asked for again
        trial = Trial(place / f"seed-{seed}", random.choice((SIX, KINDS)))
        for _ in range(random.randint(2, 5)):
            words = trial.resumption if trial.row() else trial.beginning
            random.choice(FAULTS)(trial, words, random)
        trial.recover()
        trial.check()
        trial.remove()


def point(random: Random, calls: tuple[str, ...] = tuple(OFTEN)) -> Point:
    call = random.choice(calls)
    return Point(call, random.randint(1, OFTEN[call]))


def killed(trial: Trial, words: Words, random: Random) -> None:
    heeded(trial, trial.wf(*words, before=injecting(point(random), "signal=KILL")), -9)


def signalled(trial: Trial, words: Words, random: Random) -> None:
    number = random.choice(list(CODES))
    before = injecting(point(random), f"signal={number.name.removeprefix('SIG')}")
    heeded(trial, trial.wf(*words, before=before), -number, CODES[number])


def failing_disk(trial: Trial, words: Words, random: Random) -> None:
    fault = random.choice(("error=EIO", "error=ENOSPC"))
    before = injecting(point(random, ("pwrite64", "fsync")), fault, onwards=random.random() < 0.5)
    heeded(trial, trial.wf(*words, before=before), 5)


def other_clock(trial: Trial, words: Words, random: Random) -> None:
    """Killed under another clock than the last."""
    clock = faked(CLOCKS[random.choice(list(CLOCKS))])
    heeded(trial, trial.wf(*words, before=injecting(point(random), "signal=KILL"), env=clock), -9)


def heeded(trial: Trial, ended: Ended, *codes: int) -> None:
    """How it ended is one of these ways: or it had completed, or has now."""
    assert trial.heed(ended).code in {0, *codes} or (ended.code == 2 and trial.has_ended), ended


FAULTS: tuple[Fault, ...] = (killed, signalled, failing_disk, other_clock)
