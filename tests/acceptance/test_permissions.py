"""Code is what the author lists, and nothing that a run was given becomes code: as a user meets it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from runner.engine.loading import load_workflow
from runner.engine.run_options import RunOptions
from runner.engine.runs import prepare
from runner.ground.clock import SystemClock
from runner.workflow.inputs import InputsInvalid
from runner.workflow.permissions import Permissions
from tests.acceptance.command_line import wf

ASKED = """
wf: 1
name: asked
permissions: {python: [PYTHON]}
tools: {weigh: {python: "kit/scales.py:weigh"}}
nodes:
  first: {tool: weigh, with: {of: tea}, next: ask}
  ask: {human: {prompt: Go on?, choices: ["yes"]}, next: second}
  second: {tool: weigh, with: {of: salt}}
outputs: {told: ["{{ nodes.first.output }}", "{{ nodes.second.output }}"]}
"""
SCALES = "import units\ndef weigh(of: str) -> str:\n    return f'{of}: 3 {units.NAME}'\n"


def made(folder: Path, listed: str = "kit") -> Path:
    """A flow whose tool has a neighbour."""
    (folder / "kit").mkdir()
    (folder / "flow.yaml").write_text(ASKED.replace("PYTHON", listed))
    (folder / "kit" / "scales.py").write_text(SCALES)
    (folder / "kit" / "units.py").write_text("NAME = 'g'\n")
    return folder


def flow(folder: Path, text: str) -> Path:
    (folder / "flow.yaml").write_text(f"wf: 1\nname: tried\n{text}\n")
    return folder


def error_of(folder: Path, *words: str) -> dict[str, Any]:
    """How a run of the flow fails."""
    error: dict[str, Any] = wf(
        folder, "run", "flow.yaml", "--no-input", "--json", *words, code=1, environment={"OPENAI_API_KEY": "sk-none"}
    ).document["error"]
    return error


def test_a_tool_and_its_neighbour_are_refused_with_the_line_to_add(tmp_path: Path) -> None:
    said = wf(made(tmp_path, "units.py"), "validate", "flow.yaml", code=2).stderr
    assert said == (
        "flow.yaml:5:25: error: Python file 'kit/scales.py' is not permitted\n"
        '  tools: {weigh: {python: "kit/scales.py:weigh"}}\n'
        "                          ^^^^^^^^^^^^^^^^^^^^^\n"
        "  help: add it: permissions: {python: [units.py, kit/scales.py, kit/units.py]}\n"
        "flow.yaml:5:25: error: Python file 'kit/units.py', which tool 'weigh' imports, is not permitted\n"
        '  tools: {weigh: {python: "kit/scales.py:weigh"}}\n'
        "                          ^^^^^^^^^^^^^^^^^^^^^\n"
        "  help: add it: permissions: {python: [units.py, kit/scales.py, kit/units.py]}\n"
    )
    allowed = ("--allow", "python:kit/scales.py", "--allow", "python:kit/units.py")
    wf(tmp_path, "validate", "flow.yaml", *allowed)
    assert wf(tmp_path, "run", "flow.yaml", *allowed, "--answer", "ask=yes", "--json").document["outputs"] == {
        "told": ["tea: 3 g", "salt: 3 g"]
    }


def test_what_may_be_read_may_not_be_run(tmp_path: Path) -> None:
    where = Path(os.__file__).parent
    text = f'permissions: {{READ}}\ntools: {{now: {{python: "{where}/this.py:f"}}}}\nnodes: {{a: {{tool: now}}}}'
    (tmp_path / "kit").mkdir()
    (tmp_path / "kit" / "t.py").write_text("def f(): return 1")
    tried = flow(tmp_path, 'permissions: {read: [.]}\ntools: {t: {python: "kit/t.py:f"}}\nnodes: {a: {tool: t}}')
    assert (
        "help: add it: permissions: {read: [.], python: [kit/t.py]}"
        in wf(tried, "validate", "flow.yaml", code=2).stderr
    )
    text = text.replace("this.py:f", "subprocess.py:getoutput").replace("READ", f'read: ["/"], python: ["{where}"]')
    said = wf(flow(tmp_path, text), "validate", "flow.yaml", code=2).stderr
    assert "belongs to the Python installation, and may not be called by itself" in said


def test_a_run_goes_on_with_the_tools_that_it_began_with(tmp_path: Path) -> None:
    wf(made(tmp_path), "run", "flow.yaml", "--no-input", "--run-id", "r", code=3)
    (tmp_path / "kit" / "scales.py").write_text("def weigh(of: str) -> str:\n    return 'taken over'\n")
    (tmp_path / "kit" / "units.py").unlink()
    said = wf(tmp_path, "answer", "r", "ask", "yes", "--resume", "--no-input", "--json").document
    assert said["outputs"] == {"told": ["tea: 3 g", "salt: 3 g"]}


def test_a_changed_neighbour_of_a_tool_is_a_change_of_the_step_that_called_it(tmp_path: Path) -> None:
    wf(made(tmp_path), "run", "flow.yaml", "--no-input", "--run-id", "r", code=3)
    wf(tmp_path, "resume", "r", "--workflow", "flow.yaml", "--no-input", code=3)
    (tmp_path / "kit" / "units.py").write_text("NAME = 'oz'\n")
    assert "first" in wf(tmp_path, "resume", "r", "--workflow", "flow.yaml", "--no-input", code=2).stderr


def test_an_unrecorded_neighbour_is_named_with_the_line_to_add(tmp_path: Path) -> None:
    (made(tmp_path) / "kit" / "scales.py").write_text(
        "def weigh(of: str) -> str:\n    return __import__('un' + 'its').NAME\n"
    )
    assert error_of(tmp_path)["message"] == (
        "tool 'weigh': ModuleNotFoundError: kit/units.py is not recorded with the workflow, so 'units' can't be "
        "imported; add it: permissions: {python: [kit/units.py]}"
    )
    wf(tmp_path, "run", "flow.yaml", "--no-input", "--allow", "python:kit/units.py", code=3)


OWN = ["flow.yaml", "child.yaml", "ask.md", "kit/scales.py", "kit/units.py", "kit/more.py", "tool"]
HIDDEN = [".git/config", ".wf/config.toml", ".wf/wf.db", "here.db", "here.db-wal", "here.db-turn"]


@pytest.mark.parametrize("path", [*OWN, *HIDDEN])
def test_nothing_that_is_code_is_written(tmp_path: Path, path: str) -> None:
    made(tmp_path)
    (tmp_path / "child.yaml").write_text("wf: 1\nname: child\nnodes: {a: {}}\n")
    (tmp_path / "ask.md").write_text("Well?")
    (tmp_path / "tool").write_text("#!/bin/sh\n")
    (tmp_path / "tool").chmod(0o755)
    flow(
        tmp_path,
        f"permissions: {{write: [.], python: [kit], commands: [./tool]}}\nmodels: {{m: openai/gpt-4o-mini}}\n"
        f"tools: {{weigh: {{python: 'kit/scales.py:weigh'}}}}\n"
        f"nodes:\n  w: {{write: {path}, content: taken over, next: c}}\n  c: {{workflow: child.yaml, next: a}}\n"
        f"  a: {{agent: {{model: m, tools: [weigh]}}, prompt: {{file: ask.md}}, next: p}}\n  p: {{command: [./tool]}}",
    )
    before = (tmp_path / path).read_bytes() if (tmp_path / path).is_file() else b""
    error = error_of(tmp_path, "--db", "here.db")
    assert (error["type"], error["step"]) == ("permission_denied", "w")
    assert error["message"].startswith(f"'{path}' may not be written: ")
    assert not before or (tmp_path / path).read_bytes() == before


CHANGED = """
permissions: {commands: [bin/press, sh], write: [.]}
nodes:
  ask: {human: {prompt: Go on?, choices: ["yes"]}, next: press}
  press: {command: [bin/press]}
