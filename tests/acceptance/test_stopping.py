"""Stopping a run: by a key, by a signal, by another process, by force; and going on afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runner.ground.clock import SystemClock
from runner.record.store.driver import sqlite3
from runner.record.store.sqlite import open_store
from tests.acceptance.command_line import ended, lines_until, process, started, wf, write

STUBBORN = """
wf: 1
name: stubborn
permissions: {commands: [sh]}
nodes:
  quick: {script: "echo quick >> log", next: slow}
  slow:
    script: |
      trap 'echo asked >> log' TERM
      sleep 300 & echo $! > pid
      echo begun > began
      wait; wait
    next: after
  after: {script: "echo after >> log"}
finally: {script: "echo finally >> log"}
"""
ENDING = STUBBORN.replace("      wait; wait\n", "      read line < gate; kill $!; echo ended >> log\n")
EACH = """
wf: 1
name: each
permissions: {commands: [sh]}
nodes:
  each:
    for_each: "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]"
    max_concurrency: 2
    do:
      script: |
        echo "$N" >> log
        [ "$N" != 5 ] || [ -e second ] || { echo > second; echo > began; sleep 300; }
        echo "$N"
      env: {N: "{{ item }}"}
outputs: {texts: "{{ nodes.each.output | map(attribute='text') | list }}"}
"""


def log(folder: Path) -> list[str]:
    return (folder / "log").read_text(encoding="utf-8").split()


@contextmanager
def running(folder: Path, text: str, lease: str = "30s") -> Iterator[subprocess.Popen[str]]:
    """Run `r`, in a process of its own, once its slow step has begun. FIFOs tell of that, and let it end."""
    write(folder, "flow.yaml", text)
    for name in ("began", "gate"):
        os.mkfifo(folder / name)
    env = {**os.environ, "WF_LEASE": lease}
    with started(folder, "run", "flow.yaml", "--run-id", "r", start_new_session=True, env=env) as run:
        assert (folder / "began").read_text(encoding="utf-8").strip() in {"begun", ""}
        yield run


def sleeper_is_alive(folder: Path) -> bool:
    """Whether what the slow step has started in the background still runs."""
    pid = int((folder / "pid").read_text(encoding="utf-8"))
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def test_interrupted_once_what_runs_may_end_and_nothing_new_starts(tmp_path: Path) -> None:
    with running(tmp_path, ENDING) as run:
        run.send_signal(signal.SIGINT)
        assert run.stderr is not None
        while "stopping: what runs may end within 10 s" not in run.stderr.readline():
            pass
        (tmp_path / "gate").write_text("go\n", encoding="utf-8")
        done = ended(run)
    assert done.code == 130
    assert "run r paused" in done.stderr
    assert "wf resume r" in done.stderr
    assert log(tmp_path) == ["quick", "ended"]
    assert "paused (interrupted)" in wf(tmp_path, "show", "r").stdout
    wf(tmp_path, "resume", "r")
    assert log(tmp_path) == ["quick", "ended", "after", "finally"]


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=["int", "term", "hup"]
)
def test_interrupted_twice_it_stops_at_once_with_its_whole_process_tree(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    with running(tmp_path, STUBBORN) as run:
        run.send_signal(number)
        assert run.stderr is not None
        while "once more to stop at once" not in run.stderr.readline():
            pass
        run.send_signal(number)
        done = ended(run)
    assert done.code == code
    assert not sleeper_is_alive(tmp_path)
    assert log(tmp_path)[0] == "quick"
    assert "finally" not in log(tmp_path)
    assert wf(tmp_path, "runs", "--json").document[0]["status"] == "paused"


def test_a_hang_up_that_is_ignored_stays_ignored(tmp_path: Path) -> None:
    """`nohup wf run …` goes on when its terminal is closed."""
    write(tmp_path, "flow.yaml", ENDING)
    for name in ("began", "gate"):
        os.mkfifo(tmp_path / name)
    with started(tmp_path, "run", "flow.yaml", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)) as run:
        (tmp_path / "began").read_text(encoding="utf-8")
        run.send_signal(signal.SIGHUP)
        (tmp_path / "gate").write_text("go\n", encoding="utf-8")
        assert ended(run).code == 0


def test_a_live_run_is_cancelled_from_another_process_with_its_whole_process_tree(tmp_path: Path) -> None:
    with running(tmp_path, STUBBORN) as run:
        assert "run r is asked to cancel" in wf(tmp_path, "cancel", "r", "--reason", "no longer needed").stderr
        done = ended(run)
    assert done.code == 4
    assert "no longer needed" in done.stderr
    assert not sleeper_is_alive(tmp_path)
    assert log(tmp_path) == ["quick", "asked", "finally"]
    assert wf(tmp_path, "show", "r", "--json").document["error"]["type"] == "cancelled"
    assert "has ended: cancelled" in wf(tmp_path, "cancel", "r", code=2).stderr


def test_a_paused_run_is_cancelled_here(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", "wf: 1\nname: asks\nnodes: {ask: {human: {prompt: x}}}\n")
    wf(tmp_path, "run", "flow.yaml", "--run-id", "r", code=3)
    assert wf(tmp_path, "cancel", "r", "--json").document["status"] == "cancelled"


def test_a_cancel_comes_before_a_deadline_that_has_passed_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks = "{human: {prompt: x, choices: [go, stay], otherwise: go}, timeout: 2h, next: on}"
    head = "wf: 1\nname: asks\npermissions: {commands: [touch]}\n"
    write(tmp_path, "flow.yaml", f"{head}nodes: {{ask: {asks}, on: {{command: [touch, done]}}}}\n")
    wf(tmp_path, "run", "flow.yaml", "--run-id", "r", code=3)
    now = SystemClock.now
    monkeypatch.setattr(SystemClock, "now", lambda clock: now(clock) + 86_400)
    assert wf(tmp_path, "cancel", "r", "--json").document["status"] == "cancelled"
    assert not (tmp_path / "done").exists()


def test_a_run_that_another_process_drives_is_refused_and_says_whose_it_is(tmp_path: Path) -> None:
    with running(tmp_path, ENDING) as run:
        done = wf(tmp_path, "resume", "r", "--json", code=5)
        assert f"run 'r' is owned by process {run.pid} on" in done.stderr
        assert done.document["status"] == "error"
        (tmp_path / "gate").write_text("go\n", encoding="utf-8")
        assert ended(run).code == 0


@pytest.mark.parametrize(
    ("lease", "silence", "mine"), [("30s", 20, "1s"), ("30s", 20, "30s"), ("10m", 500, "30s"), ("10m", 500, "1s")]
)
def test_an_owner_that_has_yet_time_to_speak_by_its_own_lease_keeps_its_run(
    tmp_path: Path, lease: str, silence: float, mine: str
) -> None:
    with running(tmp_path, ENDING, lease) as run:
        fall_silent(tmp_path, silence)
        done = process(tmp_path, "resume", "r", code=5, env={**os.environ, "WF_LEASE": mine})
        assert f"run 'r' is owned by process {run.pid} on" in done.stderr
        assert "left" not in process(tmp_path, "runs", env={**os.environ, "WF_LEASE": mine}).stdout
        (tmp_path / "gate").write_text("go\n", encoding="utf-8")
        assert ended(run).code == 0
    assert log(tmp_path) == ["quick", "ended", "after", "finally"]


@pytest.mark.parametrize("mine", ["1s", "30s", "10m"])
def test_an_owner_that_was_silent_for_longer_than_its_own_lease_loses_its_run(tmp_path: Path, mine: str) -> None:
    with running(tmp_path, STUBBORN, "1s") as run:
        run.send_signal(signal.SIGSTOP)
        fall_silent(tmp_path, 2)
        assert "left" in wf(tmp_path, "runs").stdout
        assert process(tmp_path, "cancel", "r", env={**os.environ, "WF_LEASE": mine}).code == 0
        run.send_signal(signal.SIGCONT)
        done = ended(run)
    assert done.code == 5
    assert "run 'r' was taken over" in done.stderr


def test_an_owner_speaks_also_while_it_waits_for_what_runs_to_end(tmp_path: Path) -> None:
    with running(tmp_path, ENDING, "1s") as run:
        run.send_signal(signal.SIGINT)
        assert run.stderr is not None
        while "once more to stop at once" not in run.stderr.readline():
            pass
        heard = {heartbeat(tmp_path)}
        while len(heard) < 4 and None not in heard:
            heard.add(heartbeat(tmp_path))
        assert None not in heard
        (tmp_path / "gate").write_text("go\n", encoding="utf-8")
        assert ended(run).code == 130


def heartbeat(folder: Path) -> float | None:
    """When the owner of the one run last spoke; None when it has none."""
    store = open_store(folder / ".wf/wf.db", create=False)
    found = store.runs()[0].heartbeat
    store.close()
    return found


def fall_silent(folder: Path, seconds: float) -> None:
    """Let it be so long ago that the owner of run `r` has spoken."""
    database = sqlite3.connect(folder / ".wf/wf.db")
    database.execute("UPDATE runs SET heartbeat = ?", (time.time() - seconds,))
    database.commit()
    database.close()


def test_a_killed_run_is_resumed_and_nothing_recorded_as_completed_runs_twice(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", EACH)
    os.mkfifo(tmp_path / "began")
    with started(tmp_path, "run", "flow.yaml", "--run-id", "r", "--events") as run:
        lines = lines_until(run, '"step":"each[4]","status":"completed"')
        (tmp_path / "began").read_text(encoding="utf-8")
        run.send_signal(signal.SIGKILL)
        run.wait()
    completed = [line for line in lines if '"type":"step_ended"' in line and '"step":"each[' in line]
    document = process(tmp_path, "resume", "r", "--json").document
    assert (document["status"], document["outputs"]) == ("completed", {"texts": [str(number) for number in range(10)]})
    effects = Counter(log(tmp_path))
    twice = [number for number, times in effects.items() if times > 1]
    assert not [number for number in twice if f'"step":"each[{number}]"' in "".join(completed)]
    assert effects["5"] == 2


def test_a_killed_run_is_seen_as_left_and_following_its_log_ends(tmp_path: Path) -> None:
    with running(tmp_path, STUBBORN) as run:
        run.kill()
        run.wait()
    assert "was left by its process; go on with: wf resume r" in wf(tmp_path, "logs", "-f", "r").stderr
    assert "was left by its process" in wf(tmp_path, "show", "r").stdout
    assert "left" in wf(tmp_path, "runs").stdout
    assert wf(tmp_path, "cancel", "r").code == 0
    assert not sleeper_is_alive(tmp_path)


@pytest.mark.parametrize("on_crash", ["fail", "retry"])
def test_a_killed_run_that_is_cancelled_is_cancelled_whatever_its_step_says_of_a_crash(
    tmp_path: Path, on_crash: str
) -> None:
    """What the cancelling ends neither fails first nor begins once more."""
    text = STUBBORN.replace("    next: after\n", f"    next: after\n    on_crash: {on_crash}\n")
    with running(tmp_path, text) as run:
        run.kill()
        run.wait()
    done = wf(tmp_path, "cancel", "r", "--reason", "no longer needed")
    assert "run r cancelled: 3 steps\n  no longer needed\n" in done.stderr
    assert "error" not in done.stderr
    shown = wf(tmp_path, "show", "r", "--json").document
    steps = {step["step"]: (step["status"], step["attempt"]) for step in shown["steps"]}
    assert (shown["status"], steps["slow"]) == ("cancelled", ("cancelled", 1))
    assert [word for word in log(tmp_path) if word != "asked"] == ["quick", "finally"]


def test_a_run_of_the_same_id_elsewhere_is_left_alone(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    with running(there, ENDING) as other:
        with running(here, STUBBORN) as run:
            run.kill()
            run.wait()
        wf(here, "cancel", "r")
        assert not sleeper_is_alive(here)
        assert sleeper_is_alive(there)
        (there / "gate").write_text("go\n", encoding="utf-8")
        assert ended(other).code == 0


def test_a_followed_log_ends_with_its_run(tmp_path: Path) -> None:
    with running(tmp_path, ENDING) as run, started(tmp_path, "logs", "-f", "r") as following:
        lines_until(following, "slow [script]")
        (tmp_path / "gate").write_text("go\n", encoding="utf-8")
        assert ended(run).code == 0
        done = ended(following)
    assert done.code == 0
    assert done.stdout.splitlines()[-1].endswith("run completed")


@pytest.mark.parametrize("words", [["--json"], []], ids=["json", "words"])
def test_a_full_disk_under_stdout_is_said_and_the_run_is_kept(tmp_path: Path, words: list[str]) -> None:
    write(tmp_path, "flow.yaml", 'wf: 1\nname: flow\nnodes: {a: {}}\noutputs: {text: "1"}\n')
    words = ["run", "flow.yaml", "--run-id", "r", *words]
    with Path("/dev/full").open("w", encoding="utf-8") as full, started(tmp_path, *words, stdout=full) as run:
        done = ended(run)
    assert done.code == 5
    assert "error: No space left on device" in done.stderr
    assert wf(tmp_path, "show", "r", "--json").document["status"] == "completed"


def test_a_reader_that_goes_away_takes_nothing_from_the_run(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", "wf: 1\nname: long\nsteps:\n" + "- {set: {}}\n" * 300)
    with started(tmp_path, "run", "flow.yaml", "--events", "--run-id", "r") as run:
        lines_until(run, "run_started")
        assert run.stdout is not None
        run.stdout.close()
        run.wait()
    assert wf(tmp_path, "show", "r", "--json").document["status"] == "completed"
