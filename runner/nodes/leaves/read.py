"""`read`: reads files inside the permitted roots: a path, or a glob."""

from __future__ import annotations

from pathlib import Path

import msgspec

from runner.language.template import Template
from runner.nodes.contract import Kind, Opened, Perform, View
from runner.workflow.compiler import NodeReader
from runner.workflow.model import Node
from runner.world.calls import ReadCall


class ReadSpec(msgspec.Struct, frozen=True):
    """The path or glob, relative to the file that names it."""

    path: Template


def build(reader: NodeReader) -> ReadSpec:
    return ReadSpec(reader.template("read"))


def open_(node: Node, view: View) -> Opened:
    spec: ReadSpec = node.spec
    path = str(Path(view.workflow.folder or view.folder, view.text(spec.path)))
    return Perform(ReadCall(path, view.folder), {"path": path})


KIND = Kind(verb="read", build=build, open=open_)
