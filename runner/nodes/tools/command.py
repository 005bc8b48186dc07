"""A tool that is a program: argv, each item a template of the tool's own inputs, never a shell."""

from __future__ import annotations

from runner.ground.json_value import Json
from runner.language.template import Template
from runner.nodes.contract import ToolKind
from runner.nodes.programs import program_call
from runner.workflow.compiler import NodeReader
from runner.workflow.compiler.declarations import tool_inputs
from runner.workflow.model import Tool
from runner.world.calls import AnyCall, CommandCall


def build(reader: NodeReader) -> Tool:
    schema = tool_inputs(reader.file, reader.content, reader.at)
    program = reader.program(reader.argv("command", role="tool"), role="tool")
    description = reader.get("description", default="")
    return Tool(reader.id, description, schema, KIND.key, program, reader.at, program.started("command", 0))


def call(tool: Tool, arguments: dict[str, Json], folder: str) -> CommandCall:
    def text(template: Template) -> str:
        return template.text({"inputs": arguments})

    return program_call(tool.spec, tuple(map(text, tool.spec.argv)), folder, text)


def shows(called: AnyCall) -> Json:
    assert isinstance(called, CommandCall), "a command tool calls a command"
    stdin: dict[str, Json] = {"stdin": called.stdin} if called.stdin else {}
    env: dict[str, Json] = {"env": dict(called.env)} if called.env else {}
    return {"argv": list(called.argv), **stdin, **env} if stdin or env else list(called.argv)


KIND = ToolKind(key="command", build=build, call=call, shows=shows)
