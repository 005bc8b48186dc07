"""The clock is wrong, runs too fast, stands still or jumps: a run takes no harm, and nobody else takes it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.torture.conftest import Share
from tests.torture.flows import GATED
from tests.torture.test_owners import SHORT, begun, collected
from tests.torture.trial import Flow, Trial

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))

NEGATIVE = re.compile(r"-\d[\d.]* ?(?:ms|s|m|h|d)\b")

needs_faketime = pytest.mark.skipif(not LIBRARIES, reason="faketime is not installed (apt install faketime)")

pytestmark = needs_faketime

TIMED = Flow(
    {"flow.yaml": GATED.files["flow.yaml"].replace("{id: hold, ", "{id: hold, timeout: 1h, ")},
    GATED.outputs,
    GATED.effects,
)
"""Its second step may take an hour, by a clock that no jump reaches."""

CLOCKS = {
    "right": {},
    "two days on": {"FAKETIME": "+2d"},
    "two days back": {"FAKETIME": "-2d"},
    "ten times as fast": {"FAKETIME": "+0 x10"},
    "standing": {"FAKETIME": "2026-06-01 12:00:00"},
    "summer time ends": {"FAKETIME": "@2026-10-25 02:59:59", "TZ": "Europe/Berlin"},
}


def faked(clock: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process that has such a clock; time that only passes is not touched."""
    return {"LD_PRELOAD": str(LIBRARIES[0]), "FAKETIME_DONT_FAKE_MONOTONIC": "1", **SHORT, **clock} if clock else SHORT


@pytest.mark.row("R20", parts=4)
def test_a_run_goes_on_under_another_clock(share: Share, place: Path) -> None:
    for first, second in share.of(list(itertools.product(CLOCKS, CLOCKS)), sample=2):
        trial = Trial(place / "clocks", TIMED)
        owner = begun(trial, faked(CLOCKS[first]))
        refused = trial.resume(env=faked(CLOCKS[second]))
        assert refused.code == 5, f"{first}, {second}: {refused}"
        owner.kill()
        trial.heed(collected(owner))
        resumed = trial.open_gate().resume(env=faked(CLOCKS[second]))
        assert resumed.code == 0, f"{first}, {second}: {resumed}"
        trial.crashes = 1
        trial.check()
        assert negative(trial) == [], f"{first}, {second}"
        trial.remove()


@pytest.mark.row("R20")
def test_a_clock_that_jumps_ends_no_step_and_takes_no_run_away(share: Share, place: Path) -> None:
    for jump in share.of(["+2d", "-2d", "+400d", "+0 x10"], sample=1):
        trial = Trial(place / "clocks", TIMED)
        clock = trial.folder / "clock"
        clock.write_text("+0\n", encoding="ascii")
        jumping = faked({"FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1"})
        owner = begun(trial, jumping)
        clock.write_text(f"{jump}\n", encoding="ascii")
        assert trial.resume(env=jumping).code == 5
        trial.open_gate()
        ended = trial.heed(collected(owner))
        assert ended.code == 0, f"{jump}: {ended}"
        clock.unlink()
        trial.crashes = 0
        trial.check()
        assert negative(trial) == [], jump
        trial.remove()


def negative(trial: Trial) -> list[str]:
    """The durations that are shown as less than nothing."""
    return NEGATIVE.findall(trial.here("show", trial.run).stdout + trial.here("logs", trial.run).stdout)
