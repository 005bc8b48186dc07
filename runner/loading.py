"""A workflow ready to run: compiled, analysed, and with the permissions that this use of it adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec.structs import replace

from runner.analysis import analyse
from runner.compiler import DiskFiles, RecordedFiles, compile_file
from runner.errors import InvalidWorkflow
from runner.model import Loaded, Permissions, Workflow
from runner.nodes import KINDS
from runner.programs import anchored

BUILDERS = {verb: kind.build for verb, kind in KINDS.items()}

Allowed = Mapping[str, Sequence[str]]
"""What is added to a workflow's permissions, by kind: commands, read, write, network, env."""


def load(path: str, allow: Allowed | None = None) -> Loaded:
    """Read, check and compile a workflow from a path or `pattern:name`. Raises InvalidWorkflow with every problem."""
    files = DiskFiles(_resolved((allow or {}).get("read", ())))
    loaded = _allowed(compile_file(path, BUILDERS, files), allow or {})
    problems = analyse(loaded)
    if any(problem.severity == "error" for problem in problems):
        raise InvalidWorkflow(problems)
    return replace(loaded, warnings=tuple(problems))


def load_recorded(path: str, files: RecordedFiles, allow: Allowed) -> Loaded:
    """The workflow that a run is pinned to, from the recorded copy of its files."""
    return _allowed(compile_file(path, BUILDERS, files), allow)


def _allowed(loaded: Loaded, allow: Allowed) -> Loaded:
    if not allow:
        return loaded
    root = replace(loaded.workflow, permissions=widened(loaded.workflow.permissions, allow))
    library: dict[str, Workflow] = dict(loaded.workflow.library)
    root = replace(root, library=library)
    library.update({key: replace(workflow, library=library) for key, workflow in library.items()})
    library[root.file] = root
    return replace(loaded, workflow=root)


def widened(permissions: Permissions | None, allow: Allowed) -> Permissions:
    """Permissions with what `allow` adds; its paths are taken relative to the current folder."""
    own = permissions or Permissions()
    return Permissions(
        own.commands | anchored(allow.get("commands", ()), str(Path.cwd())),
        (*own.read, *_resolved(allow.get("read", ()))),
        (*own.write, *_resolved(allow.get("write", ()))),
        own.network | set(allow.get("network", ())),
        own.env | set(allow.get("env", ())),
    )


def _resolved(paths: Sequence[str]) -> tuple[str, ...]:
    return tuple(str(Path(path).resolve()) for path in paths)
