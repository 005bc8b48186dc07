"""What can be proved about a workflow before it runs."""

from __future__ import annotations

import contextlib

from runner.analysis.calls import check_calls
from runner.analysis.findings import Findings
from runner.analysis.flow import check_flow
from runner.analysis.names import check_names
from runner.analysis.programs import check_programs
from runner.analysis.races import check_races
from runner.errors import Problem, TooManyProblems
from runner.model import Loaded

__all__ = ["analyse"]


def analyse(loaded: Loaded) -> list[Problem]:
    """Everything wrong that the schema can't see: errors and warnings."""
    findings = Findings(loaded)
    with contextlib.suppress(TooManyProblems):
        _look(loaded, findings)
    return findings.problems


def _look(loaded: Loaded, findings: Findings) -> None:
    for workflow in loaded.workflow.library.values():
        check_names(workflow, findings)
        check_calls(workflow, findings)
        check_flow(workflow, findings)
        check_races(workflow, findings)
    check_programs(loaded.workflow, findings)
