"""`write`: writes a file inside the permitted roots, atomically."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from runner.calls import WriteCall
from runner.compiler import NodeReader
from runner.model import Node
from runner.nodes.contract import Kind, Opened, Perform, View
from runner.template import Template


@dataclass(frozen=True, slots=True)
class WriteSpec:
    """The path, relative to the file that names it, and the text."""

    path: Template
    content: Template


def build(reader: NodeReader) -> WriteSpec:
    return WriteSpec(reader.template("write"), reader.template("content"))


def open_(node: Node, view: View) -> Opened:
    spec: WriteSpec = node.spec
    path = str(Path(view.workflow.folder or view.folder, view.text(spec.path)))
    return Perform(WriteCall(path, view.text(spec.content), view.folder), {"path": path})


KIND = Kind("write", build, open_)
