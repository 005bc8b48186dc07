"""Scripts: where they stop, by which shell they run, what reaches them, and what the docs page shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runner import run
from runner.engine.runs import RunResult
from tests.acceptance.command_line import wf
from tests.pages import run_page

FLOW = """
wf: 1
name: ids_of__any-name
x-own: {any: [thing]}
permissions: {commands: [sh]}
state: {a: {default: ""}}
nodes:
  in: {set: {a: x}, next: continue}
  continue: {if: "!(has(nodes.in.output.deep) || nodes.in.visits != 1)", set: {a: y}, next: output}
  output: {next: [{when: nodes.continue.status == "completed", to: "true"}, {to: exit}]}
  "true": {script: "printf yes", on_error: nodes, next: nodes}
  nodes: {parallel: {item: {set: {a: z}}, state: {needs: [item], if: nodes.item.status == "completed"}}}
outputs:
  said: "{{ nodes.true.output.text }} {{ nodes.in.status }} {{ nodes.continue.visits }} {{ nodes.nodes.status }}"
"""


def test_the_workflow_on_the_page_gives_what_the_page_says(tmp_path: Path) -> None:
    result = run_page("script", tmp_path)
    assert (result.status, result.error, result.outputs) == ("completed", None, {"text": "hello; exit 1 world"})


def script(folder: Path, *keys: str, commands: str = "sh") -> RunResult:
    """A run of one script; its output is `got`."""
    node = "\n".join(f"    {key}" for key in keys)
    head = f"wf: 1\nname: scripted\npermissions: {{commands: [{commands}], env: [WF_TEST_TINT]}}\nnodes:\n  a:\n"
    (folder / "flow.yaml").write_text(
        f'{head}{node}\noutputs: {{got: "{{{{ nodes.a.output.text }}}}"}}\n', encoding="utf-8"
    )
    return run(folder / "flow.yaml")


def message(result: RunResult) -> Any:
    assert result.error is not None
    return result.error["message"]


@pytest.mark.parametrize("failing", ["false", "no-such-program-here", "cd nowhere", "(exit 3)"])
def test_a_script_stops_at_its_first_failing_line(tmp_path: Path, failing: str) -> None:
    result = script(tmp_path, "script: |", "  echo one > seen", f"  {failing}", "  echo two >> seen")
    assert result.error is not None
    assert result.error["type"] == "tool_failed"
    assert (tmp_path / "seen").read_text() == "one\n"


def test_a_failure_that_the_script_handles_does_not_stop_it(tmp_path: Path) -> None:
    assert script(tmp_path, "script: |", "  false || true", "  if false; then :; fi", "  echo on").outputs == {
        "got": "on"
    }


def test_another_shell_runs_it_by_its_own_rules(tmp_path: Path) -> None:
    keys = ("script: 'false | true; [[ $0 == bash ]] && echo on'", "shell: [bash]")
    assert script(tmp_path, *keys, commands="bash").outputs == {"got": "on"}
    strict = (keys[0], "shell: [bash, -euo, pipefail]")
    assert message(script(tmp_path, *strict, commands="bash")) == "'bash' ended with exit code 1"
    assert script(tmp_path, "script: 'echo $-'", "shell: [sh, -u]").outputs["got"].count("e") == 0


def test_braces_of_other_programs_stay_as_they_are(tmp_path: Path) -> None:
    text = "{{ .Names }} {{ index .Labels 0 }} {{.State}} {{ range . }} {{"
    assert script(tmp_path, f"script: \"printf '%s' '{text}'\"").outputs == {"got": text}


def test_env_passes_names_on_and_sets_those_of_its_mappings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WF_TEST_TINT", "red")
    env = 'env: [WF_TEST_TINT, {A: "{{ 1 + 1 }}", B: b}, {C: c}]'
    assert script(tmp_path, 'script: printf %s "$WF_TEST_TINT$A$B$C"', env).outputs == {"got": "red2bc"}


def test_carriage_returns_by_which_nothing_is_found_are_named(tmp_path: Path) -> None:
    said = "end with a carriage return, which is taken for a part of the name before it: save it with line feeds alone"
    assert f"; the lines of the text {said}" in message(script(tmp_path, 'script: "no-such-one\\r\\n"'))
    for first in ("#!/bin/sh\r\n", "#!/usr/bin/env sh\r\n"):
        (tmp_path / "build").write_text(f"{first}echo built\r\n")
        (tmp_path / "build").chmod(0o755)
        result = script(tmp_path, "command: [./build]", commands="./build")
        assert f"; its first line {said.replace('end', 'ends', 1)}" in message(result)


def test_what_is_not_found_for_another_reason_blames_no_carriage_return(tmp_path: Path) -> None:
    (tmp_path / "build").write_text("#!/usr/bin/env no-such-interpreter\necho built\r\n")
    (tmp_path / "build").chmod(0o755)
    assert "carriage" not in message(script(tmp_path, "command: [./build]", commands="./build"))


def test_ids_may_be_words_of_expressions(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(FLOW, encoding="utf-8")
    document = wf(tmp_path, "run", "flow.yaml", "--json").document
    assert (document["workflow"], document["outputs"]) == ("ids_of__any-name", {"said": "yes completed 1 completed"})
