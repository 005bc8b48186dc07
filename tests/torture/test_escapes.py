"""`wf` is killed while its programs escape in all ways: nothing of the run is left soon after."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from pathlib import Path
from random import Random
from select import select

import pytest

from runner.world.processes.process_tree import ids, words_of
from tests.acceptance.command_line import started, write
from tests.torture.conftest import Share

SOON = 5.0
"""Seconds after a kill within which nothing may be left."""

TOLD = 30.0
LATER = 0.03
"""Seconds, at most, between what a program tells and the kill."""

WAYS = (
    "{stays} &",
    "setsid {stays} &",
    "nohup {stays} > /dev/null 2>&1 &",
    "(setsid {stays} > /dev/null 2>&1 < /dev/null &)",
    "((({stays} &) &) &)",
    "(env -i setsid {stays} > /dev/null 2>&1 &)",
    "(env -i setsid {deaf} &)",
    "{deaf} &",
    "(setsid sh -c 'ulimit -m 1000000; {tells}; exec {sleep}' &)",
    "(setsid sh -c 'trap \"\" TERM; {tells}; while :; do setsid {sleep} & wait; done' &)",
    "for i in 1 2 3; do (setsid {stays} | setsid {stays} &); done",
    "yes {token} | {stays} &",
    "(set -m; {stays} &)",
)
"""How a program of `sh` gets away, or keeps others alive."""


@pytest.mark.row("R27", parts=12, lasts=True)
def test_nothing_is_left_of_a_killed_run_whose_programs_escape(share: Share, tmp_path: Path) -> None:
    for seed in share.seeds(1000, sample=4):
        random = Random(f"escapes {seed}")  # noqa: S311 - it must come again when asked for again
        with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
            assert left_after_a_kill(Path(folder), random, f"86400.{os.getpid()}{seed:06}") == [], seed


def left_after_a_kill(folder: Path, random: Random, token: str) -> list[str]:
    """Run it, kill it at some moment, and say what is left after a while."""
    write(folder, "flow.yaml", flow(random, token))
    os.mkfifo(folder / "told")
    pipe = os.open(folder / "told", os.O_RDWR)
    try:
        with started(folder, "run", "flow.yaml", "--no-input") as run:
            hear(pipe, random.randint(1, 6))
            select([], [], [], random.uniform(0, LATER))
            run.send_signal(signal.SIGKILL)
            assert run.wait() in {-signal.SIGKILL, 0}, "it is killed if it had not just ended"
        return whatever_is_left(token)
    finally:
        os.close(pipe)
        for process in bearers(token):
            os.kill(process, signal.SIGKILL)


def hear(pipe: int, times: int) -> None:
    """Wait until programs have told so often that they are there; but not for ever for more than one."""
    for time_ in range(times):
        heard = select([pipe], [], [], TOLD if time_ == 0 else 1.0)[0]
        assert heard or time_, "no program tells of itself"
        if heard:
            os.read(pipe, 2)


def flow(random: Random, token: str) -> str:
    """Branches whose programs escape, and then wait or end."""
    branches = "".join(f"        b{number}: {{script: {_quoted(script(random, token))}}}\n" for number in range(3))
    return f"wf: 1\nname: escapes\npermissions: {{commands: [sh]}}\nnodes:\n  fan:\n    parallel:\n{branches}"


def script(random: Random, token: str) -> str:
    tells, sleep = "echo 1 > told", f"sleep {token}"
    parts = {
        "tells": tells,
        "sleep": sleep,
        "token": token,
        "stays": f'sh -c "{tells}; exec {sleep}"',
        "deaf": f"sh -c 'trap \"\" TERM HUP INT; {tells}; while :; do {sleep}; done' > /dev/null 2>&1",
    }
    ways = [way.format(**parts) for way in random.choices(WAYS, k=random.randint(2, 5))]
    return "\n".join([*ways, random.choice((f"{tells}; {sleep}", f"{tells}; {sleep}", tells, "wait"))])


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''").replace("\n", "\n\n            ") + "'"


def whatever_is_left(token: str) -> list[str]:
    """What still bears the token once it is late; nothing as soon as there is nothing."""
    until = time.monotonic() + SOON
    while (left := bearers(token)) and time.monotonic() < until:
        select([], [], [], 0.02)
    return [words_of(process) for process in left]


def bearers(token: str) -> list[int]:
    """The processes that have it among their words."""
    return [process for process in ids() if token in words_of(process)]
