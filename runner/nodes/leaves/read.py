"""`read`: reads files inside the permitted roots: a path, or a glob."""

from __future__ import annotations

from pathlib import Path

from runner.language.template import Template
from runner.nodes.contract import Kind, Opened, Perform, View
from runner.workflow.compiler import NodeReader
from runner.workflow.model import Node
from runner.world.calls import ReadCall


def build(reader: NodeReader) -> Template:
    """The path or glob, relative to the file that names it."""
    return reader.template("read")


def open_(node: Node, view: View) -> Opened:
    path = str(Path(view.workflow.folder or view.folder, view.text(node.spec)))
    return Perform(ReadCall(path, view.folder), {"path": path})


KIND = Kind(verb="read", build=build, open=open_)
