"""Work that takes long in one branch keeps the other one from nothing: a real `wf`, and the times that it records."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from tests.acceptance.command_line import interrupted_twice, lines_until, process, started

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


TOGETHER = """
wf: 1
name: hogs
permissions: {commands: [python3, sleep]}
state:
  found: {type: array, default: [], items: {anyOf: [{type: object, patternProperties: {"^(a|b)*c$": true},
    additionalProperties: false}, {type: string, pattern: "^(x+x+)+y$"}, {type: object, minProperties: 2}]}}
nodes:
  both:
    parallel:
      pattern:
        steps:
          - {id: big, command: [python3, -c, "print('b' * 4000000)"]}
          - {id: look, if: 'nodes.big.output.text.matches("b.{200}c|b.{201}d")', on_error: continue, set: {}}
      template:
        steps:
          - id: render
            on_error: continue
            command: [python3, "{% for a in range(9999) %}{% for b in range(9999) %}{{ b }}{% endfor %}{% endfor %}"]
      schema:
        steps:
          - id: big
            command: [python3, -c, "import json; print(json.dumps([{'k%d' % n: 'x' * 50} for n in range(90000)]))"]
            parse: json
          - {id: keep, on_error: continue, set: {found: "{{ nodes.big.output.json }}"}}
      json:
        steps:
          - id: parse
            on_error: continue
            command: [python3, -c, "print('{' + ','.join('\\"a%d\\":[[]]' % n for n in range(90000)) + ',\\"a0\\":1}')"]
            parse: json
      ticks: {steps: [{id: tick, command: [sleep, "0.2"], next: [{when: visits < 30, to: tick}, {to: exit}]}]}
"""
"""What would take each of them far longer than 20 s, if it were let."""


def test_a_sibling_goes_on_beside_a_pattern_a_template_a_schema_and_json(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(TOGETHER, encoding="utf-8")
    done = process(tmp_path, "run", "flow.yaml", "--events")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    failures = {one["step"]: one["error"]["type"] for one in events if one["type"] == "step_ended" and one.get("error")}
    assert failures == {
        "both/pattern/look": "condition_error",
        "both/template/render": "template_error",
        "both/schema/keep": "state_invalid",
        "both/json/parse": "output_invalid",
    }
    ticks = [event["at"] for event in events if event.get("step", "").startswith("both/ticks")]
    assert max(later - earlier for earlier, later in itertools.pairwise(ticks)) < MOST


def test_two_signals_end_a_run_meanwhile_and_it_goes_on_later(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(TOGETHER, encoding="utf-8")
    with started(tmp_path, "run", "flow.yaml", "--run-id", "r", "--events") as run:
        lines_until(run, '"step":"both/ticks/tick#2"')
        assert interrupted_twice(run).code == 130
    assert "paused" in process(tmp_path, "show", "r").stdout
    assert process(tmp_path, "resume", "r", "--quiet").code == 0
