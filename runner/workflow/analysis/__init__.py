"""What can be proved about a workflow before it runs."""

from __future__ import annotations

import contextlib

from runner.ground.errors import Problem, TooManyProblems
from runner.workflow.analysis.calls import check_calls
from runner.workflow.analysis.findings import Findings
from runner.workflow.analysis.flow import check_flow
from runner.workflow.analysis.names import check_names
from runner.workflow.analysis.programs import check_programs
from runner.workflow.analysis.races import check_races
from runner.workflow.model import Loaded

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
