"""The built-in tools `files/…`: what lies inside the permitted roots is read, listed, searched, written and edited."""

from __future__ import annotations

from runner.ground.json_value import Json
from runner.nodes.contract import ToolKind
from runner.workflow.compiler import NodeReader
from runner.workflow.model import Tool
from runner.world.calls import FilesCall, WriteCall

_PATH: Json = {"type": "string", "description": "A path, relative to the workflow's folder."}
_FOLDER: Json = {"type": "string", "default": ".", "description": "A folder, relative to the workflow's."}
_WRITE = "write"


def _tool(name: str, description: str, **inputs: Json) -> Tool:
    required: list[Json] = [key for key, schema in inputs.items() if "default" not in schema]
    schema = {"type": "object", "properties": inputs, "required": required, "additionalProperties": False}
    return Tool(f"{KIND.key}/{name}", description, schema, KIND.key, name)


def build(reader: NodeReader) -> Tool:
    return BUILT_IN[reader.id]


def call(tool: Tool, arguments: dict[str, Json], folder: str) -> FilesCall | WriteCall:
    if tool.spec == _WRITE:
        return WriteCall(arguments["path"], arguments["content"], folder)
    rest = {key: value for key, value in arguments.items() if key != "path"}
    return FilesCall(tool.spec, arguments["path"], folder, rest)


KIND = ToolKind(key="files", build=build, call=call)

_TOOLS = (
    _tool(
        "read",
        "Reads lines of a text file. Gives {path, text, from, to, lines}: which lines these are, of how many.",
        path=_PATH,
        **{
            "from": {"type": "integer", "minimum": 1, "default": 1, "description": "The first line, counted from 1."},
            "count": {"type": "integer", "minimum": 1, "default": 2000, "description": "How many lines."},
        },
    ),
    _tool(
        "list",
        "Lists files and folders; a folder's name ends with /. Gives {paths, left_out}.",
        path=_FOLDER,
        pattern={"type": "string", "default": "*", "description": "A glob: **/*.py looks into all folders below."},
    ),
    _tool(
        "search",
        "Finds lines that fit a regular expression (RE2). Gives {matches: [{path, line, text}], left_out, not_read}.",
        pattern={"type": "string", "description": "A regular expression: no look-around, no back-references."},
        path=_FOLDER,
        files={"type": "string", "default": "**/*", "description": "A glob of the files to look into."},
    ),
    _tool(
        _WRITE,
        "Writes a text file, with its folders; one that is there is replaced. Gives {path}.",
        path=_PATH,
        content={"type": "string", "description": "All of the file's text."},
    ),
    _tool(
        "edit",
        "Replaces a piece of a text file by another. The piece must stand there exactly once. Gives {path, replaced}.",
        path=_PATH,
        old={"type": "string", "minLength": 1, "description": "The piece, with every blank and line end as it is."},
        new={"type": "string", "description": "What takes its place."},
        all={"type": "boolean", "default": False, "description": "Replace it wherever it stands."},
    ),
)

BUILT_IN: dict[str, Tool] = {tool.name: tool for tool in _TOOLS}
"""The tools that need no declaration, by name."""