outputs: {text: "{{ nodes.press.output.text }}"}
"""


def test_a_program_that_was_overwritten_is_not_started(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    press = tmp_path / "bin" / "press"
    press.write_text("#!/bin/sh\necho as it was\n")
    press.chmod(0o755)
    wf(flow(tmp_path, CHANGED), "run", "flow.yaml", "--no-input", "--run-id", "r", code=3)
    press.write_text("#!/bin/sh\necho taken over\n")
    wf(tmp_path, "resume", "r", "--workflow", "flow.yaml", "--no-input", code=3)
    error = wf(tmp_path, "answer", "r", "ask", "yes", "--resume", "--json", code=1).document["error"]
    assert (error["type"], error["step"]) == ("permission_denied", "press")
    assert "is another than when the run began" in error["message"]
    assert wf(tmp_path, "retry", "r", "--json").document["outputs"] == {"text": "taken over"}


def test_an_imported_run_is_not_held_to_the_programs_of_another_machine(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    press = tmp_path / "bin" / "press"
    press.write_text("#!/bin/sh\necho here\n")
    press.chmod(0o755)
    wf(flow(tmp_path, CHANGED), "run", "flow.yaml", "--no-input", "--run-id", "r", code=3)
    wf(tmp_path, "export", "r", "-o", "r.jsonl")
    press.write_text("#!/bin/sh\necho there\n")
    wf(tmp_path, "import", "r.jsonl", "--db", "other.db")
    said = wf(tmp_path, "answer", "r", "ask", "yes", "--resume", "--db", "other.db", "--json").document
    assert said["outputs"] == {"text": "there"}


SETS = {
    "a node": "permissions: {commands: [env], env: [LIST]}\nnodes: {a: {command: [env], env: {NAME: x}}}",
    "a script": "permissions: {commands: [sh], env: [LIST]}\nnodes: {a: {script: env, env: {NAME: x}}}",
    "a command tool": "permissions: {commands: [env], env: [LIST]}\n"
    "tools: {t: {command: [env], inputs: {}, env: {NAME: x}}}\nnodes: {a: {tool: t}}",
    "a Python tool": "permissions: {python: [t.py], env: [LIST]}\n"
    "tools: {t: {python: 't.py:f', env: {NAME: x}}}\nnodes: {a: {tool: t}}",
}


@pytest.mark.parametrize("where", SETS)
def test_a_loader_variable_is_set_only_if_it_is_listed(tmp_path: Path, where: str) -> None:
    (tmp_path / "t.py").write_text("def f():\n    return 1\n")
    text = SETS[where].replace("LIST", "COLOUR").replace("NAME", "PERL5OPT")
    said = wf(flow(tmp_path, text), "validate", "flow.yaml", code=2).stderr
    assert "environment variable 'PERL5OPT' may not be set: it can make a program run other code\n" in said
    assert "env: [COLOUR, PERL5OPT]" in said.partition("help: add it: permissions: {")[2]
    wf(tmp_path, "validate", "flow.yaml", "--allow", "env:PERL5OPT")
    wf(flow(tmp_path, SETS[where].replace("LIST", "PERL5OPT").replace("NAME", "PERL5OPT")), "run", "flow.yaml")
    own = SETS[where].replace("NAME", "WF_STEP").replace("LIST", "WF_STEP")
    said = wf(flow(tmp_path, own), "validate", "flow.yaml", code=2).stderr
    assert "environment variable 'WF_STEP' is wf's own" in said


TAKEN = "inputs: {shade: {type: string, env: WF_TEST_SHADE, default: grey}}\nnodes: {a: {}}\n" \
    'outputs: {shade: "{{ inputs.shade }}"}'  # fmt: skip


def test_an_input_takes_a_variable_only_if_it_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WF_TEST_SHADE", "red")
    said = wf(flow(tmp_path, TAKEN), "validate", "flow.yaml", code=2).stderr
    assert "flow.yaml:3:37: error: environment variable 'WF_TEST_SHADE' may not be taken\n" in said
    assert "help: add it: permissions: {env: [WF_TEST_SHADE]}" in said
    ran = wf(tmp_path, "run", "flow.yaml", "--allow", "env:WF_TEST_SHADE", "--json").document
    assert ran["outputs"] == {"shade": "red"}


def test_a_run_takes_no_variable_that_is_not_listed(tmp_path: Path) -> None:
    loaded = load_workflow(str(flow(tmp_path, TAKEN) / "flow.yaml"), {"env": ["WF_TEST_SHADE"]})
    narrowed = replace(loaded, workflow=replace(loaded.workflow, permissions=Permissions()))
    environment = {"WF_TEST_SHADE": "red"}
    with pytest.raises(InputsInvalid, match="'shade' may not be taken from the environment variable 'WF_TEST_SHADE'"):
        prepare(narrowed, {}, RunOptions(), environment, SystemClock())
    assert prepare(narrowed, {"shade": "blue"}, RunOptions(), environment, SystemClock()).inputs == {"shade": "blue"}
    assert prepare(narrowed, {}, RunOptions(), {}, SystemClock()).inputs == {"shade": "grey"}


INNER = {
    "commands": ('{command: ["{{ inputs.what }}"]}', "ls", "commands: [echo, ls]"),
    "write": ('{write: "{{ inputs.what }}", content: x}', "taken.txt", ": write: [out, taken.txt]"),
    "read": ('{read: "{{ inputs.what }}"}', "taken.txt", ": read: [out, taken.txt]"),
}


@pytest.mark.parametrize("kind", INNER)
def test_a_refusal_names_the_file_whose_list_lacks_the_entry(tmp_path: Path, kind: str) -> None:
    node, what, line = INNER[kind]
    caller, child = (
        "permissions: {commands: [echo], write: [out], read: [out]}",
        "commands: [ls, echo], write: [.], read: [.]",
    )
    for inner in (child, "commands: [], write: [], read: []"):
        (tmp_path / "inner.yaml").write_text(
            f"wf: 1\nname: inner\npermissions: {{{inner}}}\n"
            f"inputs: {{what: {{type: string, default: {what}}}}}\nnodes: {{a: {node}}}\n"
        )
        message = error_of(flow(tmp_path, f"{caller}\nnodes: {{a: {{workflow: inner.yaml}}}}"))["message"]
        assert "of flow.yaml" in message
        assert line in message
        assert ("of inner.yaml" in message) == (inner != child)


def test_a_mistake_in_a_child_names_the_callers_file(tmp_path: Path) -> None:
    (tmp_path / "inner.yaml").write_text(
        "wf: 1\nname: inner\npermissions: {commands: [env, ls], env: [TOKEN], python: [t.py]}\n"
        "tools: {t: {python: 't.py:f'}}\nnodes:\n  a: {command: [ls], env: [TOKEN], next: b}\n  b: {tool: t}\n"
    )
    (tmp_path / "t.py").write_text("def f():\n    return 1\n")
    said = wf(
        flow(tmp_path, "permissions: {}\nnodes: {a: {workflow: inner.yaml}}"), "validate", "flow.yaml", code=2
    ).stderr
    lines = [line for line in said.splitlines() if line.startswith("  help")]
    assert lines == ["  help: add it in flow.yaml: permissions: {commands: [ls], env: [TOKEN], python: [t.py]}"] * 3


def test_a_childs_python_tool_runs_only_if_every_caller_lists_it(tmp_path: Path) -> None:
    (tmp_path / "weighing.py").write_text("def weigh():\n    return 'three grams'\n")
    (tmp_path / "inner.yaml").write_text(
        "wf: 1\nname: inner\npermissions: {python: [weighing.py, other.py]}\n"
        "tools: {t: {python: 'weighing.py:weigh'}}\nnodes: {a: {tool: t}}\n"
        'outputs: {said: "{{ nodes.a.output }}"}\n'
    )
    calls = 'nodes: {a: {workflow: inner.yaml}}\noutputs: {said: "{{ nodes.a.output.said }}"}'
    said = wf(flow(tmp_path, f"permissions: {{python: [other.py]}}\n{calls}"), "run", "flow.yaml", code=2).stderr
    assert "Python file 'weighing.py' is not permitted" in said
    assert "help: add it in flow.yaml: permissions: {python: [other.py, weighing.py]}" in said
    ran = wf(flow(tmp_path, f"permissions: {{python: [weighing.py]}}\n{calls}"), "run", "flow.yaml", "--json")
    assert ran.document["outputs"] == {"said": "three grams"}


@pytest.mark.parametrize("name", ["site-packages", "dist-packages"])
def test_an_installed_package_of_another_python_is_no_tool_though_its_folder_is_listed(
    tmp_path: Path, name: str
) -> None:
    installed = tmp_path / "old" / "lib" / name
    installed.mkdir(parents=True)
    (installed / "weighing.py").write_text("def weigh():\n    return 1\n")
    text = f"permissions: {{python: [.]}}\ntools: {{t: {{python: 'old/lib/{name}/weighing.py:weigh'}}}}\n"
    said = wf(flow(tmp_path, f"{text}nodes: {{a: {{tool: t}}}}"), "validate", "flow.yaml", code=2).stderr
    assert "belongs to the Python installation, and may not be called by itself" in said


PASTED = """wf: 1
name: pasted
{permissions}
inputs: {{k: {{type: string, env: WF_TEST_KEY, default: ""}}}}
tools: {{t: {{python: "my tools/t.py:f"}}}}
nodes:
  a: {{command: ["true"], env: [WF_TEST_KEY, {{LD_PRELOAD: x}}], next: b}}
  b: {{command: ["./run [1]"], cwd: app, next: c}}
  c: {{script: ":", next: d}}
  d: {{tool: t, next: e}}
  e: {{workflow: child.yaml}}
