"""What the docs page of `wait` shows: the workflow on it, run for real."""

from __future__ import annotations

from pathlib import Path

from tests.pages import run_page


def test_the_workflow_on_the_page_gives_what_the_page_says(tmp_path: Path) -> None:
    result = run_page("wait", tmp_path)
    assert result.outputs == {"by": "for", "past": "until", "acknowledged": "late"}
