"""The call of a program, for nodes and for tools."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from runner.language.template import Template
from runner.workflow.model import Program
from runner.world.calls import CommandCall


def program_call(program: Program, argv: tuple[str, ...], folder: str, text: Callable[[Template], str]) -> CommandCall:
    """The call of a program with a rendered argv; `text` renders the rest."""
    return CommandCall(
        argv,
        str(Path(folder, text(program.cwd))),
        {name: text(value) for name, value in program.env.items()},
        program.pass_env,
        text(program.stdin),
        program.ok_exit,
        program.parse,
        None if program.output_schema is None else dict(program.output_schema),
    )
