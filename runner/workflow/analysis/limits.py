"""What the limits of a workflow do not hold: lists that are too long for it, branches that can't run at once."""

from __future__ import annotations

from runner.ground.errors import Problem
from runner.workflow.analysis.findings import Findings
from runner.workflow.branching import Branching
from runner.workflow.model import NO_VERB, Body, Node
from runner.workflow.step_counts import StepCounts


def check_limits(findings: Findings) -> None:
    """Check every node with branches, and what a whole run takes at least."""
    for node in findings.workflow.nodes:
        if node.traits.branching is not None:
            _check_concurrency(findings, node)
    _check_steps(findings)


def _check_steps(findings: Findings) -> None:
    """Refuse lists that are too long: alone, with what is beside them in a node, or with all that a run has to do."""
    workflow, refused = findings.workflow, list[Node]()
    allowed, counts, without = workflow.limits.max_steps, StepCounts(workflow), StepCounts(workflow, with_lists=False)
    for node in sorted(workflow.nodes, key=lambda node: len(node.at), reverse=True):
        least, is_list = counts.of_node(node), node.traits.branching is not None and node.traits.branching.items
        is_told = not is_list and any(inner.at[: len(node.at)] == node.at for inner in refused)
        if without.of_node(node) < least > allowed and not is_told:
            _refuse(findings, node, "this", least)
            refused.append(node)
    least = counts.of_body(workflow.body)
    if not refused and without.of_body(workflow.body) < least > allowed:
        _refuse(findings, max(workflow.body.nodes.values(), key=counts.of_node), "the workflow", least)


def _refuse(findings: Findings, node: Node, taker: str, least: int) -> None:
    allowed, branching = findings.workflow.limits.max_steps, node.traits.branching or Branching()
    words = f"with its lists {taker} takes {least} steps at least, and max_steps is {allowed}"
    if branching.items and taker == "this":
        total = f"a list of {branching.total}"
        words = f"{total} can't be gone through within max_steps {allowed}: it takes {least} steps at least"
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
