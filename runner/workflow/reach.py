"""What nodes and tools start, ask and run, as far as their file says it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from runner.language.template import Template
from runner.workflow.hosts import Host

JsonPath = tuple[str | int, ...]
"""Keys and indices from a file's root to a value in it."""


class Started(msgspec.Struct, frozen=True):
    """A program that a node or a tool starts, and at which path below it the program is named.

    `program` and `cwd` are None where a template says them. `pass_env` are variables passed on from wf's own, `env`
    those that are set. `argv` stands item by item where the program, its first, is named.
    """

    at: JsonPath
    program: str | None
    cwd: str | None
    pass_env: tuple[str, ...]
    env: tuple[str, ...] = ()
    argv: tuple[Template, ...] = ()


class Reached(msgspec.Struct, frozen=True):
    """A host that a node or a tool asks, and at which path below it the host is named."""

    at: JsonPath
    host: Host


class Code(msgspec.Struct, frozen=True):
    """What a Python tool is made of: the texts, by absolute path, of its `file` and of all that it imports from beside.

    `hash` is theirs.
    """

    file: str
    modules: Mapping[str, str] = msgspec.field(default_factory=dict)
    hash: str = ""
