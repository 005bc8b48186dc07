"""State, what expressions and templates see, templates: workflows beside their whole result by `wf run --json`.

A case of a corpus is `==== name`, the workflow below its `wf` and `name`, further files (`---- name`), options of
`wf run` (`---- wf run …`), and `---- says`: the status with the outputs or the error, or the problems of the file.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from runner.cli import root
from runner.cli.complaining import failure
from runner.ground.errors import InvalidWorkflow, WorkflowError
from tests.mistakes import cases

HEAD = "wf: 1\nname: t\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [case for corpus in ("state", "sight", "templates") for case in cases(Path(__file__).parent / f"{corpus}.txt")],
)
def test_a_workflow_gives_what_the_contract_says(
    text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    flow, *others = text.split("---- ")
    Path("flow.yaml").write_text(HEAD + flow, encoding="utf-8")
    options: list[str] = []
    for name, _, content in (other.partition("\n") for other in others):
        if name.startswith("wf run"):
            options += shlex.split(name)[2:]
        else:
            Path(name).write_text(content, encoding="utf-8")
    assert _said("run", "flow.yaml", "--json", "--no-input", *options) == said


def test_bytes_that_are_no_text_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("flow.yaml").write_text(HEAD + "inputs: {s: {type: string}}\nnodes: {x: {}}\n", encoding="utf-8")
    assert "exit 2: input 's' is not text in UTF-8" in _said("run", "flow.yaml", "-i", "s=\udcff")


def _said(*words: str) -> str:
    result = CliRunner().invoke(root, words)
    if isinstance(result.exception, InvalidWorkflow):
        return _shown(failure(result.exception))
    if isinstance(result.exception, WorkflowError):
        return f"exit {result.exception.exit_code}: {result.exception}"
    return _shown(json.loads(result.stdout))


def _shown(document: Mapping[str, Any]) -> str:
    match document["status"]:
        case "completed":
            return f"completed {json.dumps(document['outputs'], ensure_ascii=False)}"
        case "invalid":
            return "\n".join(f"{error['line']}:{error['column']}: {error['message']}" for error in document["errors"])
    error = document["error"]
    return f"{document['status']} at {error['step'] or 'the end'}: {error['type']}: {error['message']}"
