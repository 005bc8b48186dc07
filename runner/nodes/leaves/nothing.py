"""A node without a verb: it only sets and routes."""

from __future__ import annotations

from runner.nodes.contract import Done, Kind, Opened, View
from runner.workflow.compiler import NodeReader
from runner.workflow.model import Node


def build(_reader: NodeReader) -> None:
    """There is nothing to build."""


def open_(_node: Node, _view: View) -> Opened:
    return Done()


KIND = Kind("none", build, open_)
