"""What a node says, as a hash: all that decides what it does, wherever in the file it stands; not the bodies in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Set
from itertools import chain
from typing import Any

import msgspec

from runner.ground.json_value import Json
from runner.language.expression import Expression
from runner.language.template import Template, ValueTemplate
from runner.workflow.model import Agent, Node, Workflow

ELSEWHERE = frozenset({"at", "file", "modules", "uses", "bodies", "traits"})
"""The fields that tell where something stands, that are looked at on their own, or that only follow from the spec.

A Python tool's `file` and `modules` are told by its `code`."""


def fingerprint(node: Node, workflow: Workflow) -> str:
    """The SHA-256 of a node's own words, and of the agents, models and tools of its workflow that it names."""
    words = [_plain(node), _named(node, workflow)]
    return hashlib.sha256(json.dumps(words, sort_keys=True).encode()).hexdigest()


def _named(node: Node, workflow: Workflow) -> Json:
    held = list(_held(node.spec))
    agents = [one for one in held if isinstance(one, Agent)]
    names = [one for one in held if isinstance(one, str)]
    agents += [workflow.agents[name] for name in names if name in workflow.agents]
    tools = {name: workflow.tools[name] for name in names if name in workflow.tools}
    tools |= {name: workflow.tools[name] for agent in agents for name in agent.tools if name in workflow.tools}
    models = {name for agent in agents for name in (agent.model, *agent.fallback)} | set(names)
    used = {name: workflow.models[name] for name in models if name in workflow.models}
    return _plain([agents, tools, used])


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
