"""A Python tool's inputs as a JSON Schema, from its annotations, defaults and docstring. The source is never run."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

from runner.ground.errors import SourceError, did_you_mean
from runner.ground.json_value import Json

Schema = dict[str, Json]
Function = ast.FunctionDef | ast.AsyncFunctionDef

_PLAIN: Mapping[str, Schema] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "None": {"type": "null"},
    "Any": {},
    "object": {},
}
_LISTS = frozenset({"list", "List", "Sequence", "Iterable", "Collection"})
_DICTS = frozenset({"dict", "Dict", "Mapping"})
_KNOWN = "str, int, float, bool, None, Any, list[…], dict[str, …], Literal[…], Optional[…] and unions of these"
_ARGUMENTS = re.compile(r"(?:Args|Arguments|Parameters):\s*")
_ENTRY = re.compile(r"\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)")


def signature_schema(path: str, text: str, function: str) -> Schema:
    """The JSON Schema of a function's arguments; its `description` is the docstring's first paragraph.

    Raises SourceError, whose message names file and line, for what can't be called with named JSON values.
    """
    file = Path(path).name
    found = _function(parse_python(file, text), file, function)
    docstring = ast.get_docstring(found) or ""
    summary, described = _summary(docstring), _described(docstring.splitlines())
    properties, required = {}, []
    for argument, default in _arguments(found, file):
        description = described.get(argument.arg, "")
        properties[argument.arg] = {
            **_typed(argument, file),
            **({"description": description} if description else {}),
            **_constant(default),
        }
        if default is None:
            required.append(argument.arg)
    schema: Schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return {"description": summary, **schema} if summary else schema


def parse_python(file: str, text: str) -> ast.Module:
    """A Python file's text as a tree. Raises SourceError, whose message names `file` and the line."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # those of the user's own code are not for us to tell
            return ast.parse(text, file)
    except SyntaxError as error:
        raise SourceError(f"{file}:{error.lineno or 1}: {error.msg}", hint="the file is not valid Python") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise SourceError(f"{file} can't be read as Python: {str(error) or 'it is nested too deep'}") from error


def _function(module: ast.Module, file: str, name: str) -> Function:
    functions = {node.name: node for node in module.body if isinstance(node, Function)}
    if name not in functions:
        near = did_you_mean(name, list(functions))
        raise SourceError(
            f"{file} has no function '{name}'{near}", hint=f"write `def {name}(…):` at the top level of {file}"
        )
    return functions[name]


class _NoSchema(Exception):
    """No JSON Schema stands for this node of an annotation."""


def _typed(argument: ast.arg, file: str) -> Schema:
    try:
        return {} if argument.annotation is None else _schema(argument.annotation)
    except _NoSchema as error:
        [node] = error.args
        where = f"{file}:{node.lineno}: parameter '{argument.arg}'"
        raise SourceError(
            f"{where} has the type '{ast.unparse(node)[:80]}', which has no JSON Schema",
            hint=f"known are {_KNOWN}; without an annotation, any value is taken",
        ) from error


def _constant(default: ast.expr | None) -> Schema:
    """`default` when it is a plain JSON scalar; any other is the function's own affair."""
    if isinstance(default, ast.Constant) and isinstance(default.value, (str, int, float, bool, type(None))):
        return {"default": default.value}
    return {}


def _arguments(function: Function, file: str) -> Iterator[tuple[ast.arg, ast.expr | None]]:
    """Each parameter, and its default."""
    arguments = function.args
    unnamed = [*arguments.posonlyargs, *filter(None, [arguments.vararg, arguments.kwarg])]
    if unnamed:
        line, name = unnamed[0].lineno, unnamed[0].arg
        message = f"{file}:{line}: parameter '{name}' of '{function.name}' can't be given by name"
        raise SourceError(message, hint="a tool's parameters are named one by one: no `/`, `*args` or `**kwargs`")
    absent = [None] * (len(arguments.args) - len(arguments.defaults))
    yield from zip(arguments.args, [*absent, *arguments.defaults], strict=True)
    yield from zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)


