"""What a node says, as a hash: all that decides what it does, wherever in the file it stands; not the bodies in it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Set
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from runner.ground.json_value import Json
from runner.language.expression import Expression
from runner.language.template import Template, ValueTemplate
from runner.workflow.mcp_servers import server_of
from runner.workflow.model import Agent, Node, Tool, Workflow

ELSEWHERE = frozenset(
    {
        "at",
        "file",
        "modules",
        "uses",
        "bodies",
        "check",
        "traits",
        "started",
        "reached",
        "filled",
        "target",
        "limits",
        "price",
    }
)
"""The fields that tell where something stands, that are looked at on their own, or that only follow from the spec.

What may be spent, and what is paid, decides nothing of what a step gives: a run goes on with more.

A Python tool's `file` and `modules` are told by their hash."""


LATER = frozenset({"set", "reset", "next", "on_error", "on_crash"})
"""The keys of a node that nothing has used while its step is open."""

_KEYS = {"condition": "if"}
"""What a field of a node is called in YAML, where that is another word."""

_MAIN = frozenset(
    {"argv", "text", "path", "pattern", "items", "total", "names", "places", "order", "conditions", "needed_by"}
)
"""The fields of specs that hold the value of the verb itself."""

_SPEC_KEYS = {"variable": "as", "arguments": "with", "pass_env": "env"}
"""What a field of a spec is called in YAML, where that is another word."""

_GROUPS = frozenset({"program", "joining", "use"})
"""The fields of specs whose own fields are keys of the node."""


def fingerprint(node: Node, workflow: Workflow) -> str:
    """The SHA-256 of a node's own words, and of the agents, models and tools of its workflow that it names."""
    return hashlib.sha256(json.dumps(words_of(node, workflow), sort_keys=True).encode()).hexdigest()


def tool_hash(tool: Tool) -> str:
    """The SHA-256 of what a tool is: all that its entry says, and its code."""
    return hashlib.sha256(json.dumps(_plain(tool), sort_keys=True).encode()).hexdigest()


def words_of(node: Node, workflow: Workflow) -> dict[str, Json]:
    """What a node says, by its keys; under `agents`, `tools` and `models` what those say that it names."""
    fields = (name for name in node.__struct_fields__ if name != "spec" and name not in ELSEWHERE)
    words = {_KEYS.get(name, name): _plain(getattr(node, name)) for name in fields}
    called = node.traits.called.workflow if node.traits.called is not None else ""
    words["workflow"] = _place(called, workflow)
    agents, tools, models = _named(node, workflow)
    return {**words, **_spec(node), "agents": agents, "tools": tools, "models": models}


def _place(called: str, workflow: Workflow) -> str:
    """Where a called workflow's file stands, seen from the calling one: both may have moved together."""
    if called in ("", workflow.file):
        return called and "self"
    return os.path.relpath(called, Path(workflow.file).parent)


def _spec(node: Node) -> dict[str, Json]:
    """What belongs to the node's kind: by its parts where it has such, else under its verb."""
    if not isinstance(node.spec, msgspec.Struct):
        return {f"{node.verb}:": _plain(node.spec)}
    parts = (name for name in node.spec.__struct_fields__ if name not in ELSEWHERE)
    return {f"{node.verb}: {name}": _plain(getattr(node.spec, name)) for name in parts}


def differences_of(old: dict[str, Json], new: dict[str, Json]) -> tuple[str, ...]:
    """The keys that two nodes differ in; what they are called for people counts for nothing."""
    names = [name for name in {**old, **new} if name != "title" and old.get(name) != new.get(name)]
    keys = chain.from_iterable(_keys_of(name, old.get(name), new.get(name)) for name in names)
    return tuple(dict.fromkeys(keys))


def _keys_of(name: str, old: Json, new: Json) -> Iterator[str]:
    """The keys in YAML that a field of a node, which differs, was read from."""
    verb, _, field = name.rpartition(": ")
    if field in _GROUPS and isinstance(old, list) and isinstance(new, list):
        yield from (_SPEC_KEYS.get(key, key) for key in old[1] if old[1][key] != new[1].get(key))
    else:
        yield verb if verb and field in _MAIN else _SPEC_KEYS.get(field, field).removesuffix(":")


def _named(node: Node, workflow: Workflow) -> tuple[Json, Json, Json]:
    held = list(_held(node.spec))
    agents = [one for one in held if isinstance(one, Agent)]
    names = [one for one in held if isinstance(one, str)]
    agents += [workflow.agents[name] for name in names if name in workflow.agents]
    agents += [agent for agent in workflow.delegates_of(agents) if agent not in agents]
    tools: dict[str, Any] = {name: workflow.tools[name] for name in names if name in workflow.tools}
    tools |= {name: workflow.tools[name] for agent in agents for name in agent.tools if name in workflow.tools}
    called = {server_of(name)[0] for name in (*names, *(name for agent in agents for name in agent.tools))}
    tools |= {name: workflow.mcp_servers[name] for name in called if name in workflow.mcp_servers}
    models = {name for agent in agents for name in (agent.model, *agent.fallback)} | set(names)
    used = {name: workflow.models[name] for name in models if name in workflow.models}
    return _plain(agents), _plain(tools), _plain(used)


def _held(part: Any) -> Iterator[str | Agent]:
    """The texts, one of which may be a name, and the agents that a part of a node's spec holds, at any depth."""
    if isinstance(part, str | Agent):
        yield part
    elif isinstance(part, Mapping):
        yield from chain.from_iterable(map(_held, part.values()))
    elif isinstance(part, list | tuple):
        yield from chain.from_iterable(map(_held, part))
    elif isinstance(part, msgspec.Struct) and not isinstance(part, Expression | Template | ValueTemplate):
        yield from chain.from_iterable(_held(getattr(part, name)) for name in part.__struct_fields__)


def _plain(value: Any) -> Json:
    """Any part of a definition as JSON."""
    if isinstance(value, Expression | Template | ValueTemplate):
        return _plain(value.source)
    if isinstance(value, msgspec.Struct):
        known = {name: getattr(value, name) for name in value.__struct_fields__ if name not in ELSEWHERE}
        return [type(value).__name__, _plain(known)]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Set):
        return sorted(map(str, value))
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
