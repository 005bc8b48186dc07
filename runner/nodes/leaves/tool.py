"""`tool`: calls one tool without a model."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from runner.ground.errors import Failure, TemplateError
from runner.ground.json_value import Json
from runner.language.schema import compile_schema
from runner.language.template import ValueTemplate
from runner.nodes.contract import Kind, Opened, Perform, StepFailed, View
from runner.nodes.tools import ALL_TOOL_KINDS, BUILT_IN
from runner.nodes.tools.served import direct_call, headers_of
from runner.workflow.compiler import NodeReader
from runner.workflow.mcp_servers import WantedTools, server_of
from runner.workflow.model import Called, Node, Tool, Traits
from runner.world.calls import AnyCall


class ToolSpec(msgspec.Struct, frozen=True):
    """A tool, its arguments, and what its output must fit, in the place of what the tool itself says."""

    tool: str
    arguments: Mapping[str, ValueTemplate]
    output_schema: Mapping[str, Json] | None = None


def build(reader: NodeReader) -> ToolSpec:
    arguments = {name: reader.value("with", name) for name in reader.get("with", default={})}
    spec = ToolSpec(reader.tool("tool"), arguments, reader.schema("output_schema"))
    if spec.tool in BUILT_IN and spec.output_schema is not None:
        words = f"what '{spec.tool}' gives has a form of its own"
        reader.error(words, "output_schema", key=True, hint="leave `output_schema` out", rule="schema")
    return spec


def tool_call(tool: Tool, arguments: Mapping[str, Json], folder: str) -> AnyCall:
    """The call of a tool. Raises StepFailed (`input_invalid`, `template_error`)."""
    kind = ALL_TOOL_KINDS[tool.kind]
    given = tool_arguments(tool, arguments)
    try:
        return kind.call(tool, given, folder)
    except TemplateError as error:
        raise StepFailed(Failure("template_error", f"tool '{tool.name}': {error.message}")) from error


def tool_arguments(tool: Tool, arguments: Mapping[str, Json]) -> dict[str, Json]:
    """What was given, else the defaults. Raises StepFailed (`input_invalid`)."""
    return _checked(tool, arguments, fills_defaults=ALL_TOOL_KINDS[tool.kind].fills_defaults)


def whole_arguments(tool: Tool, arguments: Mapping[str, Json]) -> dict[str, Json]:
    """The arguments with which a tool is called, those that its schema says where none is given."""
    return _checked(tool, arguments, fills_defaults=True)


def _checked(tool: Tool, arguments: Mapping[str, Json], *, fills_defaults: bool) -> dict[str, Json]:
    schema = compile_schema(tool.inputs)
    declared: Mapping[str, Json] = tool.inputs.get("properties", {}) if fills_defaults else {}
    entries = {name: entry for name, entry in declared.items() if isinstance(entry, dict) and "default" in entry}
    given = {name: entry["default"] for name, entry in entries.items()} | dict(arguments)
    given = schema.received(given)
    errors = schema.errors(given)
    if errors:
        raise StepFailed(Failure("input_invalid", f"tool '{tool.name}' can't take that: {errors[0].message}"))
    whole: dict[str, Json] = schema.normalise(given)
    return whole


def open_(node: Node, view: View) -> Opened:
    spec: ToolSpec = node.spec
    arguments = {name: view.value(value) for name, value in spec.arguments.items()}
    call = _call(spec.tool, arguments, view)
    if spec.output_schema is not None:
        call = replace(call, output_schema=dict(spec.output_schema))
    return Perform(call, {"tool": spec.tool, "with": arguments})


def _call(name: str, arguments: dict[str, Json], view: View) -> AnyCall:
    """The call of a tool of the file, or of a server: that one says what it takes when it is asked."""
    server, tool = server_of(name)
    if not server:
        return tool_call(view.workflow.tools[name], arguments, view.folder)
    declared = view.workflow.mcp_servers[server]
    wanted = WantedTools(declared, (tool,), headers_of(declared, view.text))
    return direct_call(wanted, tool, arguments, view.folder)


def traits(spec: ToolSpec) -> Traits:
    return Traits(called=Called(tool=spec.tool, arguments=tuple(spec.arguments)))


KIND = Kind(verb="tool", is_one_call=True, build=build, open=open_, traits=traits, takes_defaults=True)
