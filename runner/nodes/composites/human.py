"""`human`: asks a person; `otherwise` is the answer when the node's `timeout` passes."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from runner.ground.errors import Failure, UsageError
from runner.ground.json_value import Json
from runner.language.template import Template, ValueTemplate
from runner.nodes.contract import Ask, Done, Failed, Kind, Opened, Shape, StepFailed, View, Woke, Woken
from runner.record.answers import check_answer
from runner.record.events import StepWaiting
from runner.workflow.compiler import NodeReader
from runner.workflow.model import Node, Traits


class HumanSpec(msgspec.Struct, frozen=True):
    """The question; the choices or the form of the answer."""

    prompt: Template
    choices: ValueTemplate | None
    schema: Mapping[str, Json] | None
    otherwise: ValueTemplate | None


def build(reader: NodeReader) -> HumanSpec:
    asked = reader.get("human")
    spec = HumanSpec(
        reader.template("human", "prompt"),
        reader.value("human", "choices") if "choices" in asked else None,
        reader.schema("human", "schema"),
        reader.value("human", "otherwise") if "otherwise" in asked else None,
    )
    if spec.choices is not None and spec.choices.literal and isinstance(spec.choices.source, str):
        hint = f"write a list: choices: [{spec.choices.source}]"
        reader.error("expected a list of answers to choose from", "human", "choices", hint=hint, rule="schema")
    elif spec.otherwise is not None:
        _check_otherwise(reader, spec, spec.otherwise)
    if spec.otherwise is not None and reader.get("timeout") is None:
        words, hint = "this answer is never used: the question has no `timeout`", "write timeout: 24h beside `human:`"
        reader.warn(words, "human", "otherwise", hint=hint, rule="unused")
    return spec


def _check_otherwise(reader: NodeReader, spec: HumanSpec, otherwise: ValueTemplate) -> None:
    """What stands for an answer is one that a person could give."""
    choices = tuple(spec.choices.source) if spec.choices is not None and spec.choices.literal else ()
    form = None if spec.schema is None else dict(spec.schema)
    if not otherwise.literal or (not choices and form is None):
        return
    try:
        check_answer(StepWaiting(reader.id, "person", choices=choices, schema=form), otherwise.source)
    except UsageError as error:
        reader.error(error.message, "human", "otherwise", hint=error.hint, rule="schema")


def open_(node: Node, view: View) -> Opened:
    spec: HumanSpec = node.spec
    until = view.now + view.seconds(node.timeout) if node.timeout else None
    return Ask("person", until, view.text(spec.prompt), _choices(spec, view), spec.schema)


def _choices(spec: HumanSpec, view: View) -> tuple[Json, ...]:
    if spec.choices is None:
        return ()
    choices = view.value(spec.choices)
    if not (isinstance(choices, list) and choices and all(isinstance(choice, str | int | float) for choice in choices)):
        words = "choices must be a list of texts, numbers or bools, with one at least"
        raise StepFailed(Failure("input_invalid", words, {"choices": choices}))
    return tuple(choices)


def wake(node: Node, view: View, woken: Woken) -> Woke:
    spec: HumanSpec = node.spec
    if woken.by == "answer":
        return Done(woken.value)
    if spec.otherwise is not None:
        return Done(view.value(spec.otherwise), unanswered=True)
    return Failed(Failure("human_timeout", "nobody answered in time"))


def traits(spec: HumanSpec) -> Traits:
    if spec.choices is None:
        return Traits(asks=True, form=spec.schema)
    choices = spec.choices.source
    return Traits(asks=True, choices=tuple(choices) if spec.choices.literal and isinstance(choices, list) else None)


KIND = Kind(
    verb="human",
    build=build,
    open=open_,
    wake=wake,
    traits=traits,
    used_last=frozenset({"otherwise"}),
    shape=Shape(("([", "])")),
)
