"""Whose orphans are: those that nothing tells of are ended with a step only where they can be no other's."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from runner.world.processes.process_tree import look_up
from tests.acceptance.command_line import ended, started, write
from tests.acceptance.test_leftovers import WITH_NOTHING, begun, flow, guardians, has_ended, told


def test_a_failure_ends_no_orphan_that_may_be_another_branchs(tmp_path: Path) -> None:
    """Two programs are under way, and nothing tells from which of them the orphan is."""
    write(
        tmp_path,
        "flow.yaml",
        "wf: 1\nname: flow\npermissions: {commands: [sh]}\nnodes:\n  both:\n    parallel:\n"
        f"      stays:\n        script: |\n          {WITH_NOTHING}\n          read go < gate\n"
        "      fails:\n        steps:\n"
        "          - {id: fails, on_error: continue, script: 'read go < ready; exit 3'}\n"
        "          - {id: tells, script: 'echo $$ > told; read go < ready'}\n",
    )
    for name in ("gate", "ready"):
        os.mkfifo(tmp_path / name)
    with told(tmp_path) as next_one, started(tmp_path, "run", "flow.yaml") as run:
        orphan = next_one()
        (tmp_path / "ready").write_text("go\n", encoding="utf-8")
        next_one()
        assert not has_ended(orphan, 0)
        for name in ("ready", "gate"):
            (tmp_path / name).write_text("go\n", encoding="utf-8")
        assert ended(run).code == 0
        assert has_ended(orphan, 0), "but the run's end does"


def test_a_failure_ends_no_orphan_that_may_be_of_what_a_completed_step_left(tmp_path: Path) -> None:
    """One that the step left itself, and one that came later from what it left."""
    server = (
        "setsid sh -c 'read go < gate; . ./escape; read never < never' > /dev/null 2>&1 &\n. ./escape; read go < ready"
    )
    fails = "    next: fails\n  fails: {script: 'echo $$ > told; read go < ready; exit 3', on_error: tells}\n"
    tells = "  tells: {script: 'echo $$ > told; read go < ready'}\n"
    write(tmp_path, "escape", WITH_NOTHING)
    write(tmp_path, "flow.yaml", flow(server, f"{fails}{tells}"))
    for name in ("gate", "never", "ready"):
        os.mkfifo(tmp_path / name)
    with told(tmp_path) as next_one, started(tmp_path, "run", "flow.yaml") as run:
        orphans = [next_one()]
        (tmp_path / "ready").write_text("go\n", encoding="utf-8")
        next_one()
        (tmp_path / "gate").write_text("go\n", encoding="utf-8")
        orphans.append(next_one())
        (tmp_path / "ready").write_text("go\n", encoding="utf-8")
        next_one()
        assert not any(has_ended(orphan, 0) for orphan in orphans)
        (tmp_path / "ready").write_text("go\n", encoding="utf-8")
        assert ended(run).code == 0
        assert all(has_ended(orphan, 0) for orphan in orphans), "but the run's end does"


def test_a_guardian_that_no_shell_could_start_is_none_of_what_a_step_left(tmp_path: Path) -> None:
    tells = "    on_error: tells\n  tells: {script: 'echo $$ > told; read go < gate'}\n"
    write(tmp_path, "flow.yaml", flow(f"echo $WF_RUN_MARK > mark\n{WITH_NOTHING}\nread go < gate; exit 3", tells))
    os.mkfifo(tmp_path / "gate")
    program = "from runner.world.processes import guarding\nfrom runner.cli import main\nguarding._SHELL = ''\nmain()"
    argv = (sys.executable, "-c", program, "run", "flow.yaml")
    with told(tmp_path) as next_one, begun(tmp_path, *argv) as run:
        handle = next_one()
        (guardian,) = guardians(tmp_path)
        (tmp_path / "gate").write_text("go\n", encoding="utf-8")
        next_one()
        assert has_ended(handle, 0)
        entry = look_up(guardian)
        assert entry is not None
        assert entry.parent == run.pid
        (tmp_path / "gate").write_text("go\n", encoding="utf-8")
        assert run.wait(60) == 0
    assert look_up(guardian) is None
