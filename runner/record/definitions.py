"""A loaded workflow as the store keeps it, and back: files by their place, the graph for readers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from runner.record.store.contract import Definition, EdgeRow, NodeRow
from runner.workflow.compiler.files import PATTERN
from runner.workflow.model import Loaded, Node, Workflow


def definition_of(loaded: Loaded) -> Definition:
    """What the store keeps of a workflow."""
    workflow = loaded.workflow
    folder = folder_of(workflow)
    files = {_place(path, folder): text for path, text in loaded.texts.items()}
    nodes: list[NodeRow] = []
    edges: list[EdgeRow] = []
    for body in workflow.bodies.values():
        paths = {node.id: node.key for node in body.nodes.values()}
        for node in body.nodes.values():
            nodes.append(NodeRow(paths[node.id], node.id, node.verb, node.title))
            edges += _edges(node, paths)
    file = _place(workflow.file, folder)
    return Definition(loaded.hash, workflow.name, workflow.version, file, folder, files, nodes, edges)


def folder_of(workflow: Workflow) -> str:
    """The folder that a run of it works in: its root file's; of a bundled pattern the current one."""
    return workflow.folder or str(Path.cwd())


def texts_of(definition: Definition) -> tuple[str, dict[str, str]]:
    """The root file's key and all texts, as they were loaded."""
    texts = {_key(place, definition.folder): text for place, text in definition.files.items()}
    return _key(definition.file, definition.folder), texts


def _place(path: str, folder: str) -> str:
    return path if path.startswith(PATTERN) else os.path.relpath(path, folder)


def _key(place: str, folder: str) -> str:
    return place if place.startswith(PATTERN) else os.path.normpath(Path(folder, place))


def _edges(node: Node, paths: Mapping[str, str]) -> list[EdgeRow]:
    """A node's arrows to others in its body, whose paths are `paths`."""
    return [
        EdgeRow(
            paths[node.id],
            paths[route.to] if route.to else "exit",
            route.when.source if route.when else "",
        )
        for route in node.routes
    ]
