"""Help teaches by example, and every example runs; the shell completes what is typed."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from runner.cli import COMMANDS, root
from tests.acceptance.command_line import process, wf, write

APPROVAL = """
wf: 1
name: bug-triage
inputs: {token: {type: string, secret: true, env: TOKEN, default: ""}}
permissions: {env: [TOKEN]}
state: {severity: {type: string, enum: [low, high], default: high}}
models: {fast: openai/gpt-4o-mini}
agents: {writer: {model: fast}}
nodes:
  all:
    parallel:
      approve:
        nodes:
          approve:
            human: {prompt: Ship?, choices: ["yes", "no"]}
            next: [{when: 'output == "no"', to: approve}, {to: exit}]
      form: {human: {prompt: Who?, schema: {type: object, properties: {name: {type: string}, age: {type: integer}}}}}
      offset: {human: {prompt: By?, choices: [-1, 0, 1]}}
      deploy: {wait: {signal: deployed}}
    next: write
  write: {agent: writer, prompt: x}
"""
SETTINGS = {"TOKEN": "s3cret-w0rd", "OPENAI_API_KEY": ""}

NEEDS_MORE = {"pause": "a run that is alive", "retry": "a model", "mcp": "a server that was used"}
"""Commands whose examples need what is not at hand here; that they can be read is tested all the same."""


def examples() -> Iterator[tuple[str, str]]:
    """Every example of every help, with its command."""
    context = click.Context(root)
    for name, command in (("wf", root), *((name, root.get_command(context, name)) for name in COMMANDS)):
        assert command is not None
        assert command.epilog, f"the help of {name} has no examples"
        for line in command.epilog.splitlines():
            if line.startswith("  ") and not line.lstrip().startswith("#") and "wf " in line:
                yield name, line.strip()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that the examples name; the last run waits for three people and a signal."""
    folder = tmp_path_factory.mktemp("examples")
    wf(folder, "init")
    (folder / "flows").mkdir()
    shutil.copy(folder / "flow.yaml", folder / "flows")
    write(folder, "inputs.json", '{"topic": "tea"}')
    write(folder, "token.txt", "s3cret-w0rd\n")
    write(folder, "context.json", '{"h": 1, "state": {"score": 0.9, "tags": ["a"]}}')
    write(folder, "more.yaml", "writer: [Done.]\n")
    write(folder, "poet.yaml", "model: fast\ninstructions: Rhyme.\n")
    write(folder, "approval.yaml", APPROVAL)
    write(folder, "changed.yaml", APPROVAL.replace("prompt: x", "prompt: y"))
    write(
        folder, "used.yaml", 'wf: 1\nname: used\npermissions: {commands: ["true"]}\nnodes: {a: {command: ["true"]}}\n'
    )
    wf(folder, "run", "flow.yaml", "-i", "topic=tea", "--mock", "flow.mock.yaml", "--quiet")
    wf(folder, "export", "last", "--cassette", "-o", "tape.yaml")
    wf(folder, "run", "used.yaml")  # leaves a row in the audit trail
    for run in ("0mwt7", "0mwsi", "0zzzz"):
        flow = "changed.yaml" if run == "0mwt7" else "approval.yaml"
        wf(
            folder,
            "run",
            flow,
            "--run-id",
            run,
            "--no-input",
            "--quiet",
            code=3,
            environment={**SETTINGS, "OPENAI_API_KEY": "sk-of-a-test"},
        )
    write(folder, "setting.yaml", "wf: 1\nname: setting\nnodes: {a: {}}\n")
    wf(folder, "run", "setting.yaml", "--run-id", "elsewhere", "--db", "elsewhere.db")
    wf(folder, "export", "elsewhere", "--db", "elsewhere.db", "-o", "run.jsonl")
    return folder


def typed(example: str) -> tuple[list[str], str]:
    """What an example gives to `wf`: words, and stdin. Where its output goes does not matter."""
    said, _, command = example.rpartition("wf ") if example.startswith("echo") else ("", "", example[3:])
    words = shlex.split(command, comments=True)
    ends = [words.index(sign) for sign in (">", ">>", "|") if sign in words]
    return words[: min(ends, default=None)], " ".join(shlex.split(said)[1:-1])


