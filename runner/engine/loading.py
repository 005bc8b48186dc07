"""A workflow ready to run: compiled, analysed, and with the permissions that this use of it adds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec.structs import replace

from runner.ground.errors import InvalidWorkflow, UsageError
from runner.ground.json_value import Json
from runner.ground.plain import one_line
from runner.language.schema import bundle
from runner.nodes import ALL_KINDS
from runner.record.definitions import texts_of
from runner.record.run_state import RunState
from runner.record.store.contract import Store
from runner.workflow.analysis import analyse
from runner.workflow.compiler import DiskFiles, RecordedFiles, compile_file, in_file_order
from runner.workflow.model import Loaded, Workflow
from runner.workflow.permissions import Permissions
from runner.workflow.programs import anchored

Allowed = Mapping[str, Sequence[str]]
"""What is added to a workflow's permissions, by kind: commands, read, write, python, network, env."""


Denied = Allowed
"""What is taken away from them."""

Agents = Mapping[str, str]
"""Files that hold an agent each, by absolute path, and the names of the agents that they replace."""


def load_workflow(
    path: str, allow: Allowed | None = None, agents: Agents | None = None, deny: Denied | None = None
) -> Loaded:
    """Read, check and compile a workflow from a path or `pattern:name`.

    Raises InvalidWorkflow with every problem; UsageError for what no list of permissions could hold.
    """
    _refuse_unfit("--allow", allow or {})
    _refuse_unfit("--deny", deny or {})
    folders = [str(Path(file).parent) for file in (agents or {}).values()]
    files = DiskFiles((*_resolved((allow or {}).get("read", ())), *folders))
    python = with_absolute_paths(allow or {}).get("python", ())
    compiled, problems = compile_file(path, ALL_KINDS, files, agents, python)
    loaded = _granted(compiled, allow or {}, deny or {})
    problems = in_file_order([*problems, *analyse(loaded)], loaded.sources)
    if any(problem.severity == "error" for problem in problems):
        raise InvalidWorkflow(problems)
    return replace(loaded, warnings=tuple(problems))


def load_recorded(path: str, files: RecordedFiles, options: Mapping[str, Json]) -> Loaded:
    """The workflow that a run is pinned to, from the recorded copy of its files and the run's options."""
    allow = options.get("allow", {})
    loaded, problems = compile_file(path, ALL_KINDS, files, options.get("agents"), allow.get("python", ()))
    if any(problem.severity == "error" for problem in problems):
        raise InvalidWorkflow(in_file_order(problems, loaded.sources))
    return _granted(loaded, allow, options.get("deny", {}))


def _refuse_unfit(option: str, given: Allowed) -> None:
    """Refuse what would stand for nothing in a file's `permissions`: who denies it would believe that it is denied."""
    common: Mapping[str, Json] = bundle()["$defs"]["common"]["$defs"] if given else {}
    for kind, values in given.items():
        items: Mapping[str, Json] = common["permissions"]["properties"][kind]["items"]
        form: Mapping[str, Json] = common[items["$ref"].rpartition("/")[2]] if "$ref" in items else items
        for value in values:
            if re.search(str(form.get("pattern", "")), value) is None:
                raise UsageError(f"{option} {kind}:{one_line(value)}: {form['errorMessage']}")


def _granted(loaded: Loaded, allow: Allowed, deny: Denied) -> Loaded:
    if not (allow or deny):
        return loaded
    library: dict[str, Workflow] = dict(loaded.workflow.library)
    permissions = narrowed(widened(loaded.workflow.granted, allow), deny)
    root = replace(loaded.workflow, permissions=permissions, library=library)
    library.update({key: replace(workflow, library=library) for key, workflow in library.items()})
    library[root.file] = root
    return replace(loaded, workflow=root)


def widened(own: Permissions, allow: Allowed) -> Permissions:
    """Permissions with what `allow` adds; its paths are taken relative to the current folder."""
    more = with_absolute_paths(allow)
    return Permissions(
        own.commands | set(more.get("commands", ())),
        (*own.read, *more.get("read", ())),
        (*own.write, *more.get("write", ())),
        own.network | set(more.get("network", ())),
        own.env | set(more.get("env", ())),
        (*own.python, *more.get("python", ())),
        own.file,
    )


def narrowed(own: Permissions, deny: Denied) -> Permissions:
    """Permissions without what `deny` names: there is more than entries by that name, as what lies below a folder."""
    if not deny:
        return own
    denied = widened(Permissions(), deny)
    return replace(own, network=own.network - denied.network, env=own.env - denied.env, denied=denied)


def with_absolute_paths(allow: Allowed) -> dict[str, list[str]]:
    """What is allowed, with its paths made absolute: so it means the same in another folder."""
    found = {kind: list(values) for kind, values in allow.items()}
    for kind in found.keys() & {"read", "write", "python"}:
        found[kind] = list(_resolved(found[kind]))
    if "commands" in found:
        found["commands"] = sorted(anchored(found["commands"], str(Path.cwd())))
    return found


def _resolved(paths: Sequence[str]) -> tuple[str, ...]:
    return tuple(str(Path(path).resolve()) for path in paths)


def pinned(store: Store, state: RunState, definition: str = "") -> Loaded:
    """The version that a run goes by now, or another that it went by before, as it was recorded.

    It stands in the run's own folder: others may have recorded the same version from elsewhere.
    """
    found = store.definition(definition or state.definition)
    path, texts = texts_of(replace(found, folder=state.options.get("folder") or found.folder))
    return load_recorded(path, RecordedFiles(texts), state.options)
