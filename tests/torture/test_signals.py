"""A run is stopped by a signal at any moment, once or twice: it is paused, leaves no process, and goes on when resumed.

So it is when whoever reads what `wf` prints has gone.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from tests.torture.conftest import Share
from tests.torture.flows import SIX, STUBBORN
from tests.torture.test_kills import points_of_a_run
from tests.torture.tracing import injecting, needs_strace
from tests.torture.trial import PATIENCE, WF, Ended, Trial

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}

CTRL_C = b"\x03"


@needs_strace
@pytest.mark.row("R15", parts=6)
def test_a_signal_at_any_write_pauses_a_run(share: Share, place: Path) -> None:
    cases = [(point, list(CODES)[number % 3]) for number, point in enumerate(points_of_a_run(place, SIX))]
    for point, number in share.of(cases, sample=2):
        trial = Trial(place / str(point), SIX)
        ended = trial.begin(injecting(point, f"signal={number.name.removeprefix('SIG')}"))
        paused = ended.code == CODES[number] and "paused" in ended.stderr
        assert paused or ended.code == 0 or dies_outside(trial, ended, number), f"{point}: {ended}"
        trial.crashes = 0  # what ran was let end: nothing runs again
        trial.recover()
        trial.check()
        trial.remove()


def dies_outside(trial: Trial, ended: Ended, number: signal.Signals) -> bool:
    """Whether a signal ended a process that was not a run yet, or had completed it."""
    return ended.code in {-number, CODES[number]} and (not trial.told or trial.has_ended)


@pytest.mark.row("R15", parts=4)
def test_ctrl_c_once_and_twice_in_a_terminal_leaves_nothing_running(share: Share, place: Path) -> None:
    for seed in share.seeds(24, sample=1):
        random = Random(f"ctrl-c {seed}")  # noqa: S311 - it must come again when asked for again
        trial = Trial(place / str(seed), STUBBORN)
        with in_terminal(trial) as (process, terminal):
            ended = interrupted(trial, process, terminal, line=random.randint(1, LINES), twice=bool(seed % 2))
        assert ended.code in {130, 0, -signal.SIGINT}, f"seed {seed}: {ended}"
        assert "paused" in ended.stderr or trial.has_ended, f"seed {seed}: {ended}"
        trial.crashes = 1  # a program that was only about to leave the terminal's group may have heard it too
        trial.recover()
        trial.check()
        trial.remove()


LINES = 14
"""So many events are told at most before a key is pressed."""


@contextmanager
def in_terminal(trial: Trial) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The run in a terminal of its own, whose keys are ours; its events come by a pipe."""
    keys, terminal = os.openpty()
    words = ["setsid", "--ctty", WF, *trial.beginning]
    try:
        with subprocess.Popen(
            words, cwd=trial.folder, stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            yield process, keys
    finally:
        os.close(keys)
        os.close(terminal)


def interrupted(trial: Trial, process: subprocess.Popen[str], keys: int, *, line: int, twice: bool) -> Ended:
    """Press Ctrl-C once so many events have been told; and again as soon as the first was heard."""
    assert process.stdout is not None
    assert process.stderr is not None
    said = "".join(process.stdout.readline() for _ in range(line))
    os.write(keys, CTRL_C)
    heard = ""
    if twice:
        heard = process.stderr.readline()
        os.write(keys, CTRL_C)
    stdout, stderr = process.communicate(timeout=PATIENCE)
    return trial.heed(Ended(process.returncode, said + stdout, heard + stderr))


@pytest.mark.row("R16")
def test_a_reader_that_goes_away_takes_nothing_from_a_run(share: Share, place: Path) -> None:
    for reader in share.of(READERS, sample=1):
        trial = Trial(place / "unread", SIX)
        ended = trial.wf(reader, *trial.beginning, before=["bash", "-c", PIPED])
        assert ended.code == 0, f"{reader}: {ended}"
        assert trial.has_ended
        trial.check()
        trial.remove()


@pytest.mark.row("R16")
def test_a_reader_that_goes_away_ends_a_command_that_only_reads_without_a_word(share: Share, place: Path) -> None:
    trial = Trial(place / "read", SIX)
    assert trial.begin().code == 0
    for words in share.of(READING, sample=3):
        for reader in READERS:
            told = trial.wf(reader, *(word.replace("RUN", trial.run) for word in words), before=["bash", "-c", PIPED])
            assert told.code in {0, 141}, f"{reader} {words}: {told}"
            assert told.stderr == "", f"{reader} {words}: {told}"
    trial.check()


READERS = ("true", "head -1")

PIPED = 'wf=$0 reader=$1; shift; "$wf" "$@" | $reader > /dev/null; exit "${PIPESTATUS[0]}"'

READING = [
    ("logs", "RUN"),
    ("logs", "RUN", "--json"),
    ("show", "RUN"),
    ("runs",),
    ("state", "RUN"),
    ("checkpoints", "RUN"),
    ("graph", "RUN"),
    ("export", "RUN"),
    ("workflows",),
    ("schema",),
    ("--help",),
]
