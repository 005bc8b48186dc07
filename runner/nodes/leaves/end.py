"""`end`: the workflow that it stands in ends here, with all its frames."""

from __future__ import annotations

from typing import Any

import msgspec

from runner.language.template import Template
from runner.nodes.contract import End, Kind, Opened, Shape, View
from runner.workflow.compiler import NodeReader
from runner.workflow.model import Node, Traits


class EndSpec(msgspec.Struct, frozen=True):
    """The status to end with, and why."""

    status: Any
    message: Template


def build(reader: NodeReader) -> EndSpec:
    return EndSpec(reader.get("end"), reader.template("message"))


def open_(node: Node, view: View) -> Opened:
    spec: EndSpec = node.spec
    return End(spec.status, view.text(spec.message))


def traits(_spec: EndSpec) -> Traits:
    return Traits(ends=True)


KIND = Kind(verb="end", build=build, open=open_, traits=traits, instant=True, shape=Shape(("(((", ")))")))
