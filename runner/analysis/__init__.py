"""What can be proved about a workflow before it runs."""

from __future__ import annotations

from runner.analysis.findings import Findings
from runner.analysis.flow import check_flow
from runner.analysis.names import check_names
from runner.analysis.programs import check_programs
from runner.analysis.races import check_races
from runner.errors import Problem
from runner.model import Loaded

__all__ = ["analyse"]


def analyse(loaded: Loaded) -> list[Problem]:
    """Everything wrong that the schema can't see, in file order: errors and warnings, each once."""
    findings = Findings(loaded.sources)
    for workflow in loaded.workflow.library.values():
        check_names(workflow, findings)
        check_flow(workflow, findings)
        check_races(workflow, findings)
    check_programs(loaded.workflow, findings)
    return findings.in_order()
