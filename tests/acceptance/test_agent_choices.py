"""One of several agents is asked: the one that an expression names as the step opens."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.command_line import wf
from tests.acceptance.test_agents import asking, said

FLOW = """
inputs: {level: {type: string, default: high}}
state: {level: {type: string, default: quick}}
tools: {add: {command: [x]}}
agents:
  quick: {model: openai/gpt-4o-mini, instructions: Be quick., tools: [add]}
  thorough: {model: openai/gpt-4o, instructions: Be thorough.}
nodes:
  ask: {agent: {from: [quick, thorough], name: NAME}, prompt: Hello, temperature: 0}
outputs: {said: "{{ nodes.ask.output }}"}
"""


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ('\'inputs.level == "high" ? "thorough" : "quick"\'', "openai/gpt-4o"),
        ("state.level", "openai/gpt-4o-mini"),
    ],
)
def test_an_expression_says_who_is_asked(name: str, model: str) -> None:
    run, asked = asking(FLOW.replace("NAME", name), said("hi"))

    assert run.outcome == {"said": "hi"}
    assert (asked[0].model, asked[0].temperature) == (model, 0)


def test_who_was_asked_first_goes_on_whatever_the_expression_says_by_then() -> None:
    """`run.steps` grows with each call."""
    name = '\'run.steps > 0 ? "thorough" : "quick"\''

    run, asked = asking(FLOW.replace("NAME", name), said("", ("add", {})), said("done"))

    assert run.outcome == {"said": "done"}
    assert {call.model for call in asked} == {"openai/gpt-4o-mini"}


@pytest.mark.parametrize("name", ["'\"nobody\"'", "'7'", "'null'", "'[\"quick\"]'"])
def test_a_name_that_is_none_of_them_is_refused_before_anybody_is_asked(name: str) -> None:
    run, asked = asking(FLOW.replace("NAME", name))

    assert (run.outcome, asked) == ("input_invalid", [])


def test_each_of_them_must_exist_and_what_it_reads_too(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(
        "wf: 1\nname: several\nagents:\n  quick: {model: openai/gpt-4o-mini, instructions: '{{ inputs.n }}'}\nnodes:\n"
        "  ask: {agent: {from: [quick, thoroug], name: '\"quick\"'}, prompt: Hello}\n"
    )

    done = wf(tmp_path, "validate", "flow.yaml", code=2)

    assert "flow.yaml:6:31: error: agent 'thoroug' does not exist" in done.stderr
    assert "inputs.n" in done.stderr
