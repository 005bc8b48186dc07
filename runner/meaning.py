"""What a node says, as a hash: all that decides what it does, wherever in the file it stands; not the bodies in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Set
from typing import Any

import msgspec

from runner.expression import Expression
from runner.model import Agent, Json, Node, Workflow
from runner.template import Template, ValueTemplate

ELSEWHERE = frozenset({"at", "uses", "bodies"})
"""The fields that tell where something stands, or that are looked at on their own."""


def meaning(node: Node, workflow: Workflow) -> str:
    """The SHA-256 of a node's own words, and of the agents, models and tools of its workflow that it names."""
    words = [_plain(node), _named(node, workflow)]
    return hashlib.sha256(json.dumps(words, sort_keys=True).encode()).hexdigest()


def _named(node: Node, workflow: Workflow) -> Json:
    agents = [value for value in _values(node.spec) if isinstance(value, Agent)]
    names = [value for value in _values(node.spec) if isinstance(value, str)]
    agents += [workflow.agents[name] for name in names if name in workflow.agents]
    tools = {name: workflow.tools[name] for name in names if name in workflow.tools}
    tools |= {name: workflow.tools[name] for agent in agents for name in agent.tools if name in workflow.tools}
    models = {name for agent in agents for name in (agent.model, *agent.fallback)} | set(names)
    used = {name: workflow.models[name] for name in models if name in workflow.models}
    return _plain([agents, tools, used])


def _values(spec: Any) -> list[Any]:
    """What a node's spec holds at its top, and in the mappings and lists there."""
    found = [getattr(spec, name) for name in spec.__struct_fields__] if isinstance(spec, msgspec.Struct) else []
    inner = [list(value.values()) if isinstance(value, Mapping) else value for value in found]
    return found + [item for value in inner if isinstance(value, list | tuple) for item in value]


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
