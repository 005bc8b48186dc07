"""What `end` does: the workflow on its docs page, run for real, and what becomes of its message."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.command_line import wf, write
from tests.pages import run_page

ENDS = """
wf: 1
name: ends
inputs: {place: {type: string, default: Rome}}
nodes:
  look: {parallel: {far: {end: STATUS, message: "Nothing of {{ inputs.place }}"}}}
"""


def test_the_workflow_on_the_page_gives_what_the_page_says(tmp_path: Path) -> None:
    result = run_page("end", tmp_path)
    assert (result.status, result.error, result.outputs) == ("completed", None, {"x": 1, "said": "x is 1"})


@pytest.mark.parametrize(
    ("status", "code", "told", "error"),
    [
        ("completed", 0, "✓ look/far: Nothing of Rome\n", None),
        ("cancelled", 4, "  Nothing of Rome\n", "cancelled"),
        ("failed", 1, "error: workflow_failed at look/far: Nothing of Rome\n", "workflow_failed"),
    ],
)
def test_a_message_is_recorded_and_shown_however_the_workflow_ends(
    tmp_path: Path, status: str, code: int, told: str, error: str | None
) -> None:
    write(tmp_path, "flow.yaml", ENDS.replace("STATUS", status))

    ran = wf(tmp_path, "run", "flow.yaml", "--run-id", "r", code=code)

    assert ran.stderr.count("Nothing of Rome") == 1
    assert told in ran.stderr
    document = wf(tmp_path, "show", "r", "--json").document
    assert (document["status"], (document["error"] or {}).get("type")) == (status, error)
    assert '"verb":"end","output":"Nothing of Rome"' in wf(tmp_path, "logs", "r", "--json").stdout
