"""A tool that is a program: argv, each item a template of the tool's own inputs, never a shell."""

from __future__ import annotations

from runner.ground.json_value import Json
from runner.language.template import Template
from runner.nodes.contract import ToolKind
from runner.nodes.programs import program_call
from runner.workflow.compiler import NodeReader
from runner.workflow.compiler.declarations import tool_inputs
from runner.workflow.model import Tool
from runner.world.calls import CommandCall


def build(reader: NodeReader) -> Tool:
    schema = tool_inputs(reader.file, reader.content, reader.at)
    program = reader.program(reader.argv("command", role="tool"), role="tool")
    description = reader.get("description", default="")
    return Tool(reader.id, description, schema, KIND.key, program, reader.at, program.started("command", 0))


def call(tool: Tool, arguments: dict[str, Json], folder: str) -> CommandCall:
    def text(template: Template) -> str:
        return template.text({"inputs": arguments})

    return program_call(tool.spec, tuple(map(text, tool.spec.argv)), folder, text)


KIND = ToolKind(key="command", build=build, call=call)
