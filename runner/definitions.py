"""A loaded workflow as the store keeps it, and back: files by their place, the graph for readers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from runner.compiler.files import PATTERN
from runner.model import Body, Json, Loaded, Node, Workflow
from runner.store.contract import Definition


def definition_of(loaded: Loaded) -> Definition:
    """What the store keeps of a workflow."""
    workflow = loaded.workflow
    folder = folder_of(workflow)
    files = {_place(path, folder): text for path, text in loaded.texts.items()}
    nodes: list[Mapping[str, Json]] = []
    edges: list[Mapping[str, Json]] = []
    for path, body, node in _walk(workflow):
        nodes.append({"path": path, "id": node.id, "verb": node.verb, "title": node.title})
        edges.extend(_edges(path, body, node))
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


def _walk(workflow: Workflow) -> Iterator[tuple[str, Body, Node]]:
    for body in workflow.bodies.values():
        for node in body.nodes.values():
            yield "/".join(map(str, node.at)), body, node


def _edges(path: str, body: Body, node: Node) -> Iterator[Mapping[str, Json]]:
    handlers = node.on_error if isinstance(node.on_error, tuple) else ()
    for kind, routes in (("next", node.next or ()), ("on_error", handlers)):
        for route in routes:
            to = "/".join(map(str, body.nodes[route.to].at)) if route.to else "exit"
            yield {"from": path, "to": to, "kind": kind, "condition": route.when.source if route.when else ""}
