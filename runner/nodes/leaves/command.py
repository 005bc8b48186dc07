"""`command`: runs a program; argv, each item a template, never a shell."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from runner.calls import CommandCall
from runner.compiler import NodeReader
from runner.model import Node
from runner.nodes.contract import Kind, Opened, Perform, View
from runner.template import Template

SHELL = "sh"


class ProgramSpec(msgspec.Struct, frozen=True):
    """A program and its surroundings. `env` sets variables by template; `pass_env` passes wf's own on."""

    argv: tuple[Template, ...]
    env: Mapping[str, Template]
    pass_env: tuple[str, ...]
    stdin: Template
    cwd: Template
    ok_exit: tuple[int, ...]
    parse: str


def program_spec(reader: NodeReader, argv: tuple[Template, ...]) -> ProgramSpec:
    """What `command` and `script` share."""
    env = reader.get("env", default=())
    return ProgramSpec(
        argv,
        {name: reader.template("env", name) for name in env} if isinstance(env, dict) else {},
        () if isinstance(env, dict) else tuple(env),
        reader.template("stdin"),
        reader.template("cwd"),
        tuple(reader.get("ok_exit", default=(0,))),
        reader.get("parse", default=""),
    )


def program_call(spec: ProgramSpec, view: View, argv: tuple[str, ...]) -> CommandCall:
    """The call of a rendered argv."""
    return CommandCall(
        argv,
        str(Path(view.folder, view.text(spec.cwd))),
        {name: view.text(value) for name, value in spec.env.items()},
        spec.pass_env,
        view.text(spec.stdin),
        spec.ok_exit,
        spec.parse,
    )


def build(reader: NodeReader) -> ProgramSpec:
    items = reader.get("command")
    return program_spec(reader, tuple(reader.template("command", position) for position in range(len(items))))


def open_(node: Node, view: View) -> Opened:
    spec: ProgramSpec = node.spec
    call = program_call(spec, view, tuple(view.text(item) for item in spec.argv))
    return Perform(call, {"argv": list(call.argv)})


KIND = Kind("command", build, open_)
