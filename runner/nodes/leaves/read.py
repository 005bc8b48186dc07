"""`read`: reads files inside the permitted roots: a path, or a glob."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from runner.calls import ReadCall
from runner.compiler import NodeReader
from runner.model import Node
from runner.nodes.contract import Kind, Opened, Perform, View
from runner.template import Template


@dataclass(frozen=True, slots=True)
class ReadSpec:
    """The path or glob, relative to the file that names it."""

    path: Template


def build(reader: NodeReader) -> ReadSpec:
    return ReadSpec(reader.template("read"))


def open_(node: Node, view: View) -> Opened:
    spec: ReadSpec = node.spec
    path = str(Path(view.workflow.folder or view.folder, view.text(spec.path)))
    return Perform(ReadCall(path, view.folder), {"path": path})


KIND = Kind("read", build, open_)
