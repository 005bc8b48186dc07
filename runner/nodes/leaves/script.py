"""`script`: runs text by a shell. The text is not a template: values reach it by `env:` or `stdin:`."""

from __future__ import annotations

import re

import msgspec

from runner.ground.errors import TemplateError
from runner.nodes.contract import Kind, Opened, Perform, Shape, View
from runner.nodes.programs import program_call
from runner.workflow.compiler import ROOT_NAMES, NodeReader
from runner.workflow.model import Node, Program, Traits

SHELL = ("sh", "-e")
"""What runs a text unless `shell` says otherwise: it stops at the first line that fails."""


class ScriptSpec(msgspec.Struct, frozen=True):
    """The text, verbatim, and the program that runs it, by the words of `shell`."""

    text: str
    shell: tuple[str, ...]
    program: Program


def build(reader: NodeReader) -> ScriptSpec:
    text = reader.get("script")
    if found := _of_ours([*ROOT_NAMES, *reader.variables]).search(text):
        hint = 'a script is not a template: give the value by `env:` and use it as "$NAME", or by `stdin:`'
        name = found["name"]
        words = f"'{{{{ {name}' is not filled in here"
        reader.language(TemplateError(words, found.start(), hint, found.end("name") - found.start()), "script")
    return ScriptSpec(text, tuple(reader.get("shell", default=SHELL)), reader.program(()))


def _of_ours(names: list[str]) -> re.Pattern[str]:
    """What looks like a template of this workflow, and not like one of another program: `{{ index .Labels 0 }}`."""
    used = r"\.\w|\[|\s*(?:-?\}\}|[-|+*/~=!<>%])"
    return re.compile(rf"\{{\{{-?\s*(?P<name>{'|'.join(map(re.escape, names))})(?:{used})")


def open_(node: Node, view: View) -> Opened:
    spec: ScriptSpec = node.spec
    call = program_call(spec.program, (*spec.shell, "-c", spec.text), view.folder, view.text)
    shell = {} if spec.shell == SHELL else {"shell": list(spec.shell)}
    return Perform(call, {"script": spec.text, **shell})


def traits(spec: ScriptSpec) -> Traits:
    place = ("script",) if spec.shell == SHELL else ("shell", 0)
    return Traits(programs=(spec.program.started(*place, by=spec.shell[0]),))


KIND = Kind(verb="script", build=build, open=open_, traits=traits, takes_defaults=True, shape=Shape(argument=False))
