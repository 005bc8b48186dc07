"""What wf uses of other packages beyond what they document: an upgrade that changes some of it fails here.

Where the list is wrong, the test says how the installed packages have it: put that in its place.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from tests.project import ROOT

CHECKED = {
    "httpx2": ("httpx2", "2.16.2"),
    "jinja2": ("jinja2", "3.1.6"),
    "lark": ("lark", "1.3.1"),
    "litellm": ("litellm", "1.106.2"),
    "openai": ("litellm", "1.106.2"),
    "ruamel": ("ruamel.yaml", "0.19.1"),
    "sqlite_utils": ("sqlite-utils", "4.2.1"),
}
"""The requirement in pyproject.toml that brings each package, and the version that the list was made for."""

INTERNALS: dict[str, dict[str, str]] = {
    "httpx2": {
        "AsyncHTTPTransport._pool": "",
        "AsyncHTTPTransport.handle_async_request": "self, request",
    },
    "jinja2.filters": {
        "FILTERS": "",
        "do_batch": "value, linecount, fill_with=",
        "do_int": "value, default=, base=",
        "do_round": "value, precision=, method=",
        "do_truncate": "env, s, length=, killwords=, end=, leeway=",
        "sync_do_slice": "value, slices, fill_with=",
    },
    "jinja2.tests": {
        "TESTS": "",
    },
    "jinja2.lexer": {
        "TokenStream": "generator, name, filename",
    },
    "jinja2.parser": {
        "Parser": "environment, source, name=, filename=, state=",
    },
    "jinja2.runtime": {
        "Context": "environment, parent, name, blocks, globals=",
        "Context.call._loop_vars": "",
        "Context.environment": "",
        "Context.parent": "",
        "Context.resolve_or_missing": "self, key",
        "Context.vars": "",
        "LoopContext": "iterable, undefined, recurse=, depth0=",
        "Macro": "environment, func, name, arguments, catch_kwargs, catch_varargs, caller, default_autoescape=",
    },
    "jinja2.sandbox": {
        "ImmutableSandboxedEnvironment": "*args, **kwargs",
        "ImmutableSandboxedEnvironment.call": "__self, __context, __obj, *args, **kwargs",
        "ImmutableSandboxedEnvironment.call_binop": "self, context, operator, left, right",
        "ImmutableSandboxedEnvironment.call_unop": "self, context, operator, arg",
        "ImmutableSandboxedEnvironment.concat": "iterable",
        "ImmutableSandboxedEnvironment.filters": "",
        "ImmutableSandboxedEnvironment.getattr": "self, obj, attribute",
        "ImmutableSandboxedEnvironment.getitem": "self, obj, argument",
        "ImmutableSandboxedEnvironment.globals": "",
        "ImmutableSandboxedEnvironment.intercepted_binops": "",
        "ImmutableSandboxedEnvironment.intercepted_unops": "",
        "ImmutableSandboxedEnvironment.tests": "",
    },
    "jinja2.utils": {
        "Namespace": "*args, **kwargs",
        "Namespace._Namespace__attrs": "",
        "missing": "",
    },
    "jinja2.visitor": {
        "NodeTransformer": "",
        "NodeTransformer.generic_visit": "self, node, *args, **kwargs",
        "NodeTransformer.get_visitor": "self, node",
        "NodeVisitor": "",
        "NodeVisitor.get_visitor": "self, node",
        "NodeVisitor.visit": "self, node, *args, **kwargs",
    },
    "jinja2": {
        "StrictUndefined._fail_with_undefined_error": "self, *args, **kwargs",
        "StrictUndefined._undefined_hint": "",
        "StrictUndefined._undefined_message": "",
        "StrictUndefined._undefined_name": "",
        "StrictUndefined._undefined_obj": "",
    },
    "lark.grammar": {
        "Rule": "origin, expansion, order=, alias=, options=",
        "Terminal": "name, filter_out=",
    },
    "lark.lexer": {
        "BasicLexer": "conf, comparator=",
    },
    "lark.parsers.lalr_analysis": {
        "Shift": "",
    },
    "lark.parsers.lalr_parser": {
        "LALR_Parser._parse_table": "",
    },
    "litellm.litellm_core_utils": {
        "default_encoding": "",
    },
    "litellm.main": {
        "completion._skip_mcp_handler": "",
    },
    "litellm": {
        "anthropic_beta_headers_manager": "",
        "anthropic_beta_headers_manager.get_provider_name": "provider",
        "disable_aiohttp_transport": "",
        "disable_hf_tokenizer_download": "",
        "drop_params": "",
        "in_memory_llm_clients_cache": "",
        "modify_params": "",
        "suppress_debug_info": "",
    },
    "openai._base_client": {
        "SyncAPIClient._client": "",
    },
    "ruamel.yaml.docinfo": {
        "DocInfo": "requested_version=, doc_version=, tags=",
    },
    "ruamel.yaml.error": {
        "MarkedYAMLError": "context=, context_mark=, problem=, problem_mark=, note=, warn=",
    },
    "ruamel.yaml.events": {
        "AliasEvent": "anchor, start_mark=, end_mark=, style=, comment=",
        "CollectionEndEvent": "start_mark=, end_mark=, comment=",
        "CollectionStartEvent": "anchor, tag, implicit, start_mark=, end_mark=, flow_style=, comment=, nr_items=",
        "DocumentStartEvent": "start_mark=, end_mark=, explicit=, version=, tags=, comment=",
        "Event": "start_mark=, end_mark=, comment=",
        "MappingEndEvent": "start_mark=, end_mark=, comment=",
        "MappingStartEvent": "anchor, tag, implicit, start_mark=, end_mark=, flow_style=, comment=, nr_items=",
        "ScalarEvent": "anchor, tag, implicit, value, start_mark=, end_mark=, style=, comment=",
        "SequenceEndEvent": "start_mark=, end_mark=, comment=",
        "StreamEndEvent": "start_mark=, end_mark=, comment=",
    },
    "ruamel.yaml.loader": {
        "SafeLoader": "stream, version=, preserve_quotes=",
        "SafeLoader.buffer": "",
        "SafeLoader.check_event": "self, *choices",
        "SafeLoader.check_printable": "self, data",
        "SafeLoader.doc_infos": "",
        "SafeLoader.flow_context": "",
        "SafeLoader.forward": "self, length=",
        "SafeLoader.get_event": "self",
        "SafeLoader.get_mark": "self",
        "SafeLoader.pointer": "",
        "SafeLoader.scan_tag": "self",
    },
    "ruamel.yaml.tokens": {
        "TagToken": "value, start_mark, end_mark",
    },
    "sqlite_utils.utils": {
        "sqlite3": "",
    },
}
"""The internals by module: each name, and its parameters if it can be called."""

LISTED = {f"{module}:{name}": said for module, names in INTERNALS.items() for name, said in names.items()}

DOCUMENTED = {
    *("click", "click.shell_completion", "httpcore", "httpx", "jinja2", "jinja2.exceptions", "jinja2.nodes"),
    *(
        "jsonschema",
        "jsonschema.validators",
        "lark",
        "markupsafe",
        "msgspec",
        "msgspec.structs",
        "pysqlite3",
        "re2",
        "referencing",
    ),
    *("anyio", "httpcore2", "httpx2", "mcp_types", "pydantic", "xllamacpp"),
    *(
        "mcp.client.client",
        "mcp.client.context",
        "mcp.client.streamable_http",
        "mcp.shared.exceptions",
        "mcp.shared.message",
    ),
    *("rich.console", "rich.live", "rich.table", "rich.text", "ruamel.yaml", "sqlite_utils"),
}
"""The modules whose own names are there for everybody."""

MADE_TO_BE_DERIVED = {
    "click:Group",
    "click:IntRange",
    "click:ParamType",
    "httpcore2:AsyncNetworkBackend",
    "httpcore:AsyncNetworkBackend",
    "httpx2:AsyncByteStream",
    "msgspec:Struct",
    "pydantic:BaseModel",
}
"""The classes whose methods are documented as being there to be overridden."""

PYTHONS_OWN = {"_meta", "_ncallbacks"}
"""Private names of the standard library that are used (how many functions `atexit` is to call), and a key of MCP's."""

