"""Commands, tools and files as a workflow has them: YAML in, the whole outcome out."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from runner import run
from runner.engine.runs import RunResult
from runner.ground.errors import InvalidWorkflow

TOOLS = """
import os

def halves(number: float, times: int = 1, note: str = None) -> list:
    return [number / 2] * times

def variable(name: str):
    return os.environ.get(name)
"""


def execute(folder: Path, flow: str, inputs: Mapping[str, Any] | None = None, mock: str = "") -> RunResult:
    """A run of `flow` in `folder`, in this process."""
    (folder / "flow.yaml").write_text("wf: 1\nname: tried\n" + textwrap.dedent(flow), encoding="utf-8")
    (folder / "tools.py").write_text(TOOLS, encoding="utf-8")
    (folder / "mock.yaml").write_text(mock, encoding="utf-8")
    return run(folder / "flow.yaml", inputs, mock=folder / "mock.yaml" if mock else None)


def refused(folder: Path, flow: str) -> list[str]:
    """What is wrong with a workflow."""
    with pytest.raises(InvalidWorkflow) as caught:
        execute(folder, flow)
    return [problem.message for problem in caught.value.problems]


COMMAND_TOOL = """
permissions: {commands: [sh]}
tools:
  greet:
    command: [sh, -c, 'cat; pwd; exit 3']
    stdin: "{{ inputs.greeting }}, {{ inputs.name }}\\n"
    cwd: inner
    ok_exit: [3]
    parse: lines
    inputs: {name: {type: string}, greeting: {type: string, default: Hello}}
nodes:
  call: {tool: greet, with: {name: Ada}}
outputs: {lines: "{{ nodes.call.output.lines }}", code: "{{ nodes.call.output.exit_code }}"}
"""


def test_a_command_tool_has_all_that_a_command_has_and_defaults(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    result = execute(tmp_path, COMMAND_TOOL)
    assert (result.error, result.outputs) == (None, {"lines": ["Hello, Ada", str(tmp_path / "inner")], "code": 3})


def test_the_default_of_a_tools_input_fits_it(tmp_path: Path) -> None:
    flow = COMMAND_TOOL.replace("default: Hello", "default: 5")
    assert refused(tmp_path, flow) == ["the default does not fit: expected text, got the number 5"]


PYTHON_TOOL = """
permissions: {env: [WF_TEST_COLOUR], python: [tools.py]}
tools:
  halves: {python: ./tools.py:halves}
  passed: {python: ./tools.py:variable, env: [WF_TEST_COLOUR]}
  set: {python: ./tools.py:variable, env: {SHADE: "of {{ inputs.name }}"}}
steps:
  - {id: halves, tool: halves, with: {number: 1}}
  - {id: passed, tool: passed, with: {name: WF_TEST_COLOUR}}
  - {id: named, tool: set, with: {name: SHADE}}
outputs: {halves: "{{ nodes.halves.output }}", passed: "{{ nodes.passed.output }}", set: "{{ nodes.named.output }}"}
"""


def test_a_python_tool_has_its_own_defaults_and_the_environment_that_it_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WF_TEST_COLOUR", "red")
    result = execute(tmp_path, PYTHON_TOOL)
    assert (result.error, result.outputs) == (None, {"halves": [0.5], "passed": "red", "set": "of SHADE"})


@pytest.mark.parametrize(
    "flow",
    [
        "nodes: {a: {workflow: ../elsewhere/flow.yaml}}",
        "nodes: {a: {workflow: link.yaml}}",
        "nodes: {a: {agent: {model: openai/gpt-4o-mini}, prompt: {file: ../elsewhere/flow.yaml}}}",
        "tools: {t: {python: ../elsewhere/tools.py:f}}\nnodes: {a: {tool: t}}",
    ],
)
def test_what_a_workflow_is_made_of_lies_in_its_folder_or_where_it_may_read(tmp_path: Path, flow: str) -> None:
    folder, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    (elsewhere / "flow.yaml").write_text("wf: 1\nname: child\nnodes: {a: {}}\n", encoding="utf-8")
    (elsewhere / "tools.py").write_text("def f():\n    return 1\n", encoding="utf-8")
    (folder / "link.yaml").symlink_to(elsewhere / "flow.yaml")
    [message] = refused(folder, flow)
    assert message.endswith("is outside the root file's folder")
    result = execute(folder, f"permissions: {{read: [../elsewhere], python: [../elsewhere]}}\n{flow}", mock="a: [well]")
    assert (result.error, result.status) == (None, "completed")
