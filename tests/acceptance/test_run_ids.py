"""A run's id that is given twice: of the same workflow and inputs it is the same run, and nothing is started."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.command_line import WF, wf, write

FLOW = """
wf: 1
name: once
permissions: {commands: [sh]}
inputs:
  n: {type: integer, default: 1}
  token: {type: string, secret: true, default: ""}
nodes:
  count: {script: "echo x >> count", next: ask}
  ask: {human: {prompt: Sure?, choices: ["yes", "no"]}}
outputs: {said: "{{ nodes.ask.output }}"}
"""
GIVEN = ("run", "flow.yaml", "--run-id", "r", "--no-input")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "flow.yaml", FLOW)
    return tmp_path


def effects(folder: Path) -> str:
    return (folder / "count").read_text()


def test_a_run_that_has_ended_is_shown_again(folder: Path) -> None:
    first = wf(folder, *GIVEN, "--json", "--answer", "ask=no")

    again = wf(folder, *GIVEN, "--json", "--answer", "ask=yes")

    assert again.document == first.document
    assert again.document["outputs"] == {"said": "no"}
    assert again.stderr == "warning: run 'r' was there, of this workflow and these inputs: nothing was started\n"
    assert effects(folder) == "x\n"


def test_one_that_waits_says_what_for_and_ends_as_it_did(folder: Path) -> None:
    wf(folder, *GIVEN, code=3)

    again = wf(folder, *GIVEN, "-i", "n=1", code=3)

    assert "  wf answer r ask yes --resume\n" in again.stderr
    assert effects(folder) == "x\n"


@pytest.mark.parametrize("given", [("-i", "n=2"), ("-i", "n=1.5")])
def test_other_inputs_are_another_run(folder: Path, given: tuple[str, ...]) -> None:
    wf(folder, *GIVEN, code=3)

    refused = wf(folder, *GIVEN, *given, code=2)

    assert "n=1.5" in given or "error: run 'r' exists already" in refused.stderr
    assert effects(folder) == "x\n"


def test_another_definition_is_another_run(folder: Path) -> None:
    wf(folder, *GIVEN, code=3)
    write(folder, "flow.yaml", FLOW.replace("Sure?", "Really?"))

    assert "error: run 'r' exists already" in wf(folder, *GIVEN, code=2).stderr


def test_a_fork_is_not_the_run_of_its_workflow(folder: Path) -> None:
    wf(folder, "run", "flow.yaml", "--run-id", "first", "--no-input", code=3)
    wf(folder, "fork", "first", "--run-id", "r", "--no-input", code=3)

    assert "error: run 'r' exists already" in wf(folder, *GIVEN, code=2).stderr


def test_a_secret_input_is_not_compared_and_is_named_in_the_command_that_answers(folder: Path) -> None:
    wf(folder, *GIVEN, "-i", "token=first-of-the-secrets", code=3)

    again = wf(folder, *GIVEN, "-i", "token=another-of-the-secrets", code=3)

    assert "-i token=@FILE" in again.stdout + again.stderr
    assert "secrets" not in json.dumps([again.stdout, again.stderr])


def test_one_that_was_left_running_is_gone_on_with_by_resume(folder: Path) -> None:
    write(folder, "flow.yaml", FLOW.replace("echo x >> count", "echo x >> count; kill -9 $PPID"))
    wf_killed(folder)

    refused = wf(folder, *GIVEN, code=5)

    assert "run 'r' is running, or was left by a process that ended" in refused.stderr
    assert "wf resume r" in refused.stderr


def wf_killed(folder: Path) -> None:
    """Run it in a process of its own, which its own program kills."""
    assert subprocess.run([WF, *GIVEN], cwd=folder, capture_output=True, check=False).returncode == -9
