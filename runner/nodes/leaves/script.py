"""`script`: runs text by `sh`. The text is not a template: values reach it by `env:` or `stdin:`."""

from __future__ import annotations

import msgspec

from runner.ground.errors import TemplateError
from runner.nodes.contract import Kind, Opened, Perform, Shape, View
from runner.nodes.leaves.command import program_call
from runner.workflow.compiler import NodeReader
from runner.workflow.model import Node, Program, Traits

SHELL = "sh"


class ScriptSpec(msgspec.Struct, frozen=True):
    """The text, verbatim, and the program that runs it."""

    text: str
    program: Program


def build(reader: NodeReader) -> ScriptSpec:
    text = reader.get("script")
    if "{{" in text:
        hint = 'a script is not a template: give the value by `env:` and use it as "$NAME", or by `stdin:`'
        reader.language(TemplateError("a script can't hold '{{'", text.index("{{"), hint, 2), "script")
    return ScriptSpec(text, reader.program(()))


def open_(node: Node, view: View) -> Opened:
    spec: ScriptSpec = node.spec
    call = program_call(spec.program, (SHELL, "-c", spec.text), view.folder, view.text)
    return Perform(call, {"script": spec.text})


def traits(spec: ScriptSpec) -> Traits:
    return Traits(programs=(spec.program.started("script", by=SHELL),))


KIND = Kind(verb="script", build=build, open=open_, traits=traits, takes_defaults=True, shape=Shape(argument=False))
