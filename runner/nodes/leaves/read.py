"""`read`: reads files inside the permitted roots: a path, or a glob."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from runner.language.template import Template, compile_template
from runner.nodes.contract import Kind, Opened, Perform, View
from runner.workflow.compiler import NodeReader
from runner.workflow.model import Node
from runner.world.calls import ReadCall
from runner.world.tools.globs import escaped, is_glob, marked, unmarked

_CLOSED = re.compile(r"(?:[^\[]|\[!?+\]?+[^\]]*\])*+")
"""A piece of a glob in which each bracket that opens is closed again."""


class ReadSpec(msgspec.Struct, frozen=True):
    """The path, relative to the file that names it; the same with its wildcards marked, if it has some of its own."""

    path: Template
    pattern: Template | None
    parse: str
    content: bool


def build(reader: NodeReader) -> ReadSpec:
    path = reader.template("read")
    return ReadSpec(path, _pattern(path, reader), reader.get("parse", default=""), reader.get("content", default=True))


def _pattern(path: Template, reader: NodeReader) -> Template | None:
    """A path as a glob: only what stands in the file itself may be a wildcard, not what a template produces."""
    pieces = path.pieces
    if not any(map(is_glob, pieces[::2])):
        return None
    if not all(map(_CLOSED.fullmatch, pieces[:-1:2])):
        hint = "close it before the template; [[] stands for a bracket itself"
        reader.error("the brackets of a glob can't hold a template", "read", hint=hint, rule="template")
    return compile_template("".join(part if number % 2 else marked(part) for number, part in enumerate(pieces)))


def open_(node: Node, view: View) -> Opened:
    spec: ReadSpec = node.spec
    folder = view.workflow.folder or view.folder
    path, pattern = str(Path(folder, view.text(spec.path))), ""
    if spec.pattern is not None:
        pattern = str(Path(escaped(folder), unmarked(view.text(spec.pattern))))
    return Perform(ReadCall(path, view.folder, pattern, spec.parse, spec.content), {"path": path})


KIND = Kind(verb="read", is_one_call=True, build=build, open=open_)
