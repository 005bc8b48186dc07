"""Definitions in files of their own: `agents: {judge: {file: shared/judge.yaml}}`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.command_line import wf

FLOW = """
wf: 1
name: sharing
permissions: {python: [shared/tools.py], commands: [printf]}
models: {fast: {file: shared/fast.yaml}}
schemas: {verdict: {file: shared/verdict.json}}
agents: {judge: {file: shared/judge.yaml}}
tools: {count: {file: shared/count.yaml}, shout: {file: shared/shout.yaml}}
nodes:
  n: {tool: count, with: {text: a b}, next: judge}
  judge: {agent: judge, prompt: Judge}
outputs: {said: "{{ nodes.judge.output.score }}", words: "{{ nodes.n.output }}"}
"""

FILES = {
    "flow.yaml": FLOW.lstrip(),
    "mock.yaml": "judge: [{tool_calls: [{tool: shout, with: {text: hi}}]}, {reply: {score: 3}}]\n",
    "shared/fast.yaml": "model: openai/gpt-4o-mini\n",
    "shared/verdict.json": '{"type": "object", "properties": {"score": {"type": "integer"}}, "required": ["score"]}',
    "shared/judge.yaml": (
        "model: fast\ninstructions: {file: prompts/judge.md}\ntools: [count, shout]\noutput_schema: verdict\n"
    ),
    "shared/prompts/judge.md": "You judge.",
    "shared/count.yaml": "python: tools.py:count\n",
    "shared/shout.yaml": 'command: [printf, "%s!", "{{ inputs.text }}"]\ninputs: {text: {type: string}}\n',
    "shared/tools.py": 'def count(text: str) -> int:\n    """Counts words."""\n    return len(text.split())\n',
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for path, text in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def test_what_files_of_their_own_define_is_used_as_if_it_stood_in_the_workflow(project: Path) -> None:
    done = wf(project, "run", "flow.yaml", "--mock", "mock.yaml", "--json")

    assert done.document["outputs"] == {"said": 3, "words": 2}
    logged = wf(project, "logs", "last", "--json").stdout
    assert "You judge." in logged
    assert '"stdout":"hi!"' in logged


def test_a_run_goes_on_with_the_definitions_that_it_began_with(project: Path) -> None:
    (project / "mock.yaml").write_text("{}\n")
    wf(project, "run", "flow.yaml", "--mock", "mock.yaml", code=3)
    for path in FILES:
        if path.startswith("shared"):
            (project / path).unlink()
    (project / "mock.yaml").write_text(FILES["mock.yaml"])

    assert wf(project, "resume", "last", "--mock", "mock.yaml").stdout == "said: 3\nwords: 2\n"


@pytest.mark.parametrize("path", [path for path in FILES if path.startswith("shared")])
def test_each_shared_file_is_part_of_the_definitions_hash(project: Path, path: str) -> None:
    def versions() -> int:
        wf(project, "run", "flow.yaml", "--mock", "mock.yaml")
        return len(wf(project, "workflows", "--json").document)

    assert versions() == 1
    (project / path).write_text(f"{FILES[path]}\n")

    assert versions() == 2


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("shared/judge.yaml", "model: fast\ntoolss: [count]\n", "2:1: error: unknown key 'toolss' in agent 'judge'"),
        ("shared/judge.yaml", "model: fsat\n", "1:8: error: model 'fsat' does not exist; did you mean 'fast'?"),
        ("shared/judge.yaml", "model: fast\ntools: [cuont]\n", "2:9: error: tool 'cuont' does not exist"),
        ("shared/judge.yaml", "model: fast\ntemperature: hot\n", "2:14: error: temperature of agent 'judge': expected"),
        ("shared/judge.yaml", "description: x\n", "1:1: error: agent 'judge' has no model"),
        ("shared/judge.yaml", "model: [fast\n", "1:8: error: this '[' is not closed"),
        ("shared/judge.yaml", "[fast]\n", "1:1: error: agent 'judge': expected a mapping"),
        (
            "shared/judge.yaml",
            "file: other.yaml\n",
            "1:7: error: agents.judge: a shared definition can't name a further",
        ),
        ("shared/prompts/judge.md", "You {{ inputs.x }}", "1:8: error: input 'x' does not exist"),
        ("shared/shout.yaml", 'command: [printf, "{{ inputs.u }}"]\n', "1:23: error: 'inputs.u' is not known to tool"),
        ("shared/shout.yaml", "command: [ls]\n", "1:11: error: program 'ls' is not permitted"),
        ("shared/shout.yaml", "command: [printf]\nenv: [TOKEN]\n", "2:7: error: environment variable 'TOKEN'"),
        ("shared/count.yaml", "python: tools.py:cuont\n", "1:9: error: "),
        ("shared/fast.yaml", "modle: openai/gpt-4o\n", "1:1: error: unknown key 'modle' in model 'fast'"),
        ("shared/verdict.json", '{"type": "objet"}', "1:10: error: "),
        ("flow.yaml", FLOW.lstrip().replace("judge.yaml", "jugde.yaml"), "6:24: error: can't read shared/jugde.yaml"),
        ("flow.yaml", FLOW.lstrip().replace("shared/judge", "../judge"), "6:24: error: '"),
        (
            "flow.yaml",
            FLOW.lstrip().replace("judge.yaml}", "judge.yaml, model: m}"),
            "6:43: error: unknown key 'model'",
        ),
    ],
)
def test_a_mistake_is_told_where_it_stands(project: Path, path: str, text: str, message: str) -> None:
    (project / path).write_text(text)
    (project.parent / "judge.yaml").write_text("model: fast\n")

    done = wf(project, "validate", "flow.yaml", code=2)

    assert f"{path}:{message}" in done.stderr


def test_a_file_outside_the_folder_is_read_only_if_permitted(project: Path) -> None:
    (project.parent / "judge.yaml").write_text("model: fast\n")
    text = FLOW.lstrip().replace("shared/judge", "../judge")
    (project / "flow.yaml").write_text(text)
    assert "is outside the root file's folder" in wf(project, "validate", "flow.yaml", code=2).stderr

    (project / "flow.yaml").write_text(text.replace("permissions: {", 'permissions: {read: [".."], '))

    wf(project, "validate", "flow.yaml")


def test_a_refusal_in_a_shared_file_names_the_workflow_whose_list_lacks_the_entry(project: Path) -> None:
    (project / "shared/shout.yaml").write_text("command: [ls]\n")

    said = wf(project, "validate", "flow.yaml", code=2).stderr

    assert "add it in flow.yaml: permissions: {commands: [printf, ls], python: [shared/tools.py]}" in said


def test_the_run_may_not_write_what_it_shares(project: Path) -> None:
    text = FLOW.replace("permissions: {", "permissions: {write: [.], ").replace(
        "next: judge}", "next: w}\n  w: {write: shared/judge.yaml, content: x, next: judge}"
    )
    (project / "flow.yaml").write_text(text.lstrip())

    error = wf(project, "run", "flow.yaml", "--mock", "mock.yaml", "--json", code=1).document["error"]

    assert error["message"] == "'shared/judge.yaml' may not be written: it is part of the workflow's own definition"


def test_an_agent_of_the_command_line_takes_the_place_of_a_shared_one(project: Path) -> None:
    (project / "own").mkdir()
    (project / "own/me.yaml").write_text("model: fast\ninstructions: {file: me.md}\n")
    (project / "own/me.md").write_text("You are another.")
    (project / "mock.yaml").write_text("judge: [fine]\n")
    flow = FLOW.replace("output.score", "output").lstrip()
    (project / "flow.yaml").write_text(flow)

    wf(project, "run", "flow.yaml", "--agent", "judge=own/me.yaml", "--mock", "mock.yaml")

    assert "You are another." in wf(project, "logs", "last", "--json").stdout
