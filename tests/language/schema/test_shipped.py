"""The shipped schemas: valid, complete, and of one mind with what `wf validate` says."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry

from runner.ground import resources
from runner.ground.errors import ErrorType, InvalidWorkflow
from runner.language.schema import VERBS, bundle, check_schema, check_workflow
from runner.language.schema.shipped import union
from runner.language.source import Source, parse
from tests.mistakes import cases

VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1.5,
    "x",
    [],
    ["x", "x"],
    [{}],
    {},
    {"a": 5},
    {"a": {}},
    {"a": ["x"]},
)
FULL = """\
wf: 1
name: full
title: All there is
version: 1.0.0
description: Every key once.
inputs:
  report: {type: string, description: Path of the report}
  token: {type: string, secret: true, env: GITHUB_TOKEN, default: ""}
  level: {schema: level, default: low}
state:
  count: {type: integer, default: 0, reducer: add}
  best: {type: object, default: {}, reducer: {max_by: score}}
models:
  fast: openai/gpt-4o-mini
  smart: {model: anthropic/claude-sonnet-4-5, temperature: 0, max_reply_tokens: 4096}
defaults:
  model: fast
  timeout: 2m
  retry: {max_attempts: 3, initial_interval: 1s, backoff: 2, max_interval: 30s, jitter: true, errors: [timeout]}
limits: {max_steps: 500, timeout: 30m, max_concurrency: 8, max_depth: 10}
permissions: {commands: [git], read: [.], write: [out], python: [tools.py], network: [], env: [GITHUB_TOKEN]}
schemas:
  level: {enum: [low, high]}
agents:
  triager:
    model: fast
    fallback: [smart]
    description: Judges
    instructions: {file: prompts/triage.md}
    tools: [count]
    output_schema: level
    temperature: 0.5
    max_reply_tokens: 100
tools:
  count: {python: "./tools.py:count", description: Counts}
  search: {command: [rg, "{{ inputs.x }}"], inputs: {x: {type: string}}, description: Finds, env: [HOME], parse: lines}
start: ask
nodes:
  ask:
    title: Ask
    if: inputs.level == 'high'
    agent: triager
    prompt: Hi
    instructions: Be short
    model: smart
    fallback: [fast]
    output_schema: {type: object, properties: {a: {type: [string, 'null']}}, required: [a]}
    tools: []
    temperature: 1
    max_reply_tokens: 10
    set: {count: 1}
    reset: [best]
    retry: {max_attempts: 2}
    timeout: 1h30m
    on_error: [{when: error.type == 'timeout', to: run}, {to: exit}]
    max_visits: 3
    on_crash: fail
    next: [{when: output.a == null, to: run}, {to: inline}]
  inline: {agent: {model: fast, instructions: Hi}, prompt: {file: p.md}, on_error: continue, next: run}
  run:
    command: [git, log]
    env: {A: "{{ inputs.report }}"}
    stdin: x
    cwd: sub
    ok_exit: [0, 1]
    parse: json
    next: shell
  shell: {script: "echo $A", env: [GITHUB_TOKEN], next: call}
  call: {tool: count, with: {a: [1, "{{ state.count }}"]}, next: load}
  load: {read: "*.md", next: store}
  store: {write: out/x.md, content: "{{ nodes.load.output }}", next: person}
  person: {human: {prompt: Go?, choices: ["yes", 2, true], otherwise: "no"}, timeout: 24h, next: form}
  form: {human: {prompt: Fill, schema: {type: object}}, next: free}
  free: {human: {prompt: Say}, next: fan}
  fan:
    parallel:
      a: {command: [ls]}
      b: {if: state.count > 1, needs: [a], nodes: {x: {}}, start: x}
      c: {steps: [{id: one}, {if: false}], needs: [a]}
    join: 2
    tolerate: 10%
    complete_when: size(results) > 1
    cancel_rest: false
    max_concurrency: 2
    next: each
  each: {for_each: state.items, as: file, do: {read: "{{ file }}"}, sequential: true, join: any, next: list}
  list: {for_each: [1, 2], do: {steps: [{}]}, tolerate: 1, next: child}
  child: {workflow: "pattern:x", with: {a: 1}, agents: {writer: triager, other: {model: fast}}, next: pause}
  pause: {wait: {for: "{{ state.delay }}"}, next: until}
  until: {wait: {until: 2030-01-31T09:00:00+01:00}, next: nothing}
  nothing: {}
  stop: {end: failed, message: No}
outputs: {count: "{{ state.count }}", all: {a: [1]}}
rescue: {steps: [{end: completed}]}
finally: {command: [rm]}
"""


EDITOR = Draft202012Validator(bundle(), registry=Registry())


def examples(schema: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Each example that a shipped schema shows, with the schema that shows it."""
    if isinstance(schema, dict):
        for example in schema.get("examples", []) if isinstance(schema.get("examples"), list) else []:
            yield path, schema, example
        for key, inner in schema.items():
            if key not in ("examples", "const", "enum", "default"):
                yield from examples(inner, f"{path}/{key}")
    elif isinstance(schema, list):
        for position, inner in enumerate(schema):
            yield from examples(inner, f"{path}/{position}")


