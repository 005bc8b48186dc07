"""`tool`: calls one tool without a model."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from runner.ground.errors import Failure, TemplateError
from runner.ground.json_value import Json
from runner.language.schema import compile_schema
from runner.language.template import ValueTemplate
from runner.nodes.contract import Kind, Opened, Perform, StepFailed, View
from runner.nodes.tools import TOOL_KINDS
from runner.workflow.compiler import NodeReader
from runner.workflow.model import Called, Node, Tool, Traits
from runner.world.calls import AnyCall


class ToolSpec(msgspec.Struct, frozen=True):
    """A declared tool, and its arguments."""

    tool: str
    arguments: Mapping[str, ValueTemplate]


def build(reader: NodeReader) -> ToolSpec:
    return ToolSpec(reader.tool("tool"), {name: reader.value("with", name) for name in reader.get("with", default={})})


def tool_call(tool: Tool, arguments: Mapping[str, Json], folder: str) -> AnyCall:
    """The call of a tool. Raises StepFailed (`input_invalid`, `template_error`)."""
    kind = TOOL_KINDS[tool.kind]
    given = tool_arguments(tool, arguments)
    try:
        return kind.call(tool, given, folder)
    except TemplateError as error:
        raise StepFailed(Failure("template_error", f"tool '{tool.name}': {error.message}")) from error


def tool_arguments(tool: Tool, arguments: Mapping[str, Json]) -> dict[str, Json]:
    """What was given, else the defaults. Raises StepFailed (`input_invalid`)."""
    return _checked(tool, arguments, fills_defaults=TOOL_KINDS[tool.kind].fills_defaults)


def whole_arguments(tool: Tool, arguments: Mapping[str, Json]) -> dict[str, Json]:
    """The arguments with which a tool is called, those that its schema says where none is given."""
    return _checked(tool, arguments, fills_defaults=True)


def _checked(tool: Tool, arguments: Mapping[str, Json], *, fills_defaults: bool) -> dict[str, Json]:
    schema = compile_schema(tool.inputs)
    declared: Mapping[str, Mapping[str, Json]] = tool.inputs["properties"] if fills_defaults else {}
    given = {name: entry["default"] for name, entry in declared.items() if "default" in entry} | dict(arguments)
    given = schema.received(given)
    errors = schema.errors(given)
    if errors:
        raise StepFailed(Failure("input_invalid", f"tool '{tool.name}' can't take that: {errors[0].message}"))
    whole: dict[str, Json] = schema.normalise(given)
    return whole


def open_(node: Node, view: View) -> Opened:
    spec: ToolSpec = node.spec
    arguments = {name: view.value(value) for name, value in spec.arguments.items()}
    call = tool_call(view.workflow.tools[spec.tool], arguments, view.folder)
    return Perform(call, {"tool": spec.tool, "with": arguments})


def traits(spec: ToolSpec) -> Traits:
    return Traits(called=Called(tool=spec.tool, arguments=tuple(spec.arguments)))


KIND = Kind(verb="tool", is_one_call=True, build=build, open=open_, traits=traits, takes_defaults=True)
