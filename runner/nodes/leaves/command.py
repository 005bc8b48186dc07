"""`command`: runs a program; argv, each item a template, never a shell."""

from __future__ import annotations

from runner.nodes.contract import Kind, Opened, Perform, View
from runner.nodes.programs import program_call
from runner.workflow.compiler import NodeReader
from runner.workflow.model import Node, Program, Traits


def build(reader: NodeReader) -> Program:
    return reader.program(reader.argv("command"))


def open_(node: Node, view: View) -> Opened:
    program: Program = node.spec
    call = program_call(program, tuple(map(view.text, program.argv)), view.folder, view.text)
    return Perform(call, {"argv": list(call.argv)})


def traits(program: Program) -> Traits:
    return Traits(programs=(program.started("command", 0),))


KIND = Kind(verb="command", is_one_call=True, build=build, open=open_, traits=traits, takes_defaults=True)
