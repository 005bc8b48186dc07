"""A secret input through the command line: used for real, and in nothing that is kept or shown."""

from __future__ import annotations

import json
from pathlib import Path

from tests.acceptance.command_line import wf
from tests.acceptance.test_leaves import refused

HIDDEN = "s3cr3t/Value+42"

FLOW = """
wf: 1
name: hiding
inputs: {token: {type: string, secret: true, env: WF_TEST_TOKEN}, address: {type: string}}
state: {kept: {type: string, default: ""}}
permissions: {commands: [sh], write: [.], read: [.], python: [tools.py], env: [WF_TEST_TOKEN]}
tools: {fail: {python: ./tools.py:fail}}
nodes:
  print:
    script: 'echo "$T"; echo "$T" | base64'
    env: {T: "{{ inputs.token }}"}
    set: {kept: "{{ output.text }}"}
    next: ask
  ask: {agent: {model: openai/gpt-4o-mini}, prompt: "{{ state.kept }}", next: write}
  write: {write: out.txt, content: "{{ inputs.token }}", next: read}
  read: {read: out.txt, next: fail}
  fail: {tool: fail, with: {value: "{{ inputs.token }}"}, on_error: continue, next: tell}
  tell: {human: {prompt: "What is it?"}, next: confirm}
  confirm: {human: {prompt: "Is {{ inputs.token }} right?"}, next: end}
  end: {end: failed, message: "no luck with {{ inputs.address }}"}
"""


def test_a_secret_is_in_nothing_that_is_kept_or_shown(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(FLOW, encoding="utf-8")
    (tmp_path / "tools.py").write_text("def fail(value):\n    raise ValueError(value)\n", encoding="utf-8")
    (tmp_path / "mock.yaml").write_text(json.dumps({"ask": [f"you said {HIDDEN}"]}), encoding="utf-8")
    given = ("-i", f"token={HIDDEN}", "-i", f"address=https://me:{HIDDEN}@host/")
    shown = [
        wf(
            tmp_path,
            "run",
            "flow.yaml",
            *given,
            "--mock",
            "mock.yaml",
            "--answer",
            f"tell=it is {HIDDEN}",
            "--no-input",
            code=3,
        ),
        wf(tmp_path, "resume", "last", "--no-input", code=2),
        wf(tmp_path, "answer", "last", "confirm", "yes"),
        wf(tmp_path, "resume", "last", "-i", f"token={HIDDEN}", "--json", code=1),
        *(wf(tmp_path, *words) for words in (["show", "last"], ["logs", "last"], ["state", "last"], ["graph", "last"])),
    ]
    assert "secret input 'token' is needed again" in shown[1].stderr
    assert json.loads(shown[3].stdout)["error"]["message"].startswith("no luck with https://me:⟦secret:token:")
    kept = [path.read_bytes() for path in (tmp_path / ".wf").iterdir()]
    assert [HIDDEN in done.stdout + done.stderr for done in shown] == [False] * len(shown)
    assert [HIDDEN.encode() in content for content in kept] == [False] * len(kept)
    assert (tmp_path / "out.txt").read_text(encoding="utf-8") == HIDDEN


def test_a_secret_is_text(tmp_path: Path) -> None:
    flow = "inputs: {pin: {type: integer, secret: true}}\nnodes: {a: {}}"
    assert refused(tmp_path, flow) == ["a secret is text"]
