"""Starting up: what a short command takes, beside importing the packages that it stands on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measuring import Row, Target, Way, cost_ratio, interleave, milliseconds, stopwatch

ROUNDS = 15
LANGUAGE = "click, ruamel.yaml, jsonschema, lark, jinja2"
ONE = "wf: 1\nname: one\nstate: {i: {type: integer, default: 0}}\nnodes:\n  only:\n    set: {i: 1}\n"
DOOR = "from runner.cli import main; main()"

ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""Without compiled modules kept, a start would be as long as compiling takes."""


def thirty() -> str:
    """Thirty nodes: commands with templates, state, and conditions on every route."""
    node = """\
  n{here}:
    command: [echo, "{{{{ state.i }}}}"]
    set: {{i: "{{{{ state.i + 1 }}}}"}}
    next: [{{when: 'state.i > {here}', to: n{there}}}, {{to: exit}}]
"""
    head = "wf: 1\nname: thirty\npermissions: {commands: [echo]}\nstate: {i: {type: integer, default: 0}}\nnodes:\n"
    return head + "".join(node.format(here=n, there=n + 1) for n in range(29)) + "  n29: {}\n"


def process(arguments: Sequence[str], folder: str) -> float:
    """How long a fresh interpreter takes."""
    environment = {**ENVIRONMENT, "PYTHONPATH": str(Path.cwd())}
    with stopwatch() as taken:
        subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, check=True)
    return taken()


def rows() -> Iterator[Row]:
    """The help, a validation, a run: each beside its imports."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "thirty.yaml").write_text(thirty(), encoding="utf-8")
        (Path(folder) / "one.yaml").write_text(ONE, encoding="utf-8")
        commands = {
            "import click": ["-c", "import click"],
            "import the language's": ["-c", f"import {LANGUAGE}"],
            "import all": ["-c", f"import {LANGUAGE}, sqlite_utils, asyncio"],
            "help": ["-c", DOOR, "--help"],
            "validate": ["-c", DOOR, "validate", "thirty.yaml"],
            "run": ["-c", DOOR, "run", "one.yaml"],
        }
        ways: dict[str, Way] = {name: partial(process, words, folder) for name, words in commands.items()}
        interleave(ways, 1)
        costs = interleave(ways, ROUNDS)
    compared = (
        ("wf --help", "help", "import click", 1.5),
        ("wf validate, 30 nodes", "validate", "import the language's", 1.3),
        ("wf run, one set node", "run", "import all", 1.3),
    )
    for what, ours, peer, most in compared:
        shown = f"imports {milliseconds(costs[peer])}"
        yield Row(what, milliseconds(costs[ours]), shown, cost_ratio(costs, ours, peer), Target(most=most))
