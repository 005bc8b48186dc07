"""Whether agents delegate in a circle: a task could then be passed on from one to the next without end."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

from runner.workflow.analysis.findings import Findings


def check_delegation(findings: Findings) -> None:
    """Check that no agent of a workflow may come to delegate to itself, by way of others or at once."""
    agents = findings.workflow.agents
    try:
        TopologicalSorter({name: agent.agents for name, agent in agents.items()}).prepare()
    except CycleError as error:
        circle = error.args[1][::-1]
        words = "agents delegate in a circle: " + " → ".join(f"'{name}'" for name in circle)
        hint = f"take '{circle[1]}' out of the `agents` of '{circle[0]}'"
        findings.error(words, ("agents", circle[0]), hint=hint, key=True)
