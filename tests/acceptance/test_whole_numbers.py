"""A whole number that comes from outside as 3.0 under `integer` is 3, in replies, inputs, answers and arguments."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.acceptance.command_line import wf

FLOW = """
wf: 1
name: herd
permissions: {commands: [printf]}
inputs: {cows: {type: integer}}
models: {m: openai/gpt-4o-mini}
tools:
  say: {command: [printf, "%s", "{{ inputs.n }}"], inputs: {n: {type: integer}}}
agents:
  counter:
    model: m
    output_schema:
      type: object
      properties: {farms: {type: array, items: {type: object, properties: {hens: {type: integer}}}}}
nodes:
  count: {agent: counter, prompt: How many?, next: ask}
  ask: {human: {prompt: And goats?, schema: {type: object, properties: {goats: {type: integer}}}}, next: say}
  say: {tool: say, with: {n: "{{ nodes.count.output.farms[0].hens }}"}}
outputs:
  hens: "{{ nodes.count.output.farms[0].hens }}"
  goats: "{{ nodes.ask.output.goats }}"
  cows: "{{ inputs.cows }}"
  said: "{{ nodes.say.output.text }}"
"""


def test_whole_numbers_from_outside_are_whole(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(FLOW, encoding="utf-8")
    mock = {"count": ['{"farms": [{"hens": 12.0}]}']}
    (tmp_path / "mock.yaml").write_text(json.dumps(mock), encoding="utf-8")
    options = ("--mock", "mock.yaml", "--answer", 'ask={"goats": 3.0}', "-i", "cows=2.0", "--json")
    found = wf(tmp_path, "run", "flow.yaml", *options).document["outputs"]
    assert json.dumps(found) == '{"hens": 12, "goats": 3, "cows": 2, "said": "12"}'


def test_a_whole_number_that_the_workflow_itself_makes_stays_as_it_is(tmp_path: Path) -> None:
    text = "wf: 1\nname: half\nstate: {n: {type: integer, default: 0}}\nnodes: {a: {set: {n: '{{ 6 / 2 }}'}}}\n"
    (tmp_path / "flow.yaml").write_text(text, encoding="utf-8")
    error = wf(tmp_path, "run", "flow.yaml", "--json", code=1).document["error"]
    assert error["type"] == "state_invalid"


def test_what_a_program_gave_is_taken_as_whole_where_it_is_passed_on_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(
        """
wf: 1
name: milk
permissions: {commands: [printf]}
state: {n: {type: integer, default: 0}, all: {type: array, items: {type: integer}, default: [], reducer: append}}
nodes:
  weigh: {command: [printf, '{"kg": 3.0}'], parse: json, set: {n: "{{ output.json.kg }}"}, next: keep}
  keep: {set: {all: "{{ nodes.weigh.output.json['kg'] }}"}}
outputs: {n: "{{ state.n }}", all: "{{ state.all }}"}
""",
        encoding="utf-8",
    )
    assert json.dumps(wf(tmp_path, "run", "flow.yaml", "--json").document["outputs"]) == '{"n": 3, "all": [3]}'


def test_a_fraction_that_is_passed_on_stays_one(tmp_path: Path) -> None:
    text = "wf: 1\nname: half\ninputs: {x: {type: number}}\nstate: {n: {type: integer, default: 0}}\n"
    (tmp_path / "flow.yaml").write_text(f"{text}nodes: {{a: {{set: {{n: '{{{{ inputs.x }}}}'}}}}}}\n", encoding="utf-8")
    assert (
        wf(tmp_path, "run", "flow.yaml", "-i", "x=2.5", "--json", code=1).document["error"]["type"] == "state_invalid"
    )


PASSED_ON = """
wf: 1
name: hay
permissions: {commands: [printf]}
state:
  n: {type: integer, default: 0}
  fields: {type: array, items: {type: integer}, default: [], reducer: append}
  barn: {type: object, properties: {bales: {type: integer}, note: {type: string}}, default: {}}
nodes:
  weigh: {command: [printf, '[{"bales": 4.0}, {"bales": 5.0}]'], parse: json, next: each}
  each:
    for_each: nodes.weigh.output.json
    as: field
    do: {set: {fields: "{{ field.bales }}"}}
    next: keep
  keep: {set: {barn: {bales: "{{ nodes.weigh.output.json[1].bales }}", note: dry}}}
outputs: {fields: "{{ state.fields }}", barn: "{{ state.barn }}"}
"""


def test_what_is_passed_on_under_another_name_or_in_a_structure_is_whole(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(PASSED_ON, encoding="utf-8")
    outputs = wf(tmp_path, "run", "flow.yaml", "--json").document["outputs"]
    assert json.dumps(outputs) == '{"fields": [4, 5], "barn": {"bales": 5, "note": "dry"}}'


@pytest.mark.parametrize(
    "value",
    [
        "{{ state.part }}",
        "{{ output | default(state.part) }}",
        "{{ inputs.x / 1 }}",
        "{% set m = inputs.x %}{{ m }}",
    ],
)
def test_a_fraction_that_the_workflow_made_is_none_that_was_passed_on(tmp_path: Path, value: str) -> None:
    head = "wf: 1\nname: hay\ninputs: {x: {type: number, default: 3}}\n"
    state = "state: {n: {type: integer, default: 0}, part: {type: number, default: 3}}\n"
    (tmp_path / "flow.yaml").write_text(f"{head}{state}nodes: {{a: {{set: {{n: '{value}'}}}}}}\n", encoding="utf-8")
    assert wf(tmp_path, "run", "flow.yaml", "--json", code=1).document["error"]["type"] == "state_invalid"
