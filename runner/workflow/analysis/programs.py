"""Programs, Python files, variables and hosts that are named in a file must be on the lists of what it may use."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from runner.ground.errors import did_you_mean
from runner.workflow.analysis.findings import Findings
from runner.workflow.compiler import shown_as
from runner.workflow.hosts import authority_of, is_listed
from runner.workflow.loader_variables import STEP_VARIABLES, is_loader_variable
from runner.workflow.model import Tool, Workflow
from runner.workflow.permission_hints import (
    Lacking,
    code_lacking,
    hint_for,
    host_lacking,
    program_lacking,
    variable_lacking,
)
from runner.workflow.permissions import Permissions
from runner.workflow.python_files import is_installed
from runner.workflow.reach import Code, JsonPath, Reached, Started


class _Refusal(NamedTuple):
    """What may not be done: in words, its place, and what is lacking for it."""

    findings: Findings
    words: str
    at: JsonPath
    lacking: Lacking


def check_programs(root: Workflow, findings: Mapping[str, Findings]) -> None:
    """Check the root workflow, and those it calls under what both allow. `findings` are those of each workflow."""
    refused = [*_check_inputs(root, findings[root.file])]
    for workflow, granted in _under_permissions(root):
        for at, started in _started(workflow):
            refused += _check_program(at, started, granted, root.folder or str(Path.cwd()), findings[workflow.file])
            refused += _check_variables(at, started, granted, findings[workflow.file])
        for at, reached in _reached(workflow):
            refused += _check_host(at, reached, granted, findings[workflow.file])
        for tool in workflow.tools.values():
            if tool.code is not None:
                refused += _check_code(tool, tool.code, granted, findings[workflow.file])
    every = [refusal.lacking for refusal in refused]
    for found, words, at, lacking in refused:
        own = found.workflow.file
        hint = hint_for(lacking, every, own if found.source.place(at).file == shown_as(own) else "")
        found.error(words, at, key=at[-1] == lacking.entry, rule="permission", hint=hint)


def _under_permissions(root: Workflow) -> Iterator[tuple[Workflow, Permissions]]:
    """Each workflow of a load, with all that it may do by way of each caller."""
    seen: set[tuple[str, Permissions]] = set()
    waiting = [(root, root.granted)]
    while waiting:
        workflow, granted = waiting.pop()
        if (workflow.file, granted) in seen:
            continue
        seen.add((workflow.file, granted))
        yield workflow, granted
        for called in filter(None, (node.traits.called for node in workflow.nodes)):
            if (callee := root.library.get(called.workflow)) is not None:
                theirs = callee.permissions
                waiting.append((callee, granted if theirs is None else theirs.shared_with(granted)))


def _started(workflow: Workflow) -> Iterator[tuple[JsonPath, Started]]:
    """The programs that nodes and tools start, each with the place of what starts it."""
    for node in workflow.nodes:
        yield from ((node.at, started) for started in node.traits.programs)
    yield from ((tool.at, tool.started) for tool in workflow.tools.values() if tool.started is not None)
    for server in workflow.mcp_servers.values():
        if server.argv:
            yield server.at, Started(("command", 0), server.argv[0], "", server.pass_env, tuple(server.env))


def _reached(workflow: Workflow) -> Iterator[tuple[JsonPath, Reached]]:
    """The hosts that nodes and tools ask, each with the place of what asks it."""
    for node in workflow.nodes:
        yield from ((node.at, reached) for reached in node.traits.hosts)
    yield from ((tool.at, tool.reached) for tool in workflow.tools.values() if tool.reached is not None)
    for server in workflow.mcp_servers.values():
        if (authority := authority_of(server.url)) is not None:
            yield server.at, Reached(("url",), authority.host)


def _check_inputs(root: Workflow, findings: Findings) -> Iterator[_Refusal]:
    """What is not given is taken from the environment for a run alone, not for a call."""
    for name, entry in root.inputs.items():
        if entry.env and entry.env not in root.granted.env:
            yield _variable_refused(("inputs", name, "env"), entry.env, "may not be taken", root.granted, findings)


def _check_program(
    at: JsonPath, started: Started, granted: Permissions, folder: str, findings: Findings
) -> Iterator[_Refusal]:
    program, allowed = started.program, granted.commands
    if program is None or (started.cwd is None and "/" in program and not program.startswith("/")):
        return  # what it is, or where it lies, is known only when the step runs
    search, cwd = os.environ.get("PATH", os.defpath), str(Path(folder, started.cwd or ""))
    lacking = program_lacking(program, granted, search, cwd)
    if not granted.permit(lacking.allows):
        near = "" if granted.deny(lacking.allows) else did_you_mean(program, sorted(allowed))
        words = f"program '{program}' is not permitted{near}"
        yield _Refusal(findings, words, (*at, *started.at), lacking)


def _check_variables(at: JsonPath, started: Started, granted: Permissions, findings: Findings) -> Iterator[_Refusal]:
    for name in started.pass_env:
        if name not in granted.env:
            yield _variable_refused(_variable(at, name, findings), name, "is not permitted", granted, findings)
    for name in started.env:
        if name in STEP_VARIABLES:
            words = f"environment variable '{name}' is wf's own: each step has its value from the run"
            place = _variable(at, name, findings)
            findings.error(words, place, key=True, rule="permission", hint="choose another name")
        elif is_loader_variable(name) and name not in granted.env:
            said = "may not be set: it can make a program run other code"
            yield _variable_refused(_variable(at, name, findings), name, said, granted, findings)


def _check_host(at: JsonPath, reached: Reached, granted: Permissions, findings: Findings) -> Iterator[_Refusal]:
    """Its name alone: to which address that leads is known only when it is asked."""
    host = reached.host
    if not is_listed(host, granted.network):
        words = f"host '{host.entry}' is not permitted{did_you_mean(host.entry, sorted(granted.network))}"
        yield _Refusal(findings, words, (*at, *reached.at), host_lacking(host, granted))


def _variable(at: JsonPath, name: str, findings: Findings) -> JsonPath:
    """Where a node's `env` names a variable: in a mapping, or in a list of names and mappings."""
    for position, entry in enumerate(findings.source.listed((*at, "env"))):
        if entry == name:
            return (*at, "env", position)
        if isinstance(entry, dict) and name in entry:
            return (*at, "env", position, name)
    return (*at, "env", name)


def _variable_refused(at: JsonPath, name: str, said: str, granted: Permissions, findings: Findings) -> _Refusal:
    words = f"environment variable '{name}' {said}{did_you_mean(name, sorted(granted.env))}"
    return _Refusal(findings, words, at, variable_lacking(name, granted))


def _check_code(tool: Tool, code: Code, granted: Permissions, findings: Findings) -> Iterator[_Refusal]:
    """Each file that a Python tool is made of may be run."""
    for path in code.modules:
        lacking = code_lacking(path, granted)
        if granted.permit(lacking.allows):
            continue
        imported = "" if path == code.file else f", which tool '{tool.name}' imports,"
        at = (*tool.at, "python")
        if is_installed(path):
            words = f"'{shown_as(path)}'{imported} belongs to the Python installation, and may not be called by itself"
            hint = "write a function that calls it, in a file beside the workflow"
            findings.error(words, at, rule="permission", hint=hint)
        else:
            words = f"Python file '{shown_as(path)}'{imported} is not permitted"
            yield _Refusal(findings, words, at, lacking)
