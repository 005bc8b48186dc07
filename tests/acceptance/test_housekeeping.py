"""Keeping a database small and whole through the command line: gc, while other processes run too."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command_line import WF, wf

LARGE = """
wf: 1
name: large
limits: {max_steps: 5000}
state: {text: {type: string, default: ""}, n: {type: integer, default: 0}}
nodes:
  again:
    set: {text: "{{ 'x' * 20000 }}{{ state.n }}", n: "{{ state.n + 1 }}"}
    next: [{when: state.n < 60, to: again}, {to: exit}]
outputs: {size: "{{ state.text | length }}"}
"""

FAILING = "wf: 1\nname: failing\nnodes: {stop: {end: failed, message: no}}\n"


ASKING = "wf: 1\nname: asking\nnodes: {ask: {human: {prompt: How many?}}}\n"


def document(folder: Path, *words: str) -> Any:
    return wf(folder, *words, "--json").document


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with three runs: a failed one, then one and its fork."""
    (tmp_path / "flow.yaml").write_text(LARGE, encoding="utf-8")
    (tmp_path / "failing.yaml").write_text(FAILING, encoding="utf-8")
    wf(tmp_path, "run", "failing.yaml", "--run-id", "failed", code=1)
    wf(tmp_path, "run", "flow.yaml", "--run-id", "run")
    wf(tmp_path, "fork", "run@40", "--run-id", "fork")
    return tmp_path


def runs(folder: Path) -> list[str]:
    return [row["id"] for row in document(folder, "runs")]


def test_gc_says_what_would_go_and_then_removes_it(project: Path) -> None:
    planned = wf(project, "gc", "--keep", "0", "--dry-run").stdout
    assert [line.split()[:3] for line in planned.splitlines()[:3]] == [
        ["would", "remove", run] for run in ("fork", "failed", "run")
    ]
    assert "would remove runs: 3, about " in planned
    assert runs(project) == ["fork", "run", "failed"]
    size = (project / ".wf/wf.db").stat().st_size
    done = document(project, "gc", "--status", "completed", "--keep", "1")
    assert ([row["id"] for row in done["runs"]], done["dry_run"], done["kept_size"]) == ([], False, "")
    assert "removed runs: 1" in wf(project, "gc", "--status", "failed").stdout
    assert runs(project) == ["fork", "run"]
    assert "removed fork" in wf(project, "gc", "--older-than", "0s").stdout
    assert runs(project) == []
    assert (project / ".wf/wf.db").stat().st_size < size / 2
    assert document(project, "gc", "--keep", "0")["after"]["free"] == 0


def test_gc_goes_by_the_setting_and_removes_no_run_without_one(project: Path) -> None:
    said = wf(project, "gc")
    assert "no run was to go" in said.stderr
    assert "removed runs: 0" in said.stdout
    (project / ".wf/config.toml").write_text('retention = "2"\n', encoding="utf-8")
    assert [row["id"] for row in document(project, "gc", "--dry-run")["runs"]] == ["failed"]
    (project / ".wf/config.toml").write_text('retention = "a while"\n', encoding="utf-8")
    assert "'a while' is no duration such as 30d, nor a number of runs" in wf(project, "gc", code=2).stderr
    assert "'7' is no duration" in wf(project, "gc", "--older-than", "7", code=2).stderr
    assert len(runs(project)) == 3


@pytest.mark.parametrize("number", ["x", "-1", "1.5"])
def test_gc_keeps_a_whole_number_of_runs(project: Path, number: str) -> None:
    said = wf(project, "gc", "--keep", number, code=2).stderr
    assert f"Invalid value for '--keep': '{number}' is no whole number from 0 on" in said
    assert len(runs(project)) == 3


def test_gc_tells_of_runs_that_stay_for_their_forks(tmp_path: Path) -> None:
    (tmp_path / "ask.yaml").write_text(ASKING, encoding="utf-8")
    wf(tmp_path, "run", "ask.yaml", "--run-id", "run", "--answer", "ask=1")
    wf(tmp_path, "fork", "run@4", "--run-id", "fork", "--no-input", code=3)
    planned = wf(tmp_path, "gc", "--keep", "0", "--dry-run")
    assert ("would remove runs: 0" in planned.stdout, "a fork shares that stays: 1\n" in planned.stderr) == (True, True)
    assert document(tmp_path, "gc", "--keep", "0")["held"] == 1
    assert runs(tmp_path) == ["fork", "run"]


def test_gc_makes_no_database_where_none_is(tmp_path: Path) -> None:
    assert "there are no runs" in wf(tmp_path, "gc", code=2).stderr
    assert "would remove runs: 0" in wf(tmp_path, "gc", "--dry-run", "--keep", "0").stdout
    assert list(tmp_path.iterdir()) == []


def test_gc_does_no_harm_to_a_run_under_way(project: Path) -> None:
    (project / "long.yaml").write_text(LARGE.replace("< 60", "< 1500").replace("20000", "5000"), encoding="utf-8")
    long = subprocess.Popen(
        [WF, "run", "long.yaml", "--run-id", "long", "--json", "--durability", "normal"],
        cwd=project,
        stdout=subprocess.PIPE,
        text=True,
    )
    rounds = 0
    while long.poll() is None:
        wf(project, "run", "failing.yaml", "--run-id", f"f{rounds}", code=1)
        wf(project, "gc", "--keep", "0")
        rounds += 1
    out, _ = long.communicate()
    assert (long.returncode, json.loads(out)["outputs"]) == (0, {"size": 5004})
    assert rounds > 0
    wf(project, "doctor")
