"""Programs that are named in a file must be on the list of those that it may run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from runner.analysis.findings import Findings
from runner.errors import did_you_mean
from runner.model import JsonPath, Node, Program, Workflow
from runner.programs import is_permitted

Allowed = frozenset[str]

SHELL = "sh"


class _Named(NamedTuple):
    """A program, where it is named, and the folder it starts in, below the root file's; None where a template says."""

    at: JsonPath
    program: str
    cwd: str | None


def check_programs(root: Workflow, findings: Findings) -> None:
    """Check the root workflow, and those it calls under what both allow."""
    seen: set[tuple[str, Allowed]] = set()
    waiting = [(root, root.permissions.commands if root.permissions is not None else frozenset())]
    while waiting:
        workflow, allowed = waiting.pop()
        if (workflow.file, allowed) in seen:
            continue
        seen.add((workflow.file, allowed))
        for named in _programs(workflow):
            _check(workflow, named, allowed, root.folder or str(Path.cwd()), findings)
        for node in _nodes(workflow):
            callee = root.library.get(node.spec.target) if node.verb == "workflow" else None
            if callee is not None:
                own = callee.permissions
                waiting.append((callee, allowed if own is None else own.commands & allowed))


def _nodes(workflow: Workflow) -> Iterator[Node]:
    for body in workflow.bodies.values():
        yield from body.nodes.values()


def _programs(workflow: Workflow) -> Iterator[_Named]:
    for node in _nodes(workflow):
        if node.verb == "command":
            yield from _named(node.spec, node.at)
        elif node.verb == "script":
            yield _Named((*node.at, "script"), SHELL, "")
    for name in _used_tools(workflow):
        tool = workflow.tools[name]
        yield from _named(tool.program, tool.at)


def _named(program: Program, at: JsonPath) -> Iterator[_Named]:
    """The program, unless a template says which it is; a Python tool has none."""
    if program.argv and program.argv[0].literal:
        cwd = program.cwd
        yield _Named((*at, "command", 0), program.argv[0].source, cwd.source if cwd.literal else None)


def _used_tools(workflow: Workflow) -> Iterator[str]:
    named = [node.spec.tool for node in _nodes(workflow) if node.verb == "tool"]
    named += [name for agent in workflow.agents.values() for name in agent.tools]
    yield from (name for name in dict.fromkeys(named) if name in workflow.tools)


def _check(workflow: Workflow, named: _Named, allowed: Allowed, folder: str, findings: Findings) -> None:
    program = named.program
    if named.cwd is None and "/" in program and not program.startswith("/"):
        return  # where it lies is known only when the step runs
    if is_permitted(program, allowed, os.environ.get("PATH", os.defpath), str(Path(folder, named.cwd or ""))):
        return
    near = did_you_mean(program, sorted(allowed))
    hint = f"add it: permissions: {{commands: [{', '.join([*sorted(allowed), program])}]}}"
    findings.add(workflow, named.at, f"program '{program}' is not permitted{near}", rule="permission", hint=hint)
