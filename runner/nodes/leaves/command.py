"""`command`: runs a program; argv, each item a template, never a shell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from runner.language.template import Template
from runner.nodes.contract import Kind, Opened, Perform, View
from runner.workflow.compiler import NodeReader
from runner.workflow.model import Node, Program, Traits
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
    )


def build(reader: NodeReader) -> Program:
    return reader.program(reader.argv("command"))


def open_(node: Node, view: View) -> Opened:
    program: Program = node.spec
    call = program_call(program, tuple(map(view.text, program.argv)), view.folder, view.text)
    return Perform(call, {"argv": list(call.argv)})


def traits(program: Program) -> Traits:
    return Traits(programs=(program.started("command", 0),))


KIND = Kind(verb="command", build=build, open=open_, traits=traits, takes_defaults=True)
