"""Branches that may write one state key at the same time, without a reducer to join what they write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

from runner.analysis.findings import Findings
from runner.model import Body, JsonPath, Node, Workflow

Writers = dict[str, JsonPath]
"""Where a body first writes each key."""


def check_races(workflow: Workflow, findings: Findings) -> None:
    """Check every `parallel` and `for_each` of a workflow."""
    for body in workflow.bodies.values():
        for node in body.nodes.values():
            if node.verb in ("parallel", "for_each"):
                _check_resets(workflow, node, findings)
            if node.verb == "parallel" and node.spec.joining.join != "none":
                _check_branches(workflow, node, findings)
            if node.verb == "for_each" and not node.spec.sequential and node.spec.joining.join != "none":
                _check_items(workflow, node, findings)


def _writers(body: Body) -> Writers:
    found: Writers = {}
    for node in body.nodes.values():
        for key, _ in node.set:
            found.setdefault(key, (*node.at, "set", key))
        for inner in node.bodies.values():
            for key, at in _writers(inner).items():
                found.setdefault(key, at)
    return found


def _unguarded(workflow: Workflow, key: str) -> bool:
    return key in workflow.state and workflow.state[key].reducer == "set"


def _check_branches(workflow: Workflow, node: Node, findings: Findings) -> None:
    after: Mapping[str, Sequence[str]] = node.spec.after
    if any(needed not in node.bodies for several in node.spec.needs.values() for needed in several):
        return
    writers = {name: _writers(body) for name, body in node.bodies.items()}
    clashes: dict[str, dict[str, None]] = {}
    for first, second in combinations(node.bodies, 2):
        if first in after[second] or second in after[first]:
            continue
        for key in writers[first].keys() & writers[second].keys():
            if _unguarded(workflow, key):
                clashes.setdefault(key, {}).update({first: None, second: None})
    for key, names in clashes.items():
        *others, last = sorted(names, key=list(node.bodies).index)
        lines = [f"branch '{name}' (line {findings.line(workflow, writers[name][key])})" for name in others]
        words = f"state key '{key}' is written by {', '.join(lines)} and branch '{last}' at the same time"
        hint = f"give '{key}' a reducer, or order the branches with `needs`"
        findings.add(workflow, writers[last][key], words, rule="race", key=True, hint=hint)


def _check_items(workflow: Workflow, node: Node, findings: Findings) -> None:
    for key, at in _writers(node.bodies["do"]).items():
        if _unguarded(workflow, key):
            words = f"state key '{key}' is written by every item of '{node.id}' at the same time"
            hint = f"give '{key}' a reducer, or say `sequential: true`"
            findings.add(workflow, at, words, rule="race", key=True, hint=hint)


def _check_resets(workflow: Workflow, node: Node, findings: Findings) -> None:
    for body in node.bodies.values():
        for inner in body.nodes.values():
            if inner.reset:
                hint = "reset it before or after, outside the branches"
                at = (*inner.at, "reset")
                findings.add(workflow, at, "a branch can't reset a state key", rule="reset", key=True, hint=hint)
