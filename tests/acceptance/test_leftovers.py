"""Nothing that a run started is left: escaped programs, background programs, after an end, a pause, a kill."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from select import select
from typing import Any

import pytest

from runner.world.processes.process_tree import children_of, ids, look_up, words_of
from tests.acceptance.command_line import WF, ended, process, started, wf, write
from tests.torture.trial import until

SOON = 5.0
"""Seconds within which nothing may be left after a kill."""

TELLS = "echo $$ > told; exec sleep 1000"
"""A program that tells its id, and stays."""

IS_UP = "until grep -q ^sleep /proc/$!/cmdline; do :; done"
"""Waits until what was started in the background is `sleep` itself, no longer the shell or `setsid` it begins as."""

ESCAPES = {
    "in its group": f"sh -c '{TELLS}' &",
    "in a session of its own": f"setsid sh -c '{TELLS}' > /dev/null 2>&1 &",
    "without a parent": f"(setsid sh -c '{TELLS}' > /dev/null 2>&1 < /dev/null &)",
    "without an environment": f"(env -i setsid /bin/sh -c '{TELLS}' > /dev/null 2>&1 &)",
    "deaf": f"(env -i setsid /bin/sh -c 'trap \"\" TERM HUP INT; {TELLS}' > /dev/null 2>&1 &)",
    "with a limit of its own": f"(setsid sh -c 'ulimit -m 12345; {TELLS}' > /dev/null 2>&1 &)",
}
"""Ways in which a program gets away from what started it, that are found also once `wf` is gone."""

WITH_NOTHING = f"(env -i setsid /bin/sh -c 'ulimit -m 12345; {TELLS}' > /dev/null 2>&1 &)"
"""It keeps nothing by which it could be known, but that it descends from `wf`."""


def flow(script: str, more: str = "", name: str = "start") -> str:
    lines = "".join(f"      {line}\n" for line in script.splitlines())
    return f"wf: 1\nname: flow\npermissions: {{commands: [sh]}}\nnodes:\n  {name}:\n    script: |\n{lines}{more}"


@contextmanager
def told(folder: Path) -> Iterator[Any]:
    """A pipe on which programs tell their ids: gives a function that reads the next of them, as a handle."""
    path = folder / "told"
    os.mkfifo(path)
    pipe = os.open(path, os.O_RDWR)
    handles = []

    def next_one() -> int:
        text = b""
        while not text.endswith(b"\n"):
            assert select([pipe], [], [], 30)[0], "no program tells of itself"
            text += os.read(pipe, 1)
        handles.append(os.pidfd_open(int(text)))
        return handles[-1]

    try:
        yield next_one
    finally:
        for handle in handles:
            if not has_ended(handle, 0):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
            os.close(handle)
        os.close(pipe)


@contextmanager
def begun(folder: Path, *argv: str) -> Iterator[subprocess.Popen[bytes]]:
    """A program that is killed at the end, if it still lives then."""
    with subprocess.Popen(argv, cwd=folder, stderr=subprocess.DEVNULL) as run:
        try:
            yield run
        finally:
            run.kill()


def has_ended(handle: int, within: float = SOON) -> bool:
    return bool(select([handle], [], [], within)[0])


def guardians(folder: Path) -> list[int]:
    """The guardians of the runs whose programs have written their mark down in a folder."""
    mark = (folder / "mark").read_text(encoding="utf-8").strip().rpartition(".")[0].rpartition(".")[0]
    found = [process for process in ids() if "guardian.py" in (words := words_of(process)) and mark in words]
    return [process for process in found if look_up(process)]


def held_by(process: int) -> set[str]:
    """The files that a process has open."""
    held = set()
    for path in Path(f"/proc/{process}/fd").iterdir():
        with suppress(OSError):  # closed meanwhile
            held.add(str(path.readlink()))
    return held


@pytest.mark.parametrize("escape", [*ESCAPES.values(), WITH_NOTHING], ids=[*ESCAPES, "with nothing at all"])
def test_a_timeout_ends_what_has_escaped(tmp_path: Path, escape: str) -> None:
    write(tmp_path, "flow.yaml", flow(f"{escape}\nread never < gate", "    timeout: 2s\n    on_error: continue\n"))
    os.mkfifo(tmp_path / "gate")
    with told(tmp_path) as next_one, started(tmp_path, "run", "flow.yaml", "--run-id", "r") as run:
        handle = next_one()
        assert ended(run).code == 0
        assert has_ended(handle, 0)


@pytest.mark.parametrize("escape", [*ESCAPES.values(), WITH_NOTHING], ids=[*ESCAPES, "with nothing at all"])
def test_a_failure_ends_what_has_escaped(tmp_path: Path, escape: str) -> None:
    last = "  last: {script: 'read go < gate'}\n"
    write(tmp_path, "flow.yaml", flow(f"{escape}\nread go < gate; exit 3", f"    on_error: last\n{last}"))
    os.mkfifo(tmp_path / "gate")
    with told(tmp_path) as next_one, started(tmp_path, "run", "flow.yaml", "--run-id", "r") as run:
        handle = next_one()
        (tmp_path / "gate").write_text("go\n", encoding="utf-8")
        assert has_ended(handle), "with the step, while the run goes on"
        (tmp_path / "gate").write_text("go\n", encoding="utf-8")
        assert ended(run).code == 0


@pytest.mark.parametrize("escape", ESCAPES.values(), ids=ESCAPES)
def test_once_wf_is_killed_nothing_is_left(tmp_path: Path, escape: str) -> None:
    write(tmp_path, "flow.yaml", flow(f"echo $WF_RUN_MARK > mark\n{escape}\n{escape}\n{TELLS}"))
    with told(tmp_path) as next_one, started(tmp_path, "run", "flow.yaml", start_new_session=True) as run:
        handles = [next_one() for _ in range(3)]
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        assert all(map(has_ended, handles))
    for guardian in guardians(tmp_path):
        assert has_ended(os.pidfd_open(guardian)), "nor is the guardian itself"


def test_a_guardian_ends_with_its_run_and_passes_over_what_asks_it_to_end(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", flow("echo $WF_RUN_MARK > mark; echo $$ > told; read go < gate"))
    os.mkfifo(tmp_path / "gate")
    with told(tmp_path) as next_one, started(tmp_path, "run", "flow.yaml") as run:
        next_one()
        (guardian,) = guardians(tmp_path)
        until(lambda: {name.partition(":")[0] for name in held_by(guardian)} == {"/dev/null", "socket"})
        assert str(Path(f"/proc/{guardian}/cwd").readlink()) == "/"
        assert Path(f"/proc/{guardian}/environ").read_bytes().replace(b"\0", b"").startswith((b"PWD=", b"LC_CTYPE="))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            os.kill(guardian, number)
        assert look_up(guardian)
        (tmp_path / "gate").write_text("go\n", encoding="utf-8")
        assert ended(run).code == 0
    assert guardians(tmp_path) == []


def test_a_run_whose_guardian_was_killed_goes_on_and_ends_what_it_left(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", flow(f"echo $WF_RUN_MARK > mark\n{ESCAPES['deaf']}\nread go < gate"))
    os.mkfifo(tmp_path / "gate")
    with told(tmp_path) as next_one, started(tmp_path, "run", "flow.yaml") as run:
        handle = next_one()
        for guardian in guardians(tmp_path):
            os.kill(guardian, signal.SIGKILL)
        (tmp_path / "gate").write_text("go\n", encoding="utf-8")
        assert ended(run).code == 0
        assert has_ended(handle, 0)


def test_where_no_limit_can_be_set_the_environment_tells_what_belongs_to_the_run(tmp_path: Path) -> None:
    last = '    next: last\n  last: {script: "echo $$ > told; read never < gate"}\n'
    write(tmp_path, "flow.yaml", flow(f"echo $WF_RUN_MARK > mark\n{ESCAPES['without a parent']}", last))
    os.mkfifo(tmp_path / "gate")
    command = f"ulimit -m 123456; exec {WF} run flow.yaml"
    with told(tmp_path) as next_one, begun(tmp_path, "sh", "-c", command) as run:
        handles = [next_one(), next_one()]
        run.kill()
        run.wait()
        assert all(map(has_ended, handles))


def test_what_a_completed_step_left_running_lives_until_the_end_and_is_told(tmp_path: Path) -> None:
    serve = f"sleep 1000 & {IS_UP}; echo $! > told; echo up"
    later = '    next: later\n  later: {script: "echo $$ > told; read go < gate; kill -0 $(cat pid) && echo alive"}\n'
    outputs = 'outputs: {up: "{{ nodes.start.output.text }}", later: "{{ nodes.later.output.text }}"}\n'
    write(tmp_path, "flow.yaml", flow(f"{serve}; echo $! > pid", f"{later}{outputs}"))
    os.mkfifo(tmp_path / "gate")
    with told(tmp_path) as next_one, started(tmp_path, "run", "flow.yaml", "--run-id", "r", "--json") as run:
        server, _ = next_one(), next_one()
        assert not has_ended(server, 0)
        assert "left running, until the run's end or pause: sleep 1000" in as_slept(wf(tmp_path, "show", "r").stdout)
        (tmp_path / "gate").write_text("go\n", encoding="utf-8")
        done = ended(run)
        assert done.document["outputs"] == {"up": "up", "later": "alive"}
        assert has_ended(server, 0)
    pid = int((tmp_path / "pid").read_text(encoding="utf-8"))
    assert wf(tmp_path, "show", "r", "--json").document["left"] == {
        "start": [{"process": pid, "program": "sleep 1000", "ended": True}]
    }
    shown = wf(tmp_path, "show", "r").stdout
    assert f"left running, ended with the run or its pause: sleep 1000 (process {pid})" in shown
    logs = wf(tmp_path, "logs", "r").stdout
    assert f"run completed; with it ends what steps left running: sleep 1000 (process {pid})" in logs


def test_a_pause_ends_what_steps_left_running_and_tells_it(tmp_path: Path) -> None:
    asks = "    next: ask\n  ask: {human: {prompt: x}}\n"
    write(tmp_path, "flow.yaml", flow(f"setsid sleep 1000 > /dev/null 2>&1 & {IS_UP}; echo $! > pid", asks))
    process(tmp_path, "run", "flow.yaml", "--run-id", "r", "--no-input", code=3)
    assert look_up(int((tmp_path / "pid").read_text(encoding="utf-8"))) is None
    assert "run paused (waiting); with it ends what steps left running: sleep 1000" in as_slept(
        wf(tmp_path, "logs", "r").stdout
    )


def test_what_is_left_is_told_where_the_run_has_a_secret_too(tmp_path: Path) -> None:
    text = flow(f"setsid sleep 1000 > /dev/null 2>&1 & {IS_UP}; echo up")
    write(tmp_path, "flow.yaml", f"{text}inputs: {{token: {{type: string, secret: true}}}}\n")
    process(tmp_path, "run", "flow.yaml", "--run-id", "r", "-i", "token=open-sesame-42")
    assert "ended with the run or its pause: sleep 1000" in as_slept(wf(tmp_path, "show", "r").stdout)


def as_slept(said: str) -> str:
    """What was said of `sleep`, which the run may have seen first while it still was the `setsid` that it begins as."""
    return said.replace("setsid sleep", "sleep")


def last_checkpoint(folder: Path) -> int:
    return max(int(row["seq"]) for row in wf(folder, "checkpoints", "r", "--json").document)


def left_by_the_dead(folder: Path, next_one: Any) -> list[int]:
    """What a run has left whose owner and guardian were killed: of a step that completed, and of one in flight."""
    last = '    next: last\n  last: {script: "[ -e again ] || { echo > again; echo $$ > told; read never < gate; }"}\n'
    write(folder, "flow.yaml", flow(f"echo $WF_RUN_MARK > mark\n{ESCAPES['deaf']}", last))
    os.mkfifo(folder / "gate")
    with started(folder, "run", "flow.yaml", "--run-id", "r") as run:
        handles = [next_one(), next_one()]
        for guardian in guardians(folder):
            os.kill(guardian, signal.SIGKILL)
        run.send_signal(signal.SIGKILL)
        run.wait()
    return handles


@pytest.mark.parametrize("command", [("resume", "r"), ("cancel", "r")], ids=["resume", "cancel"])
def test_what_nobody_ended_the_next_command_does_whatever_step_it_belongs_to(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    """The guardian was killed too. What is left is that of a step that has completed."""
    with told(tmp_path) as next_one:
        handles = left_by_the_dead(tmp_path, next_one)
        assert not has_ended(handles[0], 0)
        wf(tmp_path, *command)
        assert [has_ended(handle, 0) for handle in handles] == [True, True]


def test_a_command_that_the_run_itself_had_started_spares_itself(tmp_path: Path) -> None:
    cancels = f"setsid sh -c 'echo $$ > told; read go < gate; exec {WF} cancel r' > /dev/null 2>&1 &"
    last = '    next: last\n  last: {script: "echo $$ > told; read never < never"}\n'
    write(tmp_path, "flow.yaml", flow(f"echo $WF_RUN_MARK > mark\n{cancels}", last))
    for name in ("gate", "never"):
        os.mkfifo(tmp_path / name)
    with told(tmp_path) as next_one, started(tmp_path, "run", "flow.yaml", "--run-id", "r") as run:
        handles = [next_one(), next_one()]
        for guardian in guardians(tmp_path):
            os.kill(guardian, signal.SIGKILL)
        run.kill()
        run.wait()
        (tmp_path / "gate").write_text("go\n", encoding="utf-8")
        assert all(has_ended(handle, 30) for handle in handles)
    assert wf(tmp_path, "show", "r", "--json", code=None).document["status"] == "cancelled"


def test_a_fork_of_a_killed_run_ends_what_that_left(tmp_path: Path) -> None:
    with told(tmp_path) as next_one:
        handles = left_by_the_dead(tmp_path, next_one)
        completed = last_checkpoint(tmp_path)
        wf(tmp_path, "fork", f"r@{completed}", "--run-id", "forked")
        assert [has_ended(handle, 0) for handle in handles] == [True, True]
    assert wf(tmp_path, "show", "r", "--json", code=None).document["status"] == "running", "as it was"


def test_a_retry_of_a_killed_run_ends_what_that_left_and_says_what_to_type(tmp_path: Path) -> None:
    with told(tmp_path) as next_one:
        handles = left_by_the_dead(tmp_path, next_one)
        said = wf(tmp_path, "retry", "r", code=2).stderr
        assert [has_ended(handle, 0) for handle in handles] == [True, True]
    words = "run r was left by its process: only a failed run is retried\n  help: wf resume r goes on with it\n"
    assert said == f"error: {words}"


def test_a_retry_ends_what_a_run_left_that_was_killed_while_it_ended(tmp_path: Path) -> None:
    last = "    next: last\n  last: {script: 'exit 3'}\n"
    write(tmp_path, "flow.yaml", flow(f"echo $WF_RUN_MARK > mark\n{ESCAPES['deaf']}", last))
    with told(tmp_path) as next_one:
        with started(tmp_path, "run", "flow.yaml", "--run-id", "r") as run:
            handle = next_one()
            until(lambda: wf(tmp_path, "show", "r", "--json", code=None).document["status"] == "failed")
            for guardian in guardians(tmp_path):
                os.kill(guardian, signal.SIGKILL)
            run.send_signal(signal.SIGKILL)
            run.wait()
        wf(tmp_path, "retry", "r", code=1)
        assert has_ended(handle, 0)


def test_a_fork_of_a_run_that_goes_on_ends_nothing_of_it(tmp_path: Path) -> None:
    last = '    next: last\n  last: {script: "[ -e again ] || { echo > again; echo $$ > told; read go < gate; }"}\n'
    write(tmp_path, "flow.yaml", flow("sleep 1000 & echo $! > told", last))
    os.mkfifo(tmp_path / "gate")
    with told(tmp_path) as next_one, started(tmp_path, "run", "flow.yaml", "--run-id", "r") as run:
        handles = [next_one(), next_one()]
        completed = last_checkpoint(tmp_path)
        wf(tmp_path, "fork", f"r@{completed}", "--run-id", "forked")
        assert wf(tmp_path, "show", "forked", "--json").document["left"] == {}
        assert "left running" not in wf(tmp_path, "show", "forked").stdout
        assert len(wf(tmp_path, "show", "r", "--json").document["left"]) == 1
        assert not any(has_ended(handle, 0) for handle in handles)
        (tmp_path / "gate").write_text("go\n", encoding="utf-8")
        assert ended(run).code == 0


def test_orphans_that_have_ended_do_not_stay_as_zombies(tmp_path: Path) -> None:
    """A script starts a hundred that end without a parent, and goes on."""
    text = "for i in $(seq 100); do (sh -c 'exit' &); done; echo $PPID > parent; echo $$ > told; read go < gate"
    write(tmp_path, "flow.yaml", flow(text))
    os.mkfifo(tmp_path / "gate")
    with told(tmp_path) as next_one, started(tmp_path, "run", "flow.yaml") as run:
        next_one()
        parent = int((tmp_path / "parent").read_text(encoding="utf-8"))
        assert parent == run.pid
        until(lambda: not zombies_of(run.pid))
        (tmp_path / "gate").write_text("go\n", encoding="utf-8")
        assert ended(run).code == 0


def zombies_of(parent: int) -> list[int]:
    return [entry.process.id for entry in children_of(parent) if entry.has_ended]


def test_what_the_users_shell_had_started_before_it_became_wf_is_let_be(tmp_path: Path) -> None:
    """Its orphans become children of `wf`'s process as those of the run do; only marks tell them apart."""
    write(
        tmp_path, "flow.yaml", flow(f"{ESCAPES['without a parent']}\nread line < up\necho go > gate; read line < begun")
    )
    for name in ("gate", "up", "begun"):
        os.mkfifo(tmp_path / name)
    own = "(read go < gate; setsid sh -c 'echo $$ > told; echo up > begun; exec sleep 1000' &) &"
    with told(tmp_path) as next_one:
        command = f"{own} exec {WF} run flow.yaml --run-id r"
        with begun(tmp_path, "sh", "-c", command) as run:
            of_the_run = next_one()
            (tmp_path / "up").write_text("up\n", encoding="utf-8")
            of_the_user = next_one()
            assert run.wait(60) == 0
        assert has_ended(of_the_run)
        assert not has_ended(of_the_user, 0)
