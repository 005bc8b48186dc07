"""Too few open files, processes or bytes of memory: a step waits or fails in a word; with more, the run completes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.torture.conftest import Share
from tests.torture.flows import MANY, MARK, SIX
from tests.torture.trial import Ended, Flow, Trial, until

GROUPS = Path("/sys/fs/cgroup")

WORDS = ("too many files open", "can't start another process", "not enough memory", "Too many open files")

GREEDY = Flow(
    files={
        "flow.yaml": f"""
wf: 1
name: greedy
permissions: {{commands: [sh], env: [PATH]}}
steps:
  - {{id: first, script: {MARK}}}
  - id: hungry
    script: |
      echo $$ > "$GROUP/cgroup.procs"
      exec python3 -c 'bytearray(200 << 20)'
    env: {{GROUP: "{{{{ inputs.group }}}}", PATH: "{os.environ["PATH"]}"}}
inputs: {{group: {{type: string}}}}
""",
    },
    outputs={},
    effects={},
)


@contextmanager
def group(controller: str, limit: str, value: int) -> Iterator[Path]:
    """A control group of one's own. Skips the test where there are none of this form, or they may not be made."""
    folder = GROUPS / controller / f"torture-{os.getpid()}"
    try:
        folder.mkdir()
        (folder / limit).write_text(str(value), encoding="ascii")
    except OSError:
        pytest.skip(f"making a {controller} control group (version 1) takes root")
    try:
        yield folder
    finally:
        until(lambda: _is_removed(folder))


def _is_removed(folder: Path) -> bool:
    """Remove a group; it stays while a process in it has not quite ended."""
    with suppress(OSError):
        folder.rmdir()
    return not folder.exists()


def inside(folder: Path) -> list[str]:
    """The beginning of a command that runs in a control group."""
    return ["sh", "-c", f'echo $$ > {folder}/cgroup.procs; exec "$0" "$@"']


@pytest.mark.row("R22")
def test_few_open_files_fail_a_step_in_a_word_or_stop_a_run(share: Share, place: Path) -> None:
    for number in share.of(range(24, 256, 8), sample=1):
        trial = Trial(place / str(number), MANY)
        ended = trial.begin(["sh", "-c", f'ulimit -n {number}; exec "$0" "$@"'])
        completes(trial, ended)


@pytest.mark.row("R22")
def test_few_processes_fail_a_step_in_a_word_or_stop_a_run(share: Share, place: Path) -> None:
    for number in share.of(range(4, 64, 4), sample=1):
        trial = Trial(place / str(number), MANY)
        with group("pids", "pids.max", number) as folder:
            ended = trial.begin(inside(folder))
        completes(trial, ended)


def completes(trial: Trial, ended: Ended) -> None:
    """The run has completed; or it failed in clear words, and completes now that there is enough of everything."""
    if ended.code == 1:
        assert any(word in ended.stderr for word in WORDS), ended
        assert trial.here("retry", trial.run).code == 0
        return
    assert ended.code in {0, 5}, ended
    if ended.code:
        trial.recover()
    trial.check()


@pytest.mark.row("R23")
def test_a_program_that_is_killed_for_its_memory_fails_its_step_in_a_word(share: Share, place: Path) -> None:
    for size in share.of([24, 48, 96], sample=1):
        trial = Trial(place / str(size), GREEDY)
        with group("memory", "memory.limit_in_bytes", size << 20) as folder:
            ended = trial.wf(*trial.beginning, "-i", f"group={folder}")
        assert ended.code == 1, ended
        assert "'sh' was killed by SIGKILL; the system may have run out of memory" in ended.stderr


@pytest.mark.row("R23")
def test_a_run_whose_owner_is_killed_for_its_memory_is_completed_by_resuming(share: Share, place: Path) -> None:
    killed = 0
    for size in share.of(range(8_000, 48_000, 1_000), sample=1):
        trial = Trial(place / str(size), SIX)
        with group("memory", "memory.limit_in_bytes", size << 10) as folder:
            ended = trial.begin(inside(folder))
            assert ended.code in {-9, 0}, ended
            killed += ended.code == -9
            trial.recover()  # which ends what the killed one has left in the group
        trial.check()
    assert killed or not share.whole
