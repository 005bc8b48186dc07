"""What the limits of a workflow do not hold: lists that are too long for it, branches that can't run at once."""

from __future__ import annotations

from runner.ground.errors import Problem
from runner.workflow.analysis.findings import Findings
from runner.workflow.model import NO_VERB, Body, Node
from runner.workflow.step_counts import least_steps


def check_limits(findings: Findings) -> None:
    """Check every node with branches."""
    for node in findings.workflow.nodes:
        if node.traits.branching is not None:
            _check_steps(findings, node)
            _check_concurrency(findings, node)


def _check_steps(findings: Findings, node: Node) -> None:
    allowed, least = findings.workflow.limits.max_steps, least_steps(node)
    if least > allowed:
        total = (node.traits.branching.total if node.traits.branching else None) or 0
        words = f"a list of {total} can't be gone through within max_steps {allowed}: it takes {least} steps at least"
        hint = f"set limits: {{max_steps: {least}}} or more, or go through fewer items"
        findings.error(words, (*node.at, node.verb), hint=hint, rule="limits")


def _check_concurrency(findings: Findings, node: Node) -> None:
    branching, most = node.traits.branching, findings.workflow.limits.max_concurrency
    if branching is None or branching.at_once is None or branching.at_once <= most or branching.sequential:
        return
    if (branching.total is None or branching.total > most) and all(map(_only_attempts, node.bodies.values())):
        words = f"{branching.at_once} branches can't run at once: the limit of the workflow is {most} attempts"
        hint = f"set limits: {{max_concurrency: {branching.at_once}}}, or a smaller max_concurrency here"
        place = findings.source.place((*node.at, "max_concurrency"))
        findings.problems.append(Problem(words, place, hint, "warning", "limits"))


def _only_attempts(body: Body) -> bool:
    """Whether all that a body does is done by attempts, which the limit counts; waiting for people is not."""
    return all(_is_attempt(node) for node in body.nodes.values() if node.verb != NO_VERB)


def _is_attempt(node: Node) -> bool:
    traits = node.traits
    return bool(traits.programs or traits.agents or (traits.called is not None and traits.called.tool))
