"""`output_schema` on commands, scripts, tools and tool nodes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command_line import wf

SCHEMA = "{type: object, properties: {score: {type: integer, maximum: 10}}, required: [score]}"
HEAD = f"""
wf: 1
name: checked
inputs: {{said: {{type: string, default: '{{"score": 7.0}}'}}}}
permissions: {{commands: [printf, sh, cat], python: [tools.py]}}
schemas: {{score: {SCHEMA}}}
tools:
  say:
    command: [printf, "%s", "{{{{ inputs.t }}}}"]
    inputs: {{t: {{type: string}}}}
    parse: json
    output_schema: score
  loose: {{command: [printf, "%s", "{{{{ inputs.t }}}}"], inputs: {{t: {{type: string}}}}, parse: json}}
  give: {{python: tools.py:give, output_schema: score}}
agents: {{a: {{model: openai/gpt-4o, tools: [say, give]}}}}
nodes:
"""
GIVEN = 't: "{{ inputs.said }}"'

NODES = {
    "command": '{command: [printf, "%s", "{{ inputs.said }}"], parse: json, output_schema: score}',
    "script": '{script: \'printf %s "$SAID"\', env: {SAID: "{{ inputs.said }}"}, parse: json, output_schema: score}',
    "command tool": f"{{tool: say, with: {{{GIVEN}}}}}",
    "python tool": f"{{tool: give, with: {{{GIVEN}}}}}",
    "node of a tool": f"{{tool: loose, with: {{{GIVEN}}}, output_schema: {SCHEMA}}}",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "tools.py").write_text(
        "import json\n\n\ndef give(t: str) -> dict:\n    '''Gives it.'''\n    return json.loads(t)\n"
    )
    return tmp_path


def running(project: Path, node: str, said: str | None = None, mock: str = "") -> Any:
    (project / "flow.yaml").write_text(f'{HEAD}  n: {node}\noutputs: {{o: "{{{{ nodes.n.output }}}}"}}\n')
    (project / "mock.yaml").write_text(mock)
    given = ["-i", f"said={said}"] if said is not None else []
    mocked = ["--mock", "mock.yaml"] if mock else []
    return wf(project, "run", "flow.yaml", "--json", *given, *mocked, code=None).document


@pytest.mark.parametrize("node", NODES.values(), ids=NODES.keys())
def test_what_fits_is_given_as_its_schema_has_it(project: Path, node: str) -> None:
    output = running(project, node)["outputs"]["o"]

    assert json.dumps(output.get("json", output)) == '{"score": 7}'


@pytest.mark.parametrize("node", NODES.values(), ids=NODES.keys())
def test_what_does_not_fit_is_output_invalid(project: Path, node: str) -> None:
    error = running(project, node, '{"score": 70}')["error"]

    assert error["type"] == "output_invalid"
    assert "does not fit `output_schema`: score: " in error["message"]
    assert error["details"]["errors"] == [error["message"].partition("`: ")[2]]


def test_the_nodes_own_schema_wins(project: Path) -> None:
    node = f"{{tool: give, with: {{{GIVEN}}}, output_schema: {{type: object}}}}"

    assert running(project, node, '{"score": 70}')["outputs"] == {"o": {"score": 70}}


def test_lines_are_what_was_parsed(project: Path) -> None:
    node = '{command: [printf, "a\\nb\\n"], parse: lines, output_schema: {type: array, maxItems: %d}}'

    assert running(project, node % 2)["outputs"]["o"]["lines"] == ["a", "b"]
    assert running(project, node % 1)["error"]["type"] == "output_invalid"


def test_a_scripted_reply_is_checked_too(project: Path) -> None:
    error = running(project, NODES["python tool"], mock="n: [{reply: {score: 70}}]\n")["error"]

    assert error["type"] == "output_invalid"


def test_an_agent_is_told_what_was_wrong_with_what_its_tool_gave(project: Path) -> None:
    call = "{tool_calls: [{tool: give, with: {t: '{\"score\": 70}'}}]}"
    running(project, "{agent: a, prompt: Ask}", mock=f"n: [{call}, done]\n")

    assert "error: what tool 'give' gave does not fit `output_schema`" in wf(project, "logs", "last", "--json").stdout


def test_a_secret_in_what_does_not_fit_is_masked(project: Path) -> None:
    node = "{command: [cat], stdin: '[\"{{ inputs.key }}\"]', parse: json, output_schema: {items: {type: integer}}}"
    head = HEAD.replace("inputs: {", "inputs: {key: {type: string, secret: true}, ", 1)
    (project / "flow.yaml").write_text(f"{head}  n: {node}\n")

    done = wf(project, "run", "flow.yaml", "--json", "-i", "key=hush-hush-1234", code=1)

    assert done.document["error"]["type"] == "output_invalid"
    assert "hush-hush" not in done.stdout + done.stderr + wf(project, "logs", "last", "--json").stdout


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ("{command: [cat], output_schema: score}", "error: `output_schema` is for what was parsed"),
        ("{script: cat, output_schema: score}", "error: `output_schema` is for what was parsed"),
        ("{command: [cat], parse: json, output_schema: scroe}", "schema 'scroe' does not exist; did you mean 'score'?"),
        ("{tool: files/list, output_schema: score}", "error: what 'files/list' gives has a form of its own"),
        ("{tool: files/write, with: {path: x, content: y}, output_schema: score}", "has a form of its own"),
    ],
)
def test_a_mistake_is_told_before_the_run(project: Path, node: str, message: str) -> None:
    (project / "flow.yaml").write_text(f"{HEAD}  n: {node}\n")

    assert message in wf(project, "validate", "flow.yaml", code=2).stderr