def _schema(node: ast.expr) -> Schema:
    """The schema of an annotation."""
    if isinstance(node, ast.Constant):
        return _written(node)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _either([_schema(node.left), _schema(node.right)])
    if isinstance(node, ast.Subscript):
        return _generic(node, _name(node.value), _items(node.slice))
    name = _name(node)
    if name in _PLAIN:
        return dict(_PLAIN[name])
    if name in _LISTS or name in _DICTS:
        return {"type": "array" if name in _LISTS else "object"}
    raise _NoSchema(node)


def _written(node: ast.Constant) -> Schema:
    """None, or an annotation written as text."""
    if node.value is None:
        return dict(_PLAIN["None"])
    try:
        return _schema(ast.parse(str(node.value), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _NoSchema(node) from error


def _generic(node: ast.Subscript, name: str, items: list[ast.expr]) -> Schema:
    if name in _LISTS and len(items) == 1:
        return _with("array", "items", _schema(items[0]))
    if name in _DICTS and len(items) == 2 and _name(items[0]) == "str":  # noqa: PLR2004 - key and value
        return _with("object", "additionalProperties", _schema(items[1]))
    if name == "Optional" and len(items) == 1:
        return _either([_schema(items[0]), dict(_PLAIN["None"])])
    if name == "Union":
        return _either([_schema(item) for item in items])
    if name == "Literal" and all(_is_literal(item) for item in items):
        return {"enum": [ast.literal_eval(item) for item in items]}
    if name == "Annotated":
        return _schema(items[0])
    raise _NoSchema(node)


def _name(node: ast.expr) -> str:
    """`Optional` of `Optional` and of `typing.Optional`; nothing of what is no name."""
    if isinstance(node, ast.Constant):
        return "None" if node.value is None else str(node.value)
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _items(node: ast.expr) -> list[ast.expr]:
    return node.elts if isinstance(node, ast.Tuple) else [node]


def _is_literal(node: ast.expr) -> bool:
    try:
        return isinstance(ast.literal_eval(node), (str, int, bool, type(None)))
    except (ValueError, TypeError):
        return False


def _with(type_: str, key: str, inner: Schema) -> Schema:
    return {"type": type_, key: inner} if inner else {"type": type_}


def _either(options: list[Schema]) -> Schema:
    """Any of the options; plain types side by side become one list of types, and what takes anything takes all."""
    if any(not option for option in options):
        return {}
    flat = [inner for option in options for inner in option.get("anyOf", [option])]
    if all(set(option) == {"type"} for option in flat):
        names = [name for option in flat for name in _type_names(option)]
        unique = list(dict.fromkeys(names))
        return {"type": unique[0] if len(unique) == 1 else unique}
    return {"anyOf": flat}


def _type_names(option: Schema) -> list[str]:
    types: str | list[str] = option["type"]
    return [types] if isinstance(types, str) else types


def _summary(docstring: str) -> str:
    """The first paragraph, unless it is the `Args:` section."""
    summary = " ".join(line.strip() for line in docstring.split("\n\n", maxsplit=1)[0].splitlines())
    return "" if _ARGUMENTS.fullmatch(summary.split(" ")[0]) else summary


def _described(lines: list[str]) -> dict[str, str]:
    """The entries of the `Args:` section: `name: what`, `name (type): what`, further lines indented deeper."""
    start = next((position for position, line in enumerate(lines) if _ARGUMENTS.fullmatch(line)), len(lines))
    found: dict[str, str] = {}
    name, margin = "", -1
    for line in lines[start + 1 :]:
        indent = len(line) - len(line.lstrip())
        if line.strip() and indent == 0:
            break
        margin = indent if margin < 0 and line.strip() else margin
        entry = _ENTRY.fullmatch(line.strip()) if indent == margin else None
        if entry:
            name = entry[1]
        found[name] = f"{found.get(name, '')} {entry[2] if entry else line.strip()}".strip()
    return found