def accepts(source: Source) -> bool:
    """Whether an editor that knows nothing but the bundle takes the file."""
    return bool(EDITOR.is_valid(source.data))


def test_a_file_with_every_key_is_accepted() -> None:
    assert check_workflow(parse(FULL, "f.yaml")).problems == []


def test_the_smallest_file_is_accepted() -> None:
    assert check_workflow(parse("wf: 1\nname: smallest\nnodes:\n  only: {}\n", "f.yaml")).problems == []


def test_the_bundle_is_a_valid_schema_that_refers_to_nothing_outside() -> None:
    Draft202012Validator.check_schema(bundle())
    references = [line for line in json.dumps(bundle(), indent=1).splitlines() if '"$ref":' in line]
    assert references
    assert all('"$ref": "#/' in line for line in references if '"$ref": {' not in line)


@pytest.mark.parametrize(("text", "said"), cases(Path(__file__).parent / "mistakes.txt"))
def test_an_editor_refuses_what_we_refuse(text: str, said: str) -> None:
    is_whole_fraction = "expected a whole number, got the number 2.0" in said  # which JSON Schema takes as an integer
    assert accepts(parse(text, "f.yaml")) == is_whole_fraction


@pytest.mark.parametrize("removed", FULL.splitlines()[21:])
def test_an_editor_and_we_agree_when_a_line_is_missing(removed: str) -> None:
    try:
        source = parse(FULL.replace(f"{removed}\n", "", 1), "f.yaml")
    except InvalidWorkflow:
        return
    assert accepts(source) == (check_workflow(source).problems == [])


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    for step, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from paths(item, (*path, step))


WHOLE = parse(FULL, "f.yaml").data
PATHS = list(paths(WHOLE))[1:]


@given(st.sampled_from(PATHS), st.sampled_from(VALUES), st.booleans())
def test_an_editor_and_we_agree_about_a_changed_file(
    path: tuple[Any, ...], value: Any, under_another_key: bool
) -> None:
    changed = copy.deepcopy(WHOLE)
    parent = changed
    for step in path[:-1]:
        parent = parent[step]
    if under_another_key and isinstance(parent, dict):
        parent[f"{path[-1]}x"] = parent.pop(path[-1])
    else:
        parent[path[-1]] = value
    source = parse(json.dumps(changed), "f.json")
    problems = check_workflow(source).problems
    assert accepts(source) == (problems == [])
    assert all(problem.place and problem.message for problem in problems)


def test_every_kind_of_node_has_a_file_and_a_place_in_the_chain() -> None:
    files = {path.stem for path in (resources.data("schemas") / "nodes").glob("*.json")}
    assert files == {*VERBS, "none"}
    chain, link = [], bundle()["$defs"]["node"]["$defs"]["verb"]
    while "if" in link:
        [verb] = link["if"]["required"]
        assert link["then"] == {"$ref": f"#/$defs/{verb}"}
        chain.append(verb)
        link = link["else"]
    assert tuple(chain) == VERBS
    assert link == {"$ref": "#/$defs/none"}


def test_the_file_for_editors_is_the_union_of_all_kinds() -> None:
    written = json.loads((resources.data("schemas") / "verb.json").read_text(encoding="utf-8"))
    assert {key: part for key, part in written.items() if key not in ("$schema", "title")} == union()


def test_the_types_of_errors_are_those_of_the_code() -> None:
    assert tuple(bundle()["$defs"]["common"]["$defs"]["error_type"]["enum"]) == get_args(ErrorType)


@pytest.mark.parametrize(("path", "schema", "example"), list(examples(bundle())), ids=lambda value: str(value)[:60])
def test_every_example_fits_the_schema_that_shows_it(path: str, schema: dict[str, Any], example: Any) -> None:
    whole = {**schema, "$defs": bundle()["$defs"]}
    errors = [error.message for error in Draft202012Validator(whole, registry=Registry()).iter_errors(example)]
    assert errors == [], path


def test_every_property_says_what_it_is_for() -> None:
    """By itself, or by what it refers to: editors show it."""
    root = bundle()

    def described(schema: Any) -> bool:
        if "description" in schema or "title" in schema or "const" in schema:
            return True
        if "$ref" not in schema:
            return False
        target: Any = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return described(target)

    silent = []
    for name, document in {"workflow": root, **root["$defs"]}.items():
        silent += [f"{name}.{key}" for key, schema in document.get("properties", {}).items() if not described(schema)]
    assert silent == ["human.human", "wait.wait"]


def test_the_metaschema_is_no_laxer_than_the_official_one() -> None:
    for keyword in bundle()["$defs"]["json-schema"]["$defs"]["keywords"]["properties"]:
        for value in VALUES:
            if Draft202012Validator(Draft202012Validator.META_SCHEMA).is_valid({keyword: value}):
                continue
            assert check_schema({keyword: value}), (keyword, value)


def test_no_key_stands_twice_in_a_shipped_schema() -> None:
    """The second would silently take the place of the first."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(pairs)) == len(pairs), [key for key, _ in pairs]
        return dict(pairs)

    for path in resources.data("schemas").rglob("*.json"):
        assert json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=once)
