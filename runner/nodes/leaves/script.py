"""`script`: runs text by a shell. The text is not a template: values reach it by `env:` or `stdin:`."""

from __future__ import annotations

import re
from pathlib import PurePath

import msgspec

from runner.ground.errors import TemplateError
from runner.nodes.contract import Kind, Opened, Perform, Shape, View
from runner.nodes.programs import program_call
from runner.workflow.compiler import ROOT_NAMES, NodeReader
from runner.workflow.model import Node, Program, Traits

SHELL = ("sh", "-e")
"""What runs a text unless `shell` says otherwise: it stops at the first line that fails."""


_BY_C = re.compile(r"(?:ba|da|z|k|fi)?sh|python[0-9.]*|pypy[0-9.]*|pwsh")
"""The programs that run a text given by `-c`, as `shell` does."""


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
    shell = tuple(reader.get("shell", default=SHELL))
    _check_first_line(reader, text, shell)
    return ScriptSpec(text, shell, reader.program(()))


def _check_first_line(reader: NodeReader, text: str, shell: tuple[str, ...]) -> None:
    """Tell of a first line that names another program: it is not heeded."""
    named = _interpreter(text)
    if not named or named[0] == PurePath(shell[0]).name:
        return
    form = f"shell: [{', '.join(named)}]"
    hint = f"write {form} beside it" if _BY_C.fullmatch(named[0]) else f"put it in a file: command: [{named[0]}, FILE]"
    words = f"the first line names {named[0]}, and {' '.join(shell)} runs this text"
    reader.warn(words, "script", hint=hint, rule="shell")


def _interpreter(text: str) -> list[str]:
    """The program that a first line `#!…` names, without its folder, and its options."""
    line = text.partition("\n")[0]
    program, *options = line.removeprefix("#!").split() if line.startswith("#!") else [""]
    if PurePath(program).name == "env":
        words = [word for word in options if not word.startswith("-") and "=" not in word]
        program, options = (words[0], options[options.index(words[0]) + 1 :]) if words else ("", [])
    return [PurePath(program).name, *options] if program else []


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


KIND = Kind(
    verb="script",
    is_one_call=True,
    build=build,
    open=open_,
    traits=traits,
    takes_defaults=True,
    shape=Shape(argument=False),
)
