"""Programs, and variables passed on to them, that are named in a file must be on the lists of what it may use."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from runner.ground.errors import did_you_mean
from runner.workflow.analysis.findings import Findings
from runner.workflow.model import JsonPath, Permissions, Started, Workflow
from runner.workflow.programs import is_permitted


def check_programs(root: Workflow, findings: Mapping[str, Findings]) -> None:
    """Check the root workflow, and those it calls under what both allow. `findings` are those of each workflow."""
    seen: set[tuple[str, Permissions]] = set()
    own = root.permissions or Permissions()
    waiting = [(root, Permissions(own.commands, env=own.env))]
    while waiting:
        workflow, granted = waiting.pop()
        if (workflow.file, granted) in seen:
            continue
        seen.add((workflow.file, granted))
        for at, started in _started(workflow):
            _check_program(at, started, granted, root.folder or str(Path.cwd()), findings[workflow.file])
            _check_variables(at, started, granted, findings[workflow.file])
        for called in filter(None, (node.traits.called for node in workflow.nodes)):
            if (callee := root.library.get(called.workflow)) is not None:
                theirs = callee.permissions
                waiting.append((callee, granted if theirs is None else granted.shared_with(theirs)))


def _started(workflow: Workflow) -> Iterator[tuple[JsonPath, Started]]:
    """The programs that nodes and tools start, each with the place of what starts it."""
    for node in workflow.nodes:
        yield from ((node.at, started) for started in node.traits.programs)
    yield from ((tool.at, tool.started) for tool in workflow.tools.values())


def _check_program(at: JsonPath, started: Started, granted: Permissions, folder: str, findings: Findings) -> None:
    program, allowed = started.program, granted.commands
    if program is None or (started.cwd is None and "/" in program and not program.startswith("/")):
        return  # what it is, or where it lies, is known only when the step runs
    if not is_permitted(program, allowed, os.environ.get("PATH", os.defpath), str(Path(folder, started.cwd or ""))):
        _refuse((*at, *started.at), ("commands", f"program '{program}'", program), allowed, findings)


def _check_variables(at: JsonPath, started: Started, granted: Permissions, findings: Findings) -> None:
    for position, name in enumerate(started.pass_env):
        if name not in granted.env:
            said = ("env", f"environment variable '{name}'", name)
            _refuse((*at, "env", position), said, granted.env, findings)


def _refuse(at: JsonPath, said: tuple[str, str, str], allowed: Collection[str], findings: Findings) -> None:
    kind, what, name = said
    listed = sorted(allowed)
    own = findings.workflow.permissions
    if own is not None and name in getattr(own, kind):
        hint = f"this file allows it, and a workflow that calls it does not: permissions: {{{kind}: [{name}]}}"
    else:
        hint = f"add it: permissions: {{{kind}: [{', '.join([*listed, name])}]}}"
    findings.error(f"{what} is not permitted{did_you_mean(name, listed)}", at, rule="permission", hint=hint)
