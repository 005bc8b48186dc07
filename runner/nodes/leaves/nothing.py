"""A node without a verb: it only sets and routes."""

from __future__ import annotations

from runner.nodes.contract import Done, Kind, Opened, Shape, View
from runner.workflow.model import NO_VERB, Node


def open_(_node: Node, _view: View) -> Opened:
    return Done()


KIND = Kind(verb=NO_VERB, build=lambda _reader: None, open=open_, instant=True, shape=Shape(("{", "}")))
