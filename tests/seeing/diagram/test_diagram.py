"""Pictures: every kind in its shape, every label escaped, no operator lost, and a run drawn over its workflow.

Mermaid itself is no part of the tests; that it takes these pictures was seen by hand. What it would take for syntax is
known, and none of that may stand in a label.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.engine.loading import load_workflow
from runner.ground.plain import plain
from runner.nodes import KINDS
from runner.seeing.diagram import mermaid, overlay_of
from runner.seeing.diagram.labels import escape
from tests.acceptance.command_line import wf, write
from tests.project import ROOT

HOSTILE = Path(__file__).with_name("hostile.yaml")

LABEL = re.compile(r'"([^"]*)"')
ENTITY = re.compile(r"#(\d+);")
SAFE = re.compile(r"(?:[A-Za-z0-9 ,/=!?'.+_-]|#\d+;|<br/>|</?small>)*")


def shown(label: str) -> str:
    """What a reader of the picture sees."""
    return ENTITY.sub(lambda found: chr(int(found.group(1))), label)


def test_a_picture_has_every_kind_in_its_shape_and_every_label_escaped() -> None:
    assert mermaid(load_workflow(str(HOSTILE))) == HOSTILE.with_suffix(".mmd").read_text(encoding="utf-8")


def test_no_label_has_syntax_in_it_and_no_operator_is_lost() -> None:
    loaded = load_workflow(str(HOSTILE))
    labels = LABEL.findall(mermaid(loaded))
    assert [label for label in labels if not SAFE.fullmatch(label)] == []
    [condition, *_] = [route.when.source for route in loaded.workflow.body.nodes["end_"].next or () if route.when]
    assert condition in map(shown, labels)


@given(st.text(max_size=60))
def test_an_escaped_text_is_harmless_and_means_the_same(text: str) -> None:
    escaped = escape(text)
    assert SAFE.fullmatch(escaped)
    assert "<" not in escaped
    assert shown(escaped) == " ".join(plain(text).split())


@pytest.mark.parametrize(
    "markdown", ["1. x", "- x", "+ x", "_x_", "__x__", "a.b. c", "www.x.y", "=== x", "*x*", "a://b"]
)
def test_what_markdown_would_take_for_its_own_is_escaped(markdown: str) -> None:
    assert "#" in escape(markdown)


@pytest.mark.parametrize(
    "path", [path for folder in ("workflows", "patterns") for path in sorted((ROOT / folder).glob("*.yaml"))]
)
def test_every_shipped_workflow_is_drawn_with_every_node(path: Path) -> None:
    loaded = load_workflow(str(path))
    labels = "\n".join(shown(label) for label in LABEL.findall(mermaid(loaded)))
    nodes = [node for body in loaded.workflow.bodies.values() for node in body.nodes.values()]
    assert [node.id for node in nodes if (node.title or node.id) not in labels] == []


def lines(picture: str, *words: str) -> list[str]:
    return [line.strip() for line in picture.splitlines() if any(word in line for word in words)]


RUN = """
wf: 1
name: over
state: {n: {type: integer, default: 0}}
models: {fast: openai/gpt-4o-mini}
agents: {writer: {model: fast}}
nodes:
  write:
    agent: writer
    prompt: x
    set: {n: "{{ state.n + 1 }}"}
    next: [{when: state.n < 2, to: write}, {when: state.n == 7, to: never}, {to: each}]
  never: {}
  each:
    for_each: "[1, 2, 3]"
    do: {if: item > 1, human: {prompt: "{{ item }}?"}}
"""
REPLIES = "write: [{reply: a, usage: {prompt_tokens: 5, reply_tokens: 2, cost_usd: 0.01}}, b]\n"


def test_a_run_is_drawn_over_its_workflow_with_statuses_visits_costs_and_routes(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", RUN)
    write(tmp_path, "replies.yaml", REPLIES)
    wf(tmp_path, "run", "flow.yaml", "--mock", "replies.yaml", "--run-id", "r", "--answer", "each[1]=yes", code=3)
    picture = wf(tmp_path, "graph", "r").stdout
    assert [shown(line) for line in lines(picture, "n1(", "n2(", "n3{", "n4", "n5([")] == [
        'n1(["over<br/>run r paused"])',
        'n2("write<br/><small>agent writer</small><br/><small>completed ×2, 7 tokens, $0.0100</small>")',
        'n3{"never"}',
        'subgraph n4 ["each<br/><small>for_each [1, 2, 3]</small><br/><small>running</small>"]',
        'n5(["each<br/><small>human</small><br/><small>if item > 1</small>'
        '<br/><small>skipped, completed, waiting</small>"])',
        'n2 -->|"else"| n4',
        "style n4 fill:#fff3cd,stroke:#b26a00,color:#111",
    ]
    arrows = lines(picture, "-->")
    [taken] = lines(picture, "linkStyle")
    assert [arrows[int(number)] for number in taken.split()[1].split(",")] == [
        "n1 --> n2",
        'n2 -->|"state.n #60; 2"| n2',
        'n2 -->|"else"| n4',
    ]
    assert "style n5 fill:#fff3cd" in picture
    assert "style n3" not in picture


def test_every_kind_can_be_drawn() -> None:
    """A new kind needs no line here: what has no shape of its own is a box."""
    assert KINDS.keys() >= {"none", "human", "wait", "workflow", "end", "agent", "parallel", "for_each"}
    assert overlay_of(load_workflow(str(ROOT / "workflows" / "first.yaml")).workflow, "", [], []).statuses == {}
