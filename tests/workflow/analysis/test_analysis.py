"""What is refused before a run, each with its place and what to do."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from runner import run
from runner.engine.loading import load_workflow
from runner.ground.errors import InvalidWorkflow

BROKEN = {
    "an unknown root": (
        "nodes: {a: {set: {x: '{{ sate.x }}'}}}\nstate: {x: {default: 1}}",
        "flow.yaml:3:26: error: 'sate' is not known here; did you mean 'state'?",
    ),
    "an unknown state key": (
        "nodes: {a: {if: state.y > 1}}\nstate: {x: {default: 1}}",
        "flow.yaml:3:17: error: state key 'y' does not exist",
    ),
    "an unknown input": (
        "inputs: {topic: {type: string}}\nnodes: {a: {if: inputs.topik == 'x'}}",
        "flow.yaml:4:17: error: input 'topik' does not exist; did you mean 'topic'?",
    ),
    "an unknown node": (
        "nodes: {a: {next: b}, b: {if: nodes.aa.output == 1}}",
        "flow.yaml:3:31: error: node 'aa' does not exist here; did you mean 'a'?",
    ),
    "an unknown fact of a node": (
        "nodes: {a: {next: b}, b: {if: nodes.a.outputs == 1}}",
        "flow.yaml:3:31: error: a node has no 'outputs'; did you mean 'output'?",
    ),
    "an unknown fact of the run": (
        "nodes: {a: {if: run.step > 1}}",
        "flow.yaml:3:17: error: fact of the run 'step' does not exist; did you mean 'steps'?",
    ),
    "a sibling branch": (
        "nodes: {p: {parallel: {a: {}, b: {if: nodes.a.output == 1}}}}",
        "flow.yaml:3:39: error: branch 'a' is not seen from here",
    ),
    "a state key that is not declared": (
        "nodes: {a: {set: {severty: low}}}\nstate: {severity: {default: low}}",
        "flow.yaml:3:19: error: state key 'severty' does not exist; did you mean 'severity'?",
    ),
    "the item outside its loop": (
        "nodes: {a: {if: item == 1}}",
        "flow.yaml:3:17: error: 'item' is not known here",
    ),
    "the output of a node in its own `if`": (
        "nodes: {a: {if: output == 1}}",
        "flow.yaml:3:17: error: 'output' is not known here",
    ),
    "a node that nothing reaches": (
        "nodes: {a: {next: exit}, b: {}}",
        "flow.yaml:3:26: error: node 'b' can't be reached",
    ),
    "a circle that nothing leaves": (
        "nodes: {a: {next: b}, b: {next: a}}",
        "flow.yaml:3:9: error: this can't end: a → b → a",
    ),
    "two branches that write one key": (
        "state: {x: {default: 1}}\nnodes: {p: {parallel: {a: {set: {x: 1}}, b: {steps: [{set: {x: 2}}]}}}}",
        "flow.yaml:4:61: error: state key 'x' is written by branch 'a' (line 4) and branch 'b' at the same time",
    ),
    "items that write one key": (
        "state: {x: {default: 1}}\nnodes: {p: {for_each: [1, 2], do: {set: {x: 1}}}}",
        "flow.yaml:4:42: error: state key 'x' is written by every item of 'p' at the same time",
    ),
    "a reset in a branch": (
        "state: {x: {default: [], reducer: append}}\nnodes: {p: {parallel: {a: {reset: [x]}}}}",
        "flow.yaml:4:28: error: a branch can't reset a state key",
    ),
    "a program that is not permitted": (
        "permissions: {commands: [git]}\nnodes: {a: {command: [gti, log]}}",
        "flow.yaml:4:23: error: program 'gti' is not permitted; did you mean 'git'?",
    ),
    "a script without sh": (
        "nodes: {a: {script: echo}}",
        "flow.yaml:3:21: error: program 'sh' is not permitted",
    ),
}

RIGHT = [
    "state: {x: {default: 1}}\nnodes: {p: {parallel: {a: {set: {x: 1}}, b: {needs: [a], set: {x: 2}}}}}",
    "state: {x: {default: 1}}\nnodes: {p: {for_each: [1, 2], sequential: true, do: {set: {x: '{{ item }}'}}}}",
    "state: {x: {default: [], reducer: append}}\nnodes: {p: {parallel: {a: {set: {x: 1}}, b: {set: {x: 2}}}}}",
    "nodes: {a: {next: [{when: visits < 3, to: a}, {to: exit}]}}",
    "nodes: {a: {max_visits: 3, next: a}}",
    "nodes: {a: {on_error: [{when: \"error.type == 'x'\", to: b}], next: exit}, b: {}}",
    "nodes: {a: {}}\nrescue: {if: error.type == 'timeout'}\nfinally: {if: error == null}",
    "nodes: {p: {for_each: [1], complete_when: size(results) > 0, do: {if: index == 0 && item == 1}}}",
    "nodes: {a: {next: p}, p: {parallel: {b: {nodes: {c: {if: nodes.a.status == 'completed'}}}}}}",
]


def checked(folder: Path, text: str) -> str:
    path = folder / "flow.yaml"
    path.write_text("wf: 1\nname: checked\n" + textwrap.dedent(text), encoding="utf-8")
    try:
        load_workflow(str(path))
    except InvalidWorkflow as error:
        return str(error).replace(f"{folder}/", "")
    return ""


@pytest.mark.parametrize("mistake", BROKEN)
def test_a_mistake_is_found_at_its_place(mistake: str, tmp_path: Path) -> None:
    text, expected = BROKEN[mistake]
    assert checked(tmp_path, text).splitlines()[0] == expected


@pytest.mark.parametrize("text", RIGHT)
def test_what_is_right_passes(text: str, tmp_path: Path) -> None:
    assert checked(tmp_path, text) == ""


def test_all_mistakes_are_told_at_once_in_file_order(tmp_path: Path) -> None:
    text = "state: {x: {default: 1}}\nnodes: {a: {if: inputs.y == 1, set: {z: 1}, next: exit}, b: {if: state.q == 1}}"
    found = [line for line in checked(tmp_path, text).splitlines() if ": error: " in line]
    assert [line.split(": ")[0] for line in found] == [
        "flow.yaml:4:17",
        "flow.yaml:4:38",
        "flow.yaml:4:58",
        "flow.yaml:4:66",
    ]


def test_a_route_behind_one_that_always_fires_is_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text("wf: 1\nname: w\nnodes: {a: {next: [{to: exit}, {to: b}]}, b: {}}", encoding="utf-8")
    assert [problem.severity for problem in load_workflow(str(path)).warnings] == ["warning"]


def test_a_listed_path_is_permitted_when_checked_and_when_run(tmp_path: Path) -> None:
    tool = tmp_path / "tools" / "greet"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho hello\n", encoding="utf-8")
    tool.chmod(0o755)
    text = "permissions: {commands: [./tools/greet]}\nnodes: {a: {command: [tools/greet]}}\n"
    assert checked(tmp_path, text + "outputs: {a: '{{ nodes.a.output.text }}'}") == ""
    assert run(tmp_path / "flow.yaml").outputs == {"a": "hello"}


def test_another_place_than_the_listed_one_is_refused(tmp_path: Path) -> None:
    text = "permissions: {commands: [./tools/greet]}\nnodes: {a: {command: [./greet]}}"
    assert "program './greet' is not permitted" in checked(tmp_path, text)


def test_the_program_of_an_agents_tool_must_be_permitted(tmp_path: Path) -> None:
    text = """
    agents: {bob: {model: a/b, tools: [search]}}
    tools: {search: {command: [rg, x]}}
    nodes: {a: {agent: bob, prompt: hello}}
    """
    assert "flow.yaml:5:28: error: program 'rg' is not permitted" in checked(tmp_path, text)