"""


@pytest.mark.parametrize(
    "permissions", ["", "permissions: {write: ['out, too'], read: [docs, ./app], network: ['*.example.org'], env: []}"]
)
def test_the_help_of_any_refusal_makes_the_file_right_when_it_is_pasted(tmp_path: Path, permissions: str) -> None:
    (tmp_path / "my tools").mkdir()
    (tmp_path / "my tools" / "t.py").write_text("def f():\n    return 1\n")
    child = "wf: 1\nname: child\npermissions: {commands: [cat]}\nnodes: {a: {command: [cat]}}\n"
    (tmp_path / "child.yaml").write_text(child)
    (tmp_path / "f.yaml").write_text(PASTED.format(permissions=permissions))
    lines = wf(tmp_path, "validate", "f.yaml", code=2).stderr.splitlines()
    hints = {line.partition("permissions: ")[2] for line in lines if line.startswith("  help: add it")}
    assert len(hints) == 1
    assert str(tmp_path) not in str(hints)
    (tmp_path / "f.yaml").write_text(PASTED.format(permissions=f"permissions: {hints.pop()}"))
    wf(tmp_path, "validate", "f.yaml")


def test_a_child_may_do_what_its_callers_list_has_as_well(tmp_path: Path) -> None:
    child = "wf: 1\nname: child\npermissions: {commands: [cat, ls]}\ninputs: {p: {type: string}}\n"
    (tmp_path / "child.yaml").write_text(child + 'nodes: {a: {command: ["{{ inputs.p }}", /dev/null]}}\n')
    head = "wf: 1\nname: caller\npermissions: {commands: [cat, wc]}\ninputs: {p: {type: string}}\n"
    caller = head + 'nodes: {a: {workflow: child.yaml, with: {p: "{{ inputs.p }}"}}}\n'
    (tmp_path / "f.yaml").write_text(caller)
    wf(tmp_path, "run", "f.yaml", "-i", "p=cat")
    for program, file in (("ls", "f.yaml: commands: [cat, wc, ls]"), ("wc", "child.yaml: commands: [cat, ls, wc]")):
        error = wf(tmp_path, "run", "f.yaml", "-i", f"p={program}", "--json", code=1).document["error"]
        inner = error["details"]["error"]
        assert inner["type"] == "permission_denied"
        assert inner["message"].endswith(f"add it under permissions of {file}")
