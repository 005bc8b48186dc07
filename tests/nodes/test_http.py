"""What the docs page of `http` shows: the workflow on it, run against scripted replies."""

from __future__ import annotations

from pathlib import Path

from tests.pages import run_page

ANSWERS = {"look": [{"json": {"price": 3}}], "order": [{"status": 201, "json": {"id": 12}}]}


def test_the_workflow_on_the_page_gives_what_the_page_says(tmp_path: Path) -> None:
    result = run_page("http", tmp_path, mock=ANSWERS)
    assert (result.status, result.error, result.outputs) == ("completed", None, {"order": 12})
