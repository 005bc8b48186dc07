"""`write`: writes a file inside the permitted roots, atomically."""

from __future__ import annotations

from pathlib import Path

import msgspec

from runner.language.template import Template
from runner.nodes.contract import Kind, Opened, Perform, View
from runner.workflow.compiler import NodeReader
from runner.workflow.model import Node
from runner.world.calls import WriteCall


class WriteSpec(msgspec.Struct, frozen=True):
    """The path, relative to the file that names it, and the text."""

    path: Template
    content: Template


def build(reader: NodeReader) -> WriteSpec:
    return WriteSpec(reader.template("write"), reader.template("content"))


def open_(node: Node, view: View) -> Opened:
    spec: WriteSpec = node.spec
    path = str(Path(view.workflow.folder or view.folder, view.text(spec.path)))
    return Perform(WriteCall(path, view.text(spec.content), view.folder), {"path": path})


KIND = Kind(verb="write", is_one_call=True, build=build, open=open_)
