"""`end`: the workflow that it stands in ends here, with all its frames."""

from __future__ import annotations

from typing import Any

import msgspec

from runner.language.template import Template
from runner.nodes.contract import End, Kind, Opened, View
from runner.workflow.compiler import NodeReader
from runner.workflow.model import Node


class EndSpec(msgspec.Struct, frozen=True):
    """The status to end with, and why."""

    status: Any
    message: Template


def build(reader: NodeReader) -> EndSpec:
    return EndSpec(reader.get("end"), reader.template("message"))


def open_(node: Node, view: View) -> Opened:
    spec: EndSpec = node.spec
    return End(spec.status, view.text(spec.message))


KIND = Kind("end", build, open_)
