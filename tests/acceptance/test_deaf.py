"""Work that takes long in one branch keeps the other one from nothing: a real `wf`, and the times that it records."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from tests.acceptance.command_line import process

MOST = 3.0
"""Seconds between two events of a sibling, on a busy machine; without bounds it would be four times as much."""

TICKS = """
      ticks:
        steps:
          - id: tick
            command: [sleep, "0.2"]
            next: [{when: visits < 25, to: tick}, {to: exit}]
"""
HEAD = """wf: 1
name: deaf
permissions: {commands: [python3, sleep], python: [tool.py]}
tools: {gives: {python: "tool.py:gives"}}
steps:
  - id: both
    max_concurrency: 2
    parallel:
      hog:
        steps:
"""
TOOL = "def gives() -> list:\n    return [[]] * 1_900_000\n"
PRINTS = 'command: [python3, -c, "import sys; sys.stdout.write({what})"]'
MANY = PRINTS.format(what="'[' + '[],' * 2700000 + '0]'")
OBJECTS = PRINTS.format(what="'[' + '{{\\\"a\\\":0}},' * 900000 + '0]'".replace("{{", "{").replace("}}", "}"))

HOGS = {
    "JSON of lists": (f"{MANY}\n            parse: json", "tool_failed"),
    "JSON of objects": (f"{OBJECTS}\n            parse: json", "tool_failed"),
    "a tool": ("tool: gives", "tool_failed"),
}


@pytest.mark.parametrize("what", HOGS)
def test_a_sibling_goes_on_beside_what_takes_long(tmp_path: Path, what: str) -> None:
    hog, failure = HOGS[what]
    (tmp_path / "tool.py").write_text(TOOL, encoding="utf-8")
    flow = f"{HEAD}          - id: hog\n            on_error: continue\n            {hog}{TICKS}"
    (tmp_path / "flow.yaml").write_text(flow, encoding="utf-8")
    done = process(tmp_path, "run", "flow.yaml", "--events", "--durability", "normal")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    [end] = [event for event in events if event.get("step") == "both/hog/hog" and event["type"] == "step_ended"]
    assert end["error"]["type"] == failure
    assert "write them to a file and give its path" in end["error"]["message"]
    ticks = [event["at"] for event in events if event.get("step", "").startswith("both/ticks")]
    assert len(ticks) > 25
    assert max(later - earlier for earlier, later in itertools.pairwise(ticks)) < MOST