PRIVATE = re.compile(r"_[a-z]\w*|_[A-Z][A-Za-z]*__\w+")


def read_modules() -> dict[str, ast.Module]:
    paths = sorted((ROOT / "runner").rglob("*.py"))
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths]
    return dict(zip(names, (ast.parse(path.read_text(encoding="utf-8")) for path in paths), strict=True))


MODULES = read_modules()


def is_foreign(origin: str) -> bool:
    return re.split("[.:]", origin)[0] not in {"runner", *sys.stdlib_module_names}


def origins(tree: ast.Module) -> dict[str, str]:
    """Where the imported names of a module come from: `jinja2` or `jinja2:Undefined`."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name: f"{node.module}:{alias.name}" for alias in node.names}
        if isinstance(node, ast.Import):
            found |= {alias.asname or alias.name.partition(".")[0]: alias.name for alias in node.names}
    return found


ORIGINS = {name: origins(tree) for name, tree in MODULES.items()}
CLASSES = {
    f"{name}:{node.name}": node
    for name, tree in MODULES.items()
    for node in tree.body
    if isinstance(node, ast.ClassDef)
}


def foreign_bases(qualified: str) -> Iterator[str]:
    """The classes of other packages from which a class of ours derives, by way of others of ours too."""
    module = qualified.partition(":")[0]
    for base in CLASSES[qualified].bases:
        name, _, inner = ast.unparse(base).partition("[")[0].partition(".")
        origin = ORIGINS[module].get(name, f"{module}:{name}") + (f":{inner}" if inner else "")
        if origin in CLASSES:
            yield from foreign_bases(origin)
        elif is_foreign(origin) and origin not in MADE_TO_BE_DERIVED:
            yield origin


def is_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and ast.unparse(node.value) in {"self", "super()"}


def names_in(node: ast.ClassDef) -> set[str]:
    """What a class defines, and what it uses of itself."""
    names = {inner.name for inner in node.body if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef)}
    targets = (target for inner in node.body if isinstance(inner, ast.Assign) for target in inner.targets)
    annotated = (inner.target for inner in node.body if isinstance(inner, ast.AnnAssign))
    names |= {target.id for target in (*targets, *annotated) if isinstance(target, ast.Name)}
    names |= {inner.attr for inner in ast.walk(node) if isinstance(inner, ast.Attribute) and is_self(inner)}
    return {name for name in names if not name.startswith("__")}


def inherited() -> Iterator[str]:
    """What our classes override or use of those that they derive from."""
    for qualified, node in CLASSES.items():
        for base in foreign_bases(qualified):
            yield from (f"{base}.{name}" for name in names_in(node) if installed(f"{base}.{name}") != GONE)


def imported() -> Iterator[str]:
    """What stands in modules, or is set in modules, that are not documented."""
    for module, tree in MODULES.items():
        known = {name: origin for name, origin in ORIGINS[module].items() if is_foreign(origin)}
        known = {name: origin for name, origin in known.items() if origin.partition(":")[0] not in DOCUMENTED}
        yield from (origin for origin in known.values() if ":" in origin)
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in known:
                origin = known[node.value.id]
                yield f"{origin}{'.' if ':' in origin else ':'}{node.attr}"


def ours(node: ast.AST) -> str:
    """The name that a piece of our own code gives, if it gives one."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name
    if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
        return node.id if isinstance(node, ast.Name) else node.attr
    return ""


