"""`workflow`: runs another file, a pattern, or itself, as frames of the same run. The run itself is such a step."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from runner.ground.errors import Failure
from runner.ground.json_value import Json
from runner.language.template import ValueTemplate
from runner.nodes.contract import (
    Branch,
    Done,
    Ended,
    Enter,
    Failed,
    Kind,
    Left,
    Opened,
    Settled,
    Shape,
    Spawn,
    Stay,
    View,
)
from runner.record.address import ROOT
from runner.record.events import TIMED_OUT, Ending
from runner.workflow.compiler import NodeReader
from runner.workflow.model import Agent, Called, Node, Traits

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
        {name: reader.agent("agents", name, name=name) for name in reader.get("agents", default={})},
    )


def open_(node: Node, view: View) -> Opened:
    spec: WorkflowSpec = node.spec
    return Enter(view.enter(node, {name: view.value(value) for name, value in spec.arguments.items()}))


def settle(_node: Node, view: View, _ended: Ended) -> Settled:
    """After the body: `rescue` if it failed on its own; when no stray runs any more, `finally`; then the end."""
    if _wants_rescue(view):
        return Spawn((Branch(RESCUE, RESCUE, {"error": view.children[BODY].error}, shared=True),))
    if view.strays:
        return Stay()
    ending = view.ending or _ending(view)
    if view.callee.finally_ is not None and FINALLY not in view.children:
        return Spawn((_finally(ending),))
    return Done(ending.outputs) if ending.error is None else _failed(view, ending.outputs, ending.error)


def detached(_node: Node, view: View, _ended: Ended) -> Left:
    """A workflow that was cut off: its `finally` runs all the same, once no stray runs any more."""
    if view.strays or view.callee.finally_ is None or FINALLY in view.children:
        return Stay()
    return Spawn((_finally(Ending(error=cut_off(view.step))),))


def _finally(ending: Ending) -> Branch:
    return Branch(FINALLY, FINALLY, {"error": ending.error}, shared=True, ending=ending)


def cut_off(step: str) -> dict[str, Json]:
    """The error of what is cut off from outside."""
    return Failure("cancelled", "this was cut off before it had ended").as_error(step, 1)


def _wants_rescue(view: View) -> bool:
    body = view.children[BODY]
    return body.status == "failed" and not body.by and view.callee.rescue is not None and RESCUE not in view.children


def _ending(view: View) -> Ending:
    body = view.children[BODY]
    rescue = view.children.get(RESCUE)
    last = rescue if rescue is not None and rescue.by else body
    completed = last.status == "completed"
    outputs = view.outputs(all_due=completed)
    return Ending(outputs.values, outputs.error if completed else last.error)


def _failed(view: View, outputs: dict[str, Json], error: dict[str, Json]) -> Failed:
    """The run's own error, and the step's when its time was up, stand as they are; a caller sees `workflow_failed`.

    The outputs are the run's own; a caller sees them in the error's details.
    """
    if view.step == ROOT:
        return Failed(Failure(error["type"], error["message"], error["details"]), outputs, error)
    given = {"outputs": outputs} if outputs else {}
    if any(child.by == TIMED_OUT for child in view.children.values()):
        details = {**error["details"], **given}
        return Failed(Failure(error["type"], error["message"], details), error={**error, "details": details})
    cause = error
    while cause["type"] == "workflow_failed" and "error" in cause["details"]:
        cause = cause["details"]["error"]
    words = f"workflow '{view.callee.name}' failed at '{cause['step']}': {cause['message']}"
    return Failed(Failure("workflow_failed", words, {"error": error, **given}))


def traits(spec: WorkflowSpec) -> Traits:
    return Traits(called=Called(workflow=spec.target, arguments=tuple(spec.arguments), agents=spec.agents))


KIND = Kind(
    verb="workflow",
    build=build,
    open=open_,
    settle=settle,
    detached=detached,
    traits=traits,
    timed_as_whole=True,
    shape=Shape(("[[", "]]")),
)
