"""Constant parts of expressions: what fails whenever it is met, such as a pattern that is none, is wrong beforehand."""

from __future__ import annotations

from runner.language.expression import Expression
from runner.workflow.analysis.findings import Findings


def check_constants(findings: Findings) -> None:
    """Note every constant part that can only fail."""
    workflow = findings.workflow
    for use in (*workflow.uses, *(use for node in workflow.nodes for use in node.uses)):
        for fault in use.value.faults if isinstance(use.value, Expression) else ():
            place = findings.source.place(use.at, offset=fault.offset, width=fault.width)
            findings.note(fault.message, place, fault.hint, "expression")
