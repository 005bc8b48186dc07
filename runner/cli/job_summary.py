"""What a run leaves in a job of GitHub Actions: a summary with its picture and costs, and its failure at its line."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from runner.cli.graph_command import mermaid_of_run
from runner.cli.speaking import annotate
from runner.engine.loading import pinned
from runner.engine.runs import RunResult, result_of
from runner.ground.errors import Problem
from runner.ground.json_value import Json
from runner.ground.plain import counted, one_line
from runner.ground.plain_file import open_to_append
from runner.record.address import OUTPUTS
from runner.record.answers import as_typed
from runner.record.events import Commit
from runner.record.history import load_state
from runner.record.run_state import RunState
from runner.record.store.contract import Store
from runner.seeing.diagram import find_node
from runner.seeing.subscribers.lines import spent
from runner.workflow.model import Loaded

LONGEST_VALUE = 300
_MARKUP = re.compile(r"[^\w ]", re.ASCII)


class JobSummary:
    """Hears a run, and when it leaves this process tells the job how it stands: a listener."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._run = ""

    def heard(self, commit: Commit, _state: RunState) -> None:
        self._run = commit.run

    def close(self) -> None:
        """Append the summary to the job's, and annotate the node whose failure the run could not take."""
        if not self._run:
            return
        state = load_state(self._store, self._run)
        result, loaded = result_of(self._run, state), pinned(self._store, state)
        if result.error is not None and result.status == "failed":
            annotate([_failure(loaded, result.error)], err=True)
        if path := os.environ.get("GITHUB_STEP_SUMMARY"):
            picture = mermaid_of_run(self._store, self._run, result.status, loaded)
            with suppress(OSError), open_to_append(Path(path)) as summary:  # it is no part of the run
                summary.write(_summary(result, picture))


def _failure(loaded: Loaded, error: Mapping[str, Json]) -> Problem:
    workflow, step = loaded.workflow, str(error["step"])
    found = find_node(workflow, step)
    outputs = {f"{OUTPUTS}.{name}": (OUTPUTS, name) for name in workflow.outputs}
    at = found[1].at if found else outputs.get(step, ())
    place = loaded.sources[workflow.file].place(at, key=True)
    return Problem(f"{error['type']}: {error['message']}", place)


def _summary(result: RunResult, picture: str) -> str:
    used = spent(result.known_tokens, result.cost_usd, result.tokens is not None)
    lines = [
        f"### {_literal(result.workflow)}: {result.status}",
        "",
        f"Run {result.run}: {counted(result.steps, 'step')}{f', {used}' if used else ''}.",
    ]
    if result.error is not None:
        lines += ["", f"{result.error['type']}: {_literal(result.error['message'])}"]
    if result.outputs:
        lines += ["", "| output | value |", "|---|---|"]
    for name, value in result.outputs.items():
        lines.append(f"| {_literal(name)} | {_literal(as_typed(value))} |")
    return "\n".join([*lines, "", "```mermaid", picture.rstrip(), "```", "", ""])


def _literal(text: str) -> str:
    """Text on one line of Markdown that stays what it is: all that could be markup as an entity."""
    shown = one_line(text, LONGEST_VALUE)
    return _MARKUP.sub(lambda found: f"&#{ord(found.group())};" if found.group().isascii() else found.group(), shown)