def fitted(words: list[str], folder: Path) -> list[str]:
    """The words with checkpoints and versions that are there, and with the files that a pattern stands for."""
    checkpoints = wf(folder, "checkpoints", "last", "--json").document
    versions = [row["hash"] for row in wf(folder, "workflows", "--json").document]
    head = wf(folder, "audit", "verify", "--json").document["head"]
    fitting = []
    for word in words:
        noted = head if word == "42:9f86d081" else word
        at_checkpoint = re.sub(r"@(42|57)$", f"@{checkpoints[-1]['seq']}", noted)
        fit = re.sub(r"@(1f3a|9c04)$", lambda found: f"@{versions[found.group(1) == '1f3a']}", at_checkpoint)
        fitting += [str(path) for path in folder.glob(fit)] if "/*" in fit else [fit]
    return fitting


EXAMPLES = tuple(examples())


@pytest.mark.parametrize(("command", "example"), EXAMPLES, ids=[example for _, example in EXAMPLES])
def test_every_example_runs(prepared: Path, tmp_path: Path, command: str, example: str) -> None:
    folder = shutil.copytree(prepared, tmp_path / "copy")
    words, stdin = typed(example)
    if command in NEEDS_MORE:
        root.make_context("wf", words)
        return
    for name in ("flow.yaml", "flow.mock.yaml") if words[0] == "init" else ():
        (folder / name).unlink()
    done = wf(folder, *fitted(words, folder), code=None, stdin=stdin, environment=SETTINGS)
    has_no_key = done.code in {1, 2} and "set OPENAI_API_KEY" in done.stderr
    assert done.code in {0, 3} or has_no_key, f"{example}: exit {done.code}\n{done.stdout}{done.stderr}"


def test_the_help_of_all_lists_every_command_with_its_purpose(tmp_path: Path) -> None:
    said = wf(tmp_path, "--help").stdout
    assert [name for name, purpose in COMMANDS.items() if purpose not in said] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_that_says_what_its_options_do(tmp_path: Path, command: str) -> None:
    made = root.get_command(click.Context(root), command)
    assert made is not None
    assert made.help
    silent = [option.name for option in made.params if isinstance(option, click.Option) and not option.help]
    assert silent == []
    assert wf(tmp_path, command, "-h").stdout.startswith(f"Usage: wf {command}")


def test_the_contracts_options_of_run_and_resume_are_there() -> None:
    def options(name: str) -> set[str]:
        command = root.get_command(click.Context(root), name)
        assert command is not None
        return {flag for option in command.params for flag in option.opts}

    run = {"-i", "--inputs", "--model", "--agent", "--allow", "--mock", "--answer", "--no-input", "--run-id", "--json"}
    assert options("run") >= run | {"--events", "--quiet", "--wait-limit", "--db", "--durability", "--concurrency"}
    assert options("resume") >= {"--json", "--no-input", "--model"}


def completed(folder: Path, line: str) -> set[str]:
    """What bash offers at the end of a line."""
    words = line.split(" ")
    typed = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1), "_WF_COMPLETE": "bash_complete"}
    done = process(folder, env={**os.environ, **SETTINGS, **typed})
    return {offered.partition(",")[2] for offered in done.stdout.split()}


def test_the_shell_completes_commands_options_files_patterns_runs_and_steps(prepared: Path) -> None:
    assert completed(prepared, "wf re") >= {"resume"}
    assert completed(prepared, "wf run --no") == {"--no-input"}
    assert completed(prepared, "wf run pattern:rev") == {"pattern:review-refine"}
    assert completed(prepared, "wf resume 0mw") == {"0mwsi", "0mwt7"}
    assert completed(prepared, "wf answer last all/f") == {"all/form"}
    done = process(
        prepared,
        env={**os.environ, "COMP_WORDS": "wf run fl", "COMP_CWORD": "2", "_WF_COMPLETE": "bash_complete"},
    )
    assert done.stdout == "file,fl\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_of_a_shell_names_the_command(tmp_path: Path, shell: str) -> None:
    assert "_WF_COMPLETE" in process(tmp_path, "completion", shell).stdout
