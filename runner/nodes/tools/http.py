"""A tool that is an HTTP request, its texts templates of the tool's own inputs."""

from __future__ import annotations

import msgspec

from runner.ground.json_value import Json
from runner.language.template import Template, ValueTemplate
from runner.nodes.contract import ToolKind
from runner.nodes.requests import KEY, request, request_call
from runner.workflow.compiler import NodeReader
from runner.workflow.compiler.declarations import tool_inputs
from runner.workflow.model import Tool
from runner.world.calls import AnyCall, HttpCall


def build(reader: NodeReader) -> Tool:
    spec = request(reader, role="tool")
    return Tool(
        reader.id,
        reader.get("description", default=""),
        tool_inputs(reader.file, reader.content, reader.at),
        KIND.key,
        spec,
        reader.at,
        reached=spec.reached,
    )


def call(tool: Tool, arguments: dict[str, Json], _folder: str) -> HttpCall:
    scope = {"inputs": arguments}

    def text(template: Template) -> str:
        return template.text(scope)

    def value(template: ValueTemplate) -> Json:
        rendered: Json = template.render(scope)
        return rendered

    return request_call(tool.spec, text, value)


def shows(called: AnyCall) -> Json:
    assert isinstance(called, HttpCall), "a request's tool sends a request"
    return {name: value for name, value in msgspec.to_builtins(called).items() if value and name in _SHOWN}


_SHOWN = frozenset({"method", "url", "query", "headers", "body", "json"})

KIND = ToolKind(key=KEY, build=build, call=call, shows=shows)
