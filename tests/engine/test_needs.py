"""What is looked for before a run: providers that there are, keys that are set. No run is made without them."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.engine.loading import load_workflow
from runner.engine.needs import asked_models, look_for_needs
from runner.engine.run_options import RunOptions
from runner.ground.errors import InvalidWorkflow
from runner.workflow.model import Workflow
from runner.world.providers.scripted import script_of
from tests.acceptance.command_line import wf

OPENAI = {"OPENAI_API_KEY": "sk-of-a-test"}
BOTH = {**OPENAI, "ANTHROPIC_API_KEY": "key-of-a-test"}

HEAD = """
wf: 1
name: needy
models: {fast: openai/gpt-4o-mini, deep: anthropic/claude-sonnet-4-5, odd: opnai/gpt-4o, own: ollama/llama3.2}
agents:
  a: {model: fast}
  b: {model: deep}
  c: {model: fast, fallback: [deep]}
  d: {model: odd}
  e: {model: own}
state: {n: {type: integer, default: 0}}
nodes:
"""

NO_OPENAI = "openai/gpt-4o-mini needs a key: set OPENAI_API_KEY, or run offline: --mock FILE"
NO_ANTHROPIC = "anthropic/claude-sonnet-4-5 needs a key: set ANTHROPIC_API_KEY, or run offline: --mock FILE"
NO_SUCH = "there is no provider 'opnai' (of model 'opnai/gpt-4o'); did you mean 'openai'?"

ASK = "ask: {agent: a, prompt: Hi}"


def needs(tmp_path: Path, nodes: str, environment: dict[str, str], **chosen: str) -> tuple[list[str], list[str]]:
    """The errors, and the warnings."""
    file = tmp_path / "flow.yaml"
    file.write_text(HEAD + "".join(f"  {line}\n" for line in nodes.strip().splitlines()))
    loaded = load_workflow(str(file))
    try:
        return [], [found.message for found in look_for_needs(loaded, RunOptions(chosen), environment)]
    except InvalidWorkflow as error:
        return [problem.message for problem in error.problems], []


CERTAIN = {
    "the start": ASK,
    "after others": "one: {next: two}\ntwo: {next: ask}\nask: {agent: a, prompt: Hi}",
    "whichever way is taken": (
        "one: {next: [{when: state.n > 3, to: two}, {to: ask}]}\ntwo: {next: ask}\nask: {agent: a, prompt: Hi}"
    ),
    "after one whose failure changes nothing": (
        "one: {set: {n: 1}, on_error: continue, next: ask}\nask: {agent: a, prompt: Hi}"
    ),
    "after strays, which end by themselves": (
        "one: {parallel: {x: {if: state.n > 3, end: completed}}, join: none, next: ask}\nask: {agent: a, prompt: Hi}"
    ),
    "in a branch": "fan: {parallel: {x: {agent: a, prompt: Hi}, y: {set: {n: 1}}}}",
    "in the body of a branch": "fan: {parallel: {x: {steps: [{set: {n: 1}}, {agent: a, prompt: Hi}]}, y: {}}}",
    "written in place": "ask: {agent: {model: fast}, prompt: Hi}",
    "by its own model": "ask: {agent: b, model: fast, prompt: Hi}",
    "before a circle is left": (
        "one: {next: ask}\nask: {agent: a, prompt: Hi, next: [{when: visits < 3, to: one}, {to: exit}]}"
    ),
}


@pytest.mark.parametrize("nodes", CERTAIN.values(), ids=CERTAIN)
def test_what_every_way_needs_is_refused_before_the_run(tmp_path: Path, nodes: str) -> None:
    assert needs(tmp_path, nodes, {}) == ([NO_OPENAI], [])
    assert needs(tmp_path, nodes, OPENAI) == ([], [])


POSSIBLE = {
    "behind a condition": "one: {next: [{when: state.n > 3, to: ask}, {to: exit}]}\nask: {agent: a, prompt: Hi}",
    "with a condition of its own": "ask: {if: state.n > 3, agent: a, prompt: Hi}",
    "after a failure": "one: {set: {n: 1}, on_error: ask, next: exit}\nask: {agent: a, prompt: Hi}",
    "whose failure is handled": "ask: {agent: a, prompt: Hi, on_error: two, next: exit}\ntwo: {}",
    "for each of a list that may be empty": "all: {for_each: '[]', do: {agent: a, prompt: Hi}}",
    "in a branch with a condition": "fan: {parallel: {x: {if: state.n > 3, steps: [{agent: a, prompt: Hi}]}, y: {}}}",
    "after a branch that may end the run": (
        "one: {parallel: {x: {if: state.n > 3, end: completed}}, next: ask}\nask: {agent: a, prompt: Hi}"
    ),
    "in a branch whose failure is handled": "fan: {parallel: {x: {agent: a, prompt: Hi}}, on_error: continue}",
    "in a branch that may fail": "fan: {parallel: {x: {agent: a, prompt: Hi}, y: {}}, tolerate: 1}",
    "in a branch that another may make needless": "fan: {parallel: {x: {agent: a, prompt: Hi}, y: {}}, join: any}",
    "in a branch that is left running": "fan: {parallel: {x: {agent: a, prompt: Hi}, y: {}}, join: none}",
    "in a branch that needs another": "fan: {parallel: {x: {needs: [y], agent: a, prompt: Hi}, y: {}}}",
}


@pytest.mark.parametrize("nodes", POSSIBLE.values(), ids=POSSIBLE)
def test_what_only_some_ways_need_is_warned_about(tmp_path: Path, nodes: str) -> None:
    assert needs(tmp_path, nodes, {}) == ([], [NO_OPENAI])


def test_a_model_with_a_fallback_can_be_done_without(tmp_path: Path) -> None:
    asked = "ask: {agent: c, prompt: Hi}"
    assert needs(tmp_path, asked, {}) == ([NO_OPENAI], [])
    assert needs(tmp_path, asked, OPENAI) == ([], [NO_ANTHROPIC])
    assert needs(tmp_path, asked, {"ANTHROPIC_API_KEY": "key-of-a-test"}) == ([], [NO_OPENAI])
    assert needs(tmp_path, asked, BOTH) == ([], [])
    assert needs(tmp_path, "ask: {agent: c, fallback: [], prompt: Hi}", OPENAI) == ([], [])


def test_a_provider_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    asked = "ask: {agent: d, prompt: Hi}"
    assert needs(tmp_path, asked, BOTH) == ([NO_SUCH], [])
    assert needs(tmp_path, asked, BOTH, odd="fast") == ([], [])
    assert needs(tmp_path, ASK, BOTH, fast="bedrock/some-model") == ([], [])
    assert needs(tmp_path, ASK, BOTH, fast="opnai/gpt-4o") == ([NO_SUCH], [])


def test_what_needs_no_key_and_what_nobody_asks_is_not_looked_for(tmp_path: Path) -> None:
    assert needs(tmp_path, "ask: {agent: e, prompt: Hi}", {}) == ([], [])
    assert needs(tmp_path, "one: {set: {n: 1}}", {}) == ([], [])


def test_with_scripted_replies_nothing_is_needed(tmp_path: Path) -> None:
    file = tmp_path / "flow.yaml"
    file.write_text(f"{HEAD}  ask: {{agent: d, prompt: Hi}}\n")
    assert look_for_needs(load_workflow(str(file)), RunOptions(script=script_of({"ask": ["hello"]})), {}) == ()


def test_a_model_in_a_hurry_is_made_ready_before_the_run(tmp_path: Path) -> None:
    file = tmp_path / "flow.yaml"
    bounds = {"a": "20s", "b": "10m", "c": "'{{ inputs.t }}'", "e": None}
    lines = [
        f"  ask_{name}: {{agent: {name}, prompt: Hi{f', timeout: {bound}' if bound else ''}, next: exit}}\n"
        for name, bound in bounds.items()
    ]
    fan = "  fan: {parallel: {" + ", ".join(line.strip().replace(", next: exit", "") for line in lines) + "}}\n"
    file.write_text(HEAD.replace("state:", "inputs: {t: {default: 1h}}\nstate:") + fan)
    root = load_workflow(str(file)).workflow
    assert hurried(root) == {"openai/gpt-4o-mini", "anthropic/claude-sonnet-4-5"}
    assert hurried(root, fast="own", deep="own") == {"ollama/llama3.2"}


def hurried(root: Workflow, **chosen: str) -> set[str]:
    return {model for model, is_in_a_hurry in asked_models(root, chosen).items() if is_in_a_hurry}


def test_a_provider_that_there_is_not_is_warned_of_by_validation_too(tmp_path: Path) -> None:
    file = tmp_path / "flow.yaml"
    file.write_text(HEAD + "  ask: {agent: d, prompt: Hi, next: more}\n  more: {agent: a, prompt: Hi}\n")

    done = wf(tmp_path, "validate", "flow.yaml")

    assert f"warning: {NO_SUCH}" in done.stderr
    assert done.stdout == "flow.yaml: valid, 1 warning\n"


@pytest.mark.parametrize(
    ("model", "variable"),
    [
        ("github/gpt-4o", "GITHUB_API_KEY"),
        ("huggingface/together/deepseek-ai/DeepSeek-R1", "HUGGINGFACE_API_KEY"),
        ("nvidia_nim/meta/llama3-70b", "NVIDIA_NIM_API_KEY"),
        ("watsonx/ibm/granite", "WATSONX_APIKEY"),
    ],
)
def test_the_key_of_every_provider_that_needs_one_is_looked_for(tmp_path: Path, model: str, variable: str) -> None:
    assert needs(tmp_path, ASK, {}, fast=model) == (
        [f"{model} needs a key: set {variable}, or run offline: --mock FILE"],
        [],
    )