def spelled(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def private() -> Iterator[str]:
    """Private names that are none of ours, as the list has them."""
    nodes = [node for tree in MODULES.values() for node in ast.walk(tree)]
    parts_of_text = {part for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    names = {spelled(node) for node in nodes if node not in parts_of_text} - set(map(ours, nodes))
    listed = {use.rpartition(".")[2]: use for use in LISTED}
    private = (name for name in names - PYTHONS_OWN if PRIVATE.fullmatch(name))
    yield from (listed.get(name, f"somewhere:{name}") for name in private)


GONE = "is not there"


def installed(use: str) -> str:
    """How an installed package has a name: its parameters, or nothing if it is not called."""
    module, _, path = use.partition(":")
    *owners, name = path.split(".")
    try:
        owner: Any = import_module(module)
        for step in owners:
            owner = getattr(owner, step)
    except (ImportError, AttributeError):
        return GONE
    found = getattr(owner, name, None)
    if callable(found):
        return parameters(found)
    return "" if inspect.ismodule(found) or is_written_in(owner, name) else GONE


def is_written_in(owner: Any, name: str) -> bool:
    """Whether the source of a module, function or class, or of one it derives from, sets, defines or quotes a name."""
    places = [place for place in getattr(owner, "__mro__", [owner]) if getattr(place, "__module__", "") != "builtins"]
    form = re.compile(rf"""(?:^ *|self\.(?:loader\.)?|def |["']){unmangled(name)}\b""", re.MULTILINE)
    return any(form.search(source(place)) for place in places)


@cache
def source(place: Any) -> str:
    """The source of a module, function or class; of a class that its package takes for its own, that of its file."""
    try:
        return inspect.getsource(place)
    except OSError:
        methods = [member for member in vars(place).values() if inspect.isfunction(member)]
        return Path(methods[0].__code__.co_filename).read_text(encoding="utf-8")


def unmangled(name: str) -> str:
    """A name as its class writes it: `__attrs` for `_Namespace__attrs`."""
    return re.sub(r"^_[A-Z][A-Za-z]*(?=__)", "", name)


def parameters(found: Any) -> str:
    said = [
        str(one.replace(annotation=one.empty, default=one.empty)) + ("" if one.default is one.empty else "=")
        for one in inspect.signature(found).parameters.values()
    ]
    return ", ".join(map(unmangled, said))


LATE = ("litellm", "openai")
"""What no test has in its own process: it takes seconds, and some of them see to it that it is not loaded."""

APART = """
import json, sys
from runner.world.providers.library import load_litellm
from tests.language.test_foreign_internals import installed
load_litellm()
print(json.dumps({use: installed(use) for use in sys.argv[1:]}))
"""


def installed_apart(uses: list[str]) -> dict[str, str]:
    """The same in a process of its own."""
    command = [sys.executable, "-c", APART, *uses]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    told: dict[str, str] = json.loads(ended.stdout)
    return told


def test_the_list_is_of_all_internals_as_they_are_installed() -> None:
    uses = {*inherited(), *imported(), *private()}
    late = {use for use in uses if use.startswith(LATE)}
    found = {use: installed(use) for use in uses - late} | installed_apart(sorted(late))
    wrong = [
        f"{use}: listed as {LISTED.get(use)!r}, found as {found.get(use)!r}"
        for use in sorted(found.keys() | LISTED.keys())
        if found.get(use) != LISTED.get(use)
    ]
    assert not wrong, "\n" + "\n".join(wrong)


@pytest.mark.parametrize("package", sorted({re.split("[.:]", use)[0] for use in LISTED}))
def test_a_package_whose_internals_are_used_is_capped(package: str) -> None:
    name, checked = CHECKED[package]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {one.name: one.specifier for one in map(Requirement, project["dependencies"])}[name]
    assert any(one.operator == "<" for one in wanted)
    assert checked in wanted
    assert version(name) in wanted
