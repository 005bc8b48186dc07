"""Outputs: computed however a run ends; one that can't be computed is told where it stands, and is gone on from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.command_line import wf

TAIL = """
wf: 1
name: tail
permissions: {commands: [sh]}
inputs: {tag: {type: string, default: ""}}
nodes:
  build: {script: "echo built >> effects; echo jar", next: look}
  look: {if: "inputs.tag != ''", script: "echo looked >> effects; printf '{\\"v\\": 2}'", parse: json}
outputs:
  jar: "{{ nodes.build.output.text }}"
  image: "{{ nodes.look.output.json.v }}"
  steps: "{{ run.steps }}"
"""
LINE = TAIL.splitlines().index('  image: "{{ nodes.look.output.json.v }}"') + 1
"""Where the entry stands that can't be computed when no tag is given."""


def flow(folder: Path, text: str, name: str = "flow.yaml") -> None:
    (folder / name).write_text(text, encoding="utf-8")


def effects(folder: Path) -> list[str]:
    return (folder / "effects").read_text(encoding="utf-8").split()


def test_an_output_that_fails_is_told_with_its_line_and_the_others_are_given(tmp_path: Path) -> None:
    flow(tmp_path, TAIL)
    found = wf(tmp_path, "run", "flow.yaml", "--json", "--run-id", "r", code=1).document
    assert found["outputs"] == {"jar": "jar", "image": None, "steps": 2}
    error = found["error"]
    assert (error["type"], error["step"]) == ("template_error", "outputs.image")
    assert error["details"] == {"output": "image", "file": "flow.yaml", "line": LINE}
    shown = wf(tmp_path, "run", "flow.yaml", "--quiet", code=1).stderr
    assert f"error: template_error at outputs.image (flow.yaml:{LINE}): 'nodes.look.output' is null" in shown
    assert f"template_error at outputs.image (flow.yaml:{LINE}):" in wf(tmp_path, "show", "r").stdout


def test_an_output_that_fails_is_annotated_at_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flow(tmp_path, TAIL)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    shown = wf(tmp_path, "run", "flow.yaml", code=1).stderr
    assert f"::error file=flow.yaml,line={LINE},col=3," in shown


def test_a_retry_after_a_failed_output_repeats_nothing(tmp_path: Path) -> None:
    flow(tmp_path, TAIL)
    wf(tmp_path, "run", "flow.yaml", "--run-id", "r", code=1)
    flow(tmp_path, TAIL.replace("look.output.json.v", "look.status"), "mended.yaml")
    again = wf(tmp_path, "retry", "r", "--json", code=1).document
    assert again["error"]["step"] == "outputs.image"
    retried = wf(tmp_path, "retry", "r", "--workflow", "mended.yaml", "--json").document
    assert retried["outputs"] == {"jar": "jar", "image": "skipped", "steps": 2}
    assert effects(tmp_path) == ["built"]


CALLED = """
wf: 1
name: called
permissions: {commands: [sh]}
inputs: {word: {type: string}}
nodes: {make: {script: "echo made >> effects; echo 7"}}
outputs: {good: "{{ nodes.make.output.text }}", bad: "{{ nodes.make.output.json.x }}"}
finally: {script: "echo swept >> effects"}
"""
CALLER = """
wf: 1
name: caller
permissions: {commands: [sh]}
nodes:
  first: {script: "echo first >> effects", next: call}
  call: {workflow: called.yaml, with: {word: a}}
finally: {script: "echo end >> effects"}
outputs: {given: "{{ nodes.call.error.details.outputs.good }}", all: "{{ nodes.call.output.bad }}"}
"""


def test_a_called_workflows_failed_output_is_gone_on_from_too(tmp_path: Path) -> None:
    flow(tmp_path, CALLED, "called.yaml")
    flow(tmp_path, CALLER)
    found = wf(tmp_path, "run", "flow.yaml", "--json", "--run-id", "r", code=1).document
    assert found["outputs"] == {"given": "7", "all": None}
    details = found["error"]["details"]
    assert (details["error"]["step"], details["outputs"]) == ("call/outputs.bad", {"good": "7", "bad": None})
    again = wf(tmp_path, "retry", "r", "--json", code=1).document
    assert again["error"] == found["error"]
    assert effects(tmp_path) == ["first", "made", "swept", "end", "swept", "end"]


def test_a_retry_after_an_answered_question_asks_no_more(tmp_path: Path) -> None:
    flow(
        tmp_path,
        """
wf: 1
name: asked
nodes: {ask: {human: {prompt: Which?, choices: ["a", "b"]}}}
outputs: {bad: "{{ nodes.ask.output.x.y }}", good: "{{ nodes.ask.output }}"}
""",
    )
    wf(tmp_path, "run", "flow.yaml", "--no-input", "--run-id", "r", code=3)
    wf(tmp_path, "answer", "r", "ask", "b", "--resume", code=1)
    again = wf(tmp_path, "retry", "r", "--no-input", "--json", code=1).document
    assert (again["error"]["step"], again["outputs"]) == ("outputs.bad", {"bad": None, "good": "b"})


def test_a_cancelled_run_gives_what_it_can(tmp_path: Path) -> None:
    flow(
        tmp_path,
        """
wf: 1
name: stopped
state: {done: {type: integer, default: 0}}
nodes: {one: {set: {done: 1}, next: ask}, ask: {human: {prompt: Go on?}}}
outputs: {done: "{{ state.done }}", said: "{{ nodes.ask.output.x }}"}
""",
    )
    wf(tmp_path, "run", "flow.yaml", "--no-input", "--run-id", "r", code=3)
    wf(tmp_path, "cancel", "r")
    assert wf(tmp_path, "show", "r", "--json").document["outputs"] == {"done": 1, "said": None}
