"""`workflow`: runs another file, a pattern, or itself, as frames of the same run. The run itself is such a step."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from runner.compiler import NodeReader
from runner.errors import Failure
from runner.model import Agent, Json, Node
from runner.nodes.contract import (
    Answer,
    Branch,
    Done,
    Ended,
    Enter,
    Failed,
    Kind,
    Opened,
    Spawn,
    Stay,
    StepFailed,
    View,
)
from runner.state import ROOT
from runner.template import ValueTemplate

BODY, RESCUE, FINALLY = "body", "rescue", "finally"


class WorkflowSpec(msgspec.Struct, frozen=True):
    """The called workflow's key in the library, what it is given, and the agents put in the place of its own."""

    target: str
    arguments: Mapping[str, ValueTemplate]
    agents: Mapping[str, str | Agent]


def build(reader: NodeReader) -> WorkflowSpec:
    return WorkflowSpec(
        reader.workflow("workflow"),
        {name: reader.value("with", name) for name in reader.get("with", default={})},
        {name: reader.agent("agents", name) for name in reader.get("agents", default={})},
    )


def open_(node: Node, view: View) -> Opened:
    spec: WorkflowSpec = node.spec
    return Enter(view.enter(node, {name: view.value(value) for name, value in spec.arguments.items()}))


def settle(_node: Node, view: View, ended: Ended) -> Answer:
    """After the body: `rescue` if it failed on its own; when no stray runs any more, `finally`; then the outcome."""
    if ended.key == BODY and _wants_rescue(view):
        return Spawn((_side(RESCUE, ended.child.error),))
    if view.strays:
        return Stay()
    outcome = _outcome(view)
    if view.callee.finally_ is not None and FINALLY not in view.children:
        return Spawn((_side(FINALLY, _error_of(view, outcome)),))
    return outcome


def _side(key: str, error: Json) -> Branch:
    return Branch(key, key, {"error": error}, shared=True)


def _wants_rescue(view: View) -> bool:
    body = view.children[BODY]
    return body.status == "failed" and not body.by and view.callee.rescue is not None


def _outcome(view: View) -> Done | Failed:
    body = view.children[BODY]
    rescue = view.children.get(RESCUE)
    last = rescue if rescue is not None and rescue.by else body
    if last.status != "completed":
        return _failed(view, last.error or {})
    try:
        return Done(view.outputs())
    except StepFailed as error:
        return Failed(error.failure)


def _failed(view: View, error: dict[str, Json]) -> Failed:
    if view.step == ROOT or error["type"] == "cancelled":
        return Failed(Failure(error["type"], error["message"]), error=error)
    return Failed(
        Failure("workflow_failed", f"workflow '{view.callee.name}' failed: {error['message']}", {"error": error})
    )


def _error_of(view: View, outcome: Done | Failed) -> Json:
    if isinstance(outcome, Done):
        return None
    return view.children[BODY].error or outcome.failure.as_error(view.step, 1)


KIND = Kind("workflow", build, open_, settle)
