"""The command line as a user has it: real processes, killed for real."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

WF = Path(sys.executable).with_name("wf")

KILLED = """
wf: 1
name: killed
permissions: {commands: [sh]}
nodes:
  each:
    for_each: "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]"
    max_concurrency: 2
    do:
      script: 'echo "$N" >> effects; [ "$N" != 5 ] || [ -e second ] || { echo > second; sleep 60; }; echo "$N"'
      env: {N: "{{ item }}"}
outputs: {texts: "{{ nodes.each.output | map(attribute='text') | list }}"}
"""

ASKING = """
wf: 1
name: asking
nodes:
  approve: {human: {prompt: "Ship it?", choices: ["yes", "no"]}}
outputs: {answer: "{{ nodes.approve.output }}"}
"""


def wf(folder: Path, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [WF, *words], cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def document(folder: Path, *words: str, code: int = 0) -> Any:
    return json.loads(wf(folder, *words, "--json", code=code).stdout)


def test_a_killed_run_is_resumed_and_nothing_recorded_as_completed_runs_twice(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(KILLED, encoding="utf-8")
    run = subprocess.Popen(
        [WF, "run", "flow.yaml", "--run-id", "k", "--events"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    assert run.stdout is not None
    completed = []
    for line in run.stdout:
        event = json.loads(line)
        if event["type"] == "step_ended":
            completed.append(event["step"])
        if len(completed) >= 8 and (tmp_path / "second").exists():
            break
    run.send_signal(signal.SIGKILL)
    run.wait()
    run.stdout.close()
    result = document(tmp_path, "resume", "k")
    assert (result["status"], result["outputs"]) == ("completed", {"texts": [str(number) for number in range(10)]})
    effects = Counter((tmp_path / "effects").read_text(encoding="utf-8").split())
    assert [step for step in completed if effects[step[5:-1]] != 1] == []


def test_a_run_waits_for_a_person_and_goes_on_in_another_process(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(ASKING, encoding="utf-8")
    paused = document(tmp_path, "run", "flow.yaml", "--no-input", code=3)
    assert paused["waiting"][0]["command"] == f"wf answer {paused['run']} approve yes --resume"
    assert "'maybe' is no answer" in wf(tmp_path, "answer", "last", "approve", "maybe", code=2).stderr
    assert document(tmp_path, "answer", "last", "approve", "yes", "--resume")["outputs"] == {"answer": "yes"}
    assert "approve [human] completed" in wf(tmp_path, "show", "last").stdout
    assert "completed" in wf(tmp_path, "graph", "last").stdout


def test_a_bad_input_makes_no_run(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(ASKING, encoding="utf-8")
    assert "unknown input 'x'" in wf(tmp_path, "run", "flow.yaml", "-i", "x=1", code=2).stderr
    assert not (tmp_path / ".wf").exists()


def test_doctor_finds_the_machine_in_order(tmp_path: Path) -> None:
    assert "ok     sqlite" in wf(tmp_path, "doctor").stdout
