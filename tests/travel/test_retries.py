"""`wf retry`: a failed run goes on from the step that failed; what was completed does not run again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from runner.ground.json_value import Json

WF = Path(sys.executable).with_name("wf")


FLAKY = """
wf: 1
name: flaky
permissions: {commands: [sh]}
state: {done: {type: array, default: [], reducer: append}}
nodes:
  before: {script: "echo before >> effects", set: {done: before}, next: fan}
  fan:
    parallel:
      sure: {script: "echo sure >> effects", set: {done: sure}}
      unsure:
        needs: [sure]
        steps:
          - {id: inner, script: "echo inner >> effects"}
          - {id: risky, script: "echo risky >> effects; test -e mended", set: {done: risky}}
    next: after
  after: {script: "echo after >> effects", set: {done: after}}
outputs: {done: "{{ state.done }}"}
"""


def wf(folder: Path, *words: str, code: int = 0) -> str:
    done = subprocess.run(
        [WF, *words], cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if code == 0 else done.stdout + done.stderr


def document(folder: Path, *words: str, code: int = 0) -> Json:
    done = subprocess.run(
        [WF, *words, "--json"], cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def flow(folder: Path, text: str, name: str = "flow.yaml") -> None:
    (folder / name).write_text(text, encoding="utf-8")


def effects(folder: Path) -> list[str]:
    return (folder / "effects").read_text(encoding="utf-8").split()


def test_only_what_failed_and_what_follows_runs_again(tmp_path: Path) -> None:
    flow(tmp_path, FLAKY)
    assert document(tmp_path, "run", "flow.yaml", code=1)["error"]["step"] == "fan/unsure/risky"
    assert document(tmp_path, "retry", "last", code=1)["error"]["step"] == "fan/unsure/risky"
    (tmp_path / "mended").touch()
    retried = document(tmp_path, "retry", "last")
    assert retried["outputs"] == {"done": ["before", "sure", "risky", "after"]}
    assert effects(tmp_path) == ["before", "sure", "inner", "risky", "risky", "risky", "after"]


def test_a_retried_step_has_all_its_attempts_again(tmp_path: Path) -> None:
    flow(
        tmp_path,
        """
        wf: 1
        name: attempts
        permissions: {commands: [sh]}
        nodes:
          risky:
            script: "echo x >> effects; test $(wc -l < effects) -ge 4"
            retry: {max_attempts: 2, initial_interval: 1ms, jitter: false, errors: [tool_failed]}
        """,
    )
    document(tmp_path, "run", "flow.yaml", code=1)
    assert document(tmp_path, "retry", "last")["status"] == "completed"
    assert len(effects(tmp_path)) == 4


def test_a_failed_agent_is_given_the_replies_that_it_had(tmp_path: Path) -> None:
    flow(
        tmp_path,
        """
        wf: 1
        name: agents
        permissions: {commands: [echo]}
        tools: {say: {command: [echo, "{{ inputs.text }}"], inputs: {text: {type: string}}}}
        models: {fast: openai/gpt-4o-mini}
        agents: {bot: {model: fast, tools: [say]}}
        nodes: {ask: {agent: bot, prompt: "Say hi"}}
        outputs: {text: "{{ nodes.ask.output }}"}
        """,
    )
    (tmp_path / "mock.yaml").write_text(
        "bot:\n  - tool_calls: [{tool: say, with: {text: hi}}]\n  - {error: authentication}\n  - done\n",
        encoding="utf-8",
    )
    failed = document(tmp_path, "run", "flow.yaml", "--mock", "mock.yaml", code=1)
    assert failed["error"]["type"] == "authentication"
    assert document(tmp_path, "retry", "last")["outputs"] == {"text": "done"}
    rows = [(row["step"], row["status"]) for row in document(tmp_path, "show", "last")["steps"]]
    assert rows == [
        ("ask", "completed"),
        ("ask/call#1", "completed"),
        ("ask/call#2", "completed"),
        ("ask/call#3", "completed"),
    ]


def test_a_child_workflow_is_retried_where_it_failed(tmp_path: Path) -> None:
    flow(
        tmp_path,
        """
        wf: 1
        name: child
        steps:
          - {script: "echo one >> effects"}
          - {script: "echo two >> effects; test -e mended"}
        outputs: {ok: true}
        """,
        "child.yaml",
    )
    flow(
        tmp_path,
        """
        wf: 1
        name: parent
        permissions: {commands: [sh]}
        nodes: {call: {workflow: child.yaml}}
        outputs: {ok: "{{ nodes.call.output.ok }}"}
        """,
    )
    assert document(tmp_path, "run", "flow.yaml", code=1)["error"]["type"] == "workflow_failed"
    (tmp_path / "mended").touch()
    assert document(tmp_path, "retry", "last")["outputs"] == {"ok": True}
    assert effects(tmp_path) == ["one", "two", "two"]


def test_a_retry_may_bring_a_mended_file(tmp_path: Path) -> None:
    flow(tmp_path, FLAKY)
    document(tmp_path, "run", "flow.yaml", code=1)
    flow(tmp_path, FLAKY.replace("; test -e mended", ""), "mended.yaml")
    assert document(tmp_path, "retry", "last", "--workflow", "mended.yaml")["status"] == "completed"
    assert effects(tmp_path) == ["before", "sure", "inner", "risky", "risky", "after"]


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("wf: 1\nname: fine\nnodes: {a: {}}\n", 0, "is completed: only a failed run is retried"),
        ("wf: 1\nname: first\nnodes: {a: {next: [{when: 'false', to: exit}]}}\n", 1, "failed at its very beginning"),
    ],
)
def test_what_can_not_be_retried_is_said(tmp_path: Path, text: str, code: int, words: str) -> None:
    flow(tmp_path, text)
    wf(tmp_path, "run", "flow.yaml", code=code)
    assert words in wf(tmp_path, "retry", "last", code=2)
