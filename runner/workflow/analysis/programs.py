"""Programs, and variables passed on to them, that are named in a file must be on the lists of what it may use."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from runner.ground.errors import did_you_mean
from runner.workflow.analysis.findings import Findings
from runner.workflow.model import JsonPath, Node, Permissions, Program, Workflow
from runner.workflow.programs import is_permitted

SHELL = "sh"


class _Named(NamedTuple):
    """A program, where it is named, and the folder it starts in, below the root file's; None where a template says."""

    at: JsonPath
    program: str
    cwd: str | None


class _Granted(NamedTuple):
    """The programs and the variables that a workflow may use where it is called."""

    commands: frozenset[str]
    env: frozenset[str]

    def to(self, callee: Workflow) -> _Granted:
        """What a called workflow gets: the intersection with its own permissions, if it has any."""
        own = callee.permissions
        return self if own is None else _Granted(self.commands & own.commands, self.env & own.env)


def check_programs(root: Workflow, findings: Findings) -> None:
    """Check the root workflow, and those it calls under what both allow."""
    seen: set[tuple[str, _Granted]] = set()
    own = root.permissions or Permissions()
    waiting = [(root, _Granted(own.commands, own.env))]
    while waiting:
        workflow, granted = waiting.pop()
        if (workflow.file, granted) in seen:
            continue
        seen.add((workflow.file, granted))
        for named in _programs(workflow):
            _check_program(workflow, named, granted.commands, root.folder or str(Path.cwd()), findings)
        for at, variables in _passed_on(workflow):
            _check_variables(workflow, at, variables, granted.env, findings)
        callees = [root.library.get(node.spec.target) for node in _nodes(workflow) if node.verb == "workflow"]
        waiting += [(callee, granted.to(callee)) for callee in callees if callee is not None]


def _nodes(workflow: Workflow) -> Iterator[Node]:
    for body in workflow.bodies.values():
        yield from body.nodes.values()


def _programs(workflow: Workflow) -> Iterator[_Named]:
    for node in _nodes(workflow):
        if node.verb == "command":
            yield from _named(node.spec, node.at)
        elif node.verb == "script":
            yield _Named((*node.at, "script"), SHELL, "")
    for tool in workflow.tools.values():
        yield from _named(tool.program, tool.at)


def _named(program: Program, at: JsonPath) -> Iterator[_Named]:
    """The program, unless a template says which it is; a Python tool has none."""
    if program.argv and program.argv[0].literal:
        cwd = program.cwd
        yield _Named((*at, "command", 0), program.argv[0].source, cwd.source if cwd.literal else None)


def _passed_on(workflow: Workflow) -> Iterator[tuple[JsonPath, Collection[str]]]:
    """Where a program is given variables by their names, and which."""
    for node in _nodes(workflow):
        if node.verb in ("command", "script"):
            program = node.spec if node.verb == "command" else node.spec.program
            yield (*node.at, "env"), program.pass_env
    for tool in workflow.tools.values():
        yield (*tool.at, "env"), tool.program.pass_env


def _check_program(
    workflow: Workflow, named: _Named, allowed: Collection[str], folder: str, findings: Findings
) -> None:
    program = named.program
    if named.cwd is None and "/" in program and not program.startswith("/"):
        return  # where it lies is known only when the step runs
    if not is_permitted(program, allowed, os.environ.get("PATH", os.defpath), str(Path(folder, named.cwd or ""))):
        _refuse(workflow, named.at, ("commands", f"program '{program}'", program), allowed, findings)


def _check_variables(
    workflow: Workflow, at: JsonPath, variables: Collection[str], allowed: Collection[str], findings: Findings
) -> None:
    for position, name in enumerate(variables):
        if name not in allowed:
            said = ("env", f"environment variable '{name}'", name)
            _refuse(workflow, (*at, position), said, allowed, findings)


def _refuse(
    workflow: Workflow, at: JsonPath, said: tuple[str, str, str], allowed: Collection[str], findings: Findings
) -> None:
    kind, what, name = said
    listed = sorted(allowed)
    own = workflow.permissions
    if own is not None and name in getattr(own, kind):
        hint = f"this file allows it, and a workflow that calls it does not: permissions: {{{kind}: [{name}]}}"
    else:
        hint = f"add it: permissions: {{{kind}: [{', '.join([*listed, name])}]}}"
    words = f"{what} is not permitted{did_you_mean(name, listed)}"
    findings.add(workflow, at, words, rule="permission", hint=hint)
