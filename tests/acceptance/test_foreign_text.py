"""Text from outside steers neither a terminal nor the runner of GitHub Actions, by whichever way it is printed."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.acceptance.command_line import Done, wf, write

HOSTILE = "\x1b]0;title\x07\u202e##[group]x\u200b\n  ::stop-commands::t\n::add-mask::e\r::warning::w\U000e0041"
ACTIONS = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": "summary.md"}
COMMAND = re.compile(r"^\s*::|##(?:vso)?\[", re.MULTILINE)
STEERING = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)
FLOW = """
wf: 1
name: flow
permissions: {commands: [sh]}
inputs: {text: {type: string}}
nodes:
  stop:
    script: 'printf "%s" "$text" >&2; exit 3'
    env: {text: "{{ inputs.text }}"}
    on_error: continue
    next: say
  say:
    command: [sh, -c, 'printf "%s" "$1" >&2; printf "%s" "$1"', sh, "{{ inputs.text }}"]
    next: ask
  ask: {human: {prompt: "{{ inputs.text }}", choices: ["yes", "no"]}}
"""


def _is_harmless(done: Done) -> None:
    printed = done.stdout + done.stderr
    assert COMMAND.findall(printed) == []
    assert STEERING.findall(printed) == []


def test_nothing_that_is_printed_of_a_run_steers(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", FLOW)
    write(tmp_path, "inputs.json", json.dumps({"text": HOSTILE}))
    run = ("run", "flow.yaml", "--inputs", "inputs.json", "--no-input", "--run-id")
    _is_harmless(wf(tmp_path, *run, "r1", code=3, environment=ACTIONS))
    _is_harmless(wf(tmp_path, *run, "r2", "--events", code=3, environment=ACTIONS))
    told = wf(tmp_path, *run, "r3", "--json", code=3, environment=ACTIONS)
    _is_harmless(told)
    assert HOSTILE.replace("\r", "") in told.document["waiting"][0]["prompt"].replace("\r", "")
    for command in (("show", "r1"), ("show", "r1", "--json"), ("logs", "r1"), ("logs", "r1", "--json")):
        _is_harmless(wf(tmp_path, *command, environment=ACTIONS))
    assert COMMAND.findall((tmp_path / "summary.md").read_text(encoding="utf-8")) == []


def test_no_excerpt_name_or_argument_steers(tmp_path: Path) -> None:
    nodes = "  a: {}\n  ::set-output x::y: {}\n  '##[x]\u200b': {}\n"
    write(tmp_path, "bad.yaml", f"wf: 1\nname: bad\nnodes:\n{nodes}")
    write(tmp_path, "x\n::error::y.yaml", "wf: 1\n")
    for arguments in (("validate", "bad.yaml"), ("validate", "x\n::error::y.yaml"), (HOSTILE,), ("show", HOSTILE)):
        for environment in (ACTIONS, {}):
            done = wf(tmp_path, *arguments, code=None, environment=environment)
            assert STEERING.findall(done.stdout + done.stderr) == []
            assert not environment or COMMAND.findall(done.stdout + done.stderr) == []


def test_the_annotations_of_our_own_are_commands_and_nothing_in_them_is(tmp_path: Path) -> None:
    write(tmp_path, "bad.yaml", "wf: 1\nname: bad\nnodes:\n  a: {next: '##[x]\u200b'}\n")
    done = wf(tmp_path, "validate", "bad.yaml", "--format", "github", code=2)
    lines = done.stdout.splitlines()
    assert lines[0].startswith("::error file=bad.yaml,line=4,")
    assert "# #[x]<U+200B>" in lines[0]
    assert all(line.startswith("::") for line in lines)
