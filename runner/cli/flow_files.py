"""The word for a workflow on the command line, where no file can be behind it: what is there instead."""

from __future__ import annotations

from pathlib import Path

from runner.ground.errors import InvalidWorkflow, Problem
from runner.ground.plain import plain
from runner.language.source import near_name
from runner.workflow.compiler.files import PATTERN

MOST_NAMED = 5
"""How many files of a folder a message names."""


def checked_flow(flow: str) -> str:
    """The word for a workflow, once it is known that something can be there. Raises InvalidWorkflow."""
    if "://" in flow:
        hint = "fetch the file, read it, and run it: wf run FILE"
        raise InvalidWorkflow(
            [Problem(f"'{flow}' is an address: only files and bundled patterns can be run", hint=hint)]
        )
    path = Path(flow)
    if flow.startswith(PATTERN) or path.is_file() or (path.exists() and not path.is_dir()):
        return flow
    why = "it is a folder" if path.is_dir() else f"there is no such file{near_name(path)}"
    raise InvalidWorkflow([Problem(f"can't read {plain(flow)}: {why}", hint=_workflows_in(path), rule="yaml")])


def _workflows_in(path: Path) -> str:
    """The workflows that lie in a folder, or beside a file that is not there, to be run; without any, how to begin."""
    folder = path if path.is_dir() else path.parent
    if not folder.is_dir():
        return f"there is no folder {plain(str(folder))} either"
    found = sorted(str(file) for file in folder.glob("*.y*ml") if not file.name.endswith(".mock.yaml"))
    if not found:
        return "wf init writes a first workflow, flow.yaml"
    more = " …" if len(found) > MOST_NAMED else ""
    return f"in that folder are: {plain(', '.join(found[:MOST_NAMED]))}{more}"
