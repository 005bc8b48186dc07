"""A tool that is a function of a Python file: its signature and docstring say what it takes."""

from __future__ import annotations

from collections.abc import Mapping
from os.path import relpath
from pathlib import Path

import msgspec

from runner.ground.errors import InvalidWorkflow, WorkflowError
from runner.ground.json_value import Json
from runner.language.template import Template
from runner.nodes.contract import ToolKind
from runner.workflow.compiler import NodeReader
from runner.workflow.compiler.modules import code_hash, modules_of
from runner.workflow.model import Tool
from runner.workflow.reach import Code, Started
from runner.workflow.signature import signature_schema
from runner.world.calls import AnyCall, PythonCall


class PythonTool(msgspec.Struct, frozen=True):
    """A function of `code`, and the environment that it is given: `env` is set, `pass_env` passed on from wf's own.

    What it returns must fit `output_schema`.
    """

    code: Code
    function: str
    env: Mapping[str, Template]
    pass_env: tuple[str, ...]
    output_schema: Mapping[str, Json] | None = None


def build(reader: NodeReader) -> Tool:
    named, _, function = reader.get("python").rpartition(":")
    file = str(Path(reader.file.folder_at(reader.at), named).resolve())
    schema = _schema(file, function, reader)
    modules = _modules(file, reader) if schema else {}
    env, pass_env = reader.environment("tool")
    code = Code(file, modules, code_hash(file, modules) if modules else "")
    return Tool(
        reader.id,
        reader.get("description", default=schema.get("description", "")),
        schema,
        KIND.key,
        PythonTool(code, function, env, pass_env, reader.schema("output_schema")),
        reader.at,
        Started((KIND.key,), None, None, pass_env, tuple(env)),
        code,
    )


def _schema(file: str, function: str, reader: NodeReader) -> Mapping[str, Json]:
    try:
        return signature_schema(file, reader.file.files.text(file), function)
    except InvalidWorkflow as error:
        reader.error(error.problems[0].message, KIND.key, hint=error.problems[0].hint)
    except WorkflowError as error:
        reader.error(error.message, KIND.key, hint=error.hint)
    return {}


def _modules(file: str, reader: NodeReader) -> Mapping[str, str]:
    """The files that the tool is made of. Python would find them by the folder's own name, links resolved."""
    entries = reader.file.section("permissions").get("python", ())
    own = [str(Path(reader.file.folder, entry)) for entry in entries]
    listed = [str(Path(entry).parent.resolve() / Path(entry).name) for entry in (*own, *reader.file.python)]
    try:
        return modules_of(file, reader.file.files, [entry for entry in listed if entry.endswith(".py")])
    except InvalidWorkflow as error:
        problem = error.problems[0]
        reader.error(f"tool '{reader.id}': {problem.message}", KIND.key, hint=problem.hint)
    return {}


def call(tool: Tool, arguments: dict[str, Json], folder: str) -> PythonCall:
    spec: PythonTool = tool.spec
    env = {name: template.text({"inputs": arguments}) for name, template in spec.env.items()}
    return PythonCall(
        tool.name,
        spec.code.file,
        spec.function,
        arguments,
        folder,
        env,
        spec.pass_env,
        dict(spec.code.modules),
        None if spec.output_schema is None else dict(spec.output_schema),
    )


def shows(called: AnyCall) -> Json:
    assert isinstance(called, PythonCall), "a Python tool calls Python"
    return f"{relpath(called.file, called.cwd)}:{called.function}"


KIND = ToolKind(key="python", build=build, call=call, fills_defaults=False, shows=shows)
