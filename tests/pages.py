"""Runs the workflow that a docs page shows."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runner import run
from runner.engine.runs import RunResult
from tests.project import ROOT


def run_page(verb: str, folder: Path, mock: Mapping[str, Any] | None = None) -> RunResult:
    """Run the first workflow on the page of a node kind, in a folder of its own."""
    page = (ROOT / "docs" / "nodes" / f"{verb}.md").read_text(encoding="utf-8")
    shown = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert shown is not None, f"the page of {verb} shows no workflow"
    flow = folder / "flow.yaml"
    flow.write_text(shown.group(1), encoding="utf-8")
    replies = folder / "replies.json"
    replies.write_text(json.dumps(mock or {}), encoding="utf-8")
    return run(flow, mock=replies if mock else None)
