"""`tool`: calls one tool without a model."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from runner.calls import AnyCall, CommandCall, PythonCall
from runner.compiler import NodeReader
from runner.errors import Failure, TemplateError
from runner.model import Json, Node, Tool
from runner.nodes.contract import Kind, Opened, Perform, StepFailed, View
from runner.schema import compile_schema
from runner.template import ValueTemplate


class ToolSpec(msgspec.Struct, frozen=True):
    """A declared tool, and its arguments."""

    tool: str
    arguments: Mapping[str, ValueTemplate]


def build(reader: NodeReader) -> ToolSpec:
    return ToolSpec(reader.tool("tool"), {name: reader.value("with", name) for name in reader.get("with", default={})})


def tool_call(tool: Tool, arguments: Mapping[str, Json], folder: str) -> AnyCall:
    """The call of a tool with checked arguments. Raises StepFailed (`input_invalid`, `template_error`)."""
    errors = compile_schema(tool.inputs).errors(dict(arguments))
    if errors:
        raise StepFailed(Failure("input_invalid", f"tool '{tool.name}' can't take that: {errors[0].message}"))
    if tool.kind == "python":
        return PythonCall(tool.name, tool.file, tool.function, dict(arguments), folder)
    scope = {"inputs": dict(arguments)}
    env = tool.env if isinstance(tool.env, Mapping) else {}
    try:
        argv = tuple(item.text(scope) for item in tool.argv)
        given = {name: value.text(scope) for name, value in env.items()}
    except TemplateError as error:
        raise StepFailed(Failure("template_error", f"tool '{tool.name}': {error.message}")) from error
    return CommandCall(argv, folder, given, () if env else tuple(tool.env))


def open_(node: Node, view: View) -> Opened:
    spec: ToolSpec = node.spec
    arguments = {name: view.value(value) for name, value in spec.arguments.items()}
    call = tool_call(view.workflow.tools[spec.tool], arguments, view.folder)
    return Perform(call, {"tool": spec.tool, "with": arguments})


KIND = Kind("tool", build, open_)
