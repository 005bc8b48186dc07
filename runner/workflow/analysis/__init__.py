"""What can be proved about a workflow before it runs."""

from __future__ import annotations

import contextlib

from runner.ground.errors import Problem, TooManyProblems
from runner.workflow.analysis.calls import check_calls
from runner.workflow.analysis.checks import check_checks
from runner.workflow.analysis.constants import check_constants
from runner.workflow.analysis.delegation import check_delegation
from runner.workflow.analysis.findings import Findings
from runner.workflow.analysis.flow import check_flow
from runner.workflow.analysis.limits import check_limits
from runner.workflow.analysis.names import check_names
from runner.workflow.analysis.numbers import check_numbers
from runner.workflow.analysis.programs import check_programs
from runner.workflow.analysis.races import check_races
from runner.workflow.analysis.secrecy import check_secrets
from runner.workflow.model import Loaded

__all__ = ["analyse"]


def analyse(loaded: Loaded) -> list[Problem]:
    """Everything wrong that the schema can't see: errors and warnings."""
    problems: list[Problem] = []
    library = loaded.workflow.library
    findings = {key: Findings(loaded.sources[key], problems, each, loaded.texts) for key, each in library.items()}
    with contextlib.suppress(TooManyProblems):
        for of_one in findings.values():
            check_names(of_one)
            check_constants(of_one)
            check_numbers(of_one)
            check_calls(of_one)
            check_delegation(of_one)
            check_flow(of_one)
            check_checks(of_one)
            check_races(of_one)
            check_limits(of_one)
        check_programs(loaded.workflow, findings)
        check_secrets(findings)
    return problems
