"""One fault after another, drawn by a seed, befalls a run and whoever goes on with it; then quiet, and it ends."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.torture.conftest import Share
from tests.torture.faults import FAULTS, Fault, killed_while_asking, under_another_clock
from tests.torture.flows import ASKING, KINDS, SIX
from tests.torture.models import check_ledger, moody
from tests.torture.test_clocks import needs_faketime
from tests.torture.tracing import needs_strace
from tests.torture.trial import Flow, Trial

pytestmark = [needs_strace, needs_faketime]

FLOWS = (*(SIX, KINDS) * 4, ASKING)
"""A process that asks a model takes seconds to load what asks: it is tried less often."""


@pytest.mark.row("R24", parts=12, lasts=True)
def test_a_run_that_one_fault_after_another_befalls_is_completed_when_there_is_quiet(share: Share, place: Path) -> None:
    for seed in share.seeds(120, sample=1):
        random = Random(f"chaos {seed}")  # noqa: S311 - it must come again when asked for again
        flow = random.choice(FLOWS)
        if flow is ASKING:
            asking(place / f"seed-{seed}", random)
        else:
            working(place / f"seed-{seed}", flow, random)


def working(folder: Path, flow: Flow, random: Random) -> None:
    """A run of steps that work by themselves. SIX alone never waits for a time, which a clock set back puts off."""
    trial = Trial(folder, flow)
    befall(trial, random, (*FAULTS, under_another_clock) if flow is SIX else FAULTS)
    trial.recover()
    trial.check()
    trial.remove()


def asking(folder: Path, random: Random) -> None:
    """A run that asks a model, whose server is bad meanwhile."""
    trial = Trial(folder, ASKING)
    with moody(random.random(), trouble=random.choice((0.2, 0.5, 0.8))) as server:
        befall(trial, random, (*FAULTS, killed_while_asking(server), killed_while_asking(server)))
        server.trouble = 0.0
        trial.recover()
        trial.check()
        check_ledger(trial, server)
    trial.remove()


def befall(trial: Trial, random: Random, faults: tuple[Fault, ...]) -> None:
    for _ in range(random.randint(2, 5)):
        words = trial.resumption if trial.row() else trial.beginning
        random.choice(faults)(trial, words, random)
