"""Branches that may write one state key at the same time, without a reducer to join what they write."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from runner.workflow.analysis.findings import Findings
from runner.workflow.branching import Branching
from runner.workflow.model import Body, JsonPath, Node

Writers = dict[str, JsonPath]
"""Where a body first writes each key."""


def check_races(findings: Findings) -> None:
    """Check every node of a workflow whose bodies run beside each other."""
    for node in findings.workflow.nodes:
        if node.traits.branching is not None:
            _check_node(node, node.traits.branching, findings)


def _check_node(node: Node, branching: Branching, findings: Findings) -> None:
    _check_resets(node, findings)
    if not branching.joined or branching.sequential:
        return
    if branching.items:
        _check_items(node, branching.items, findings)
    else:
        _check_branches(node, branching.after, findings)


def _writers(body: Body) -> Writers:
    found: Writers = {}
    for node in body.nodes.values():
        for key, _ in node.set:
            found.setdefault(key, (*node.at, "set", key))
        for inner in node.bodies.values() if node.check is None else ():  # what a check writes ends with it
            for key, at in _writers(inner).items():
                found.setdefault(key, at)
    return found


def _unguarded(key: str, findings: Findings) -> bool:
    state = findings.workflow.state
    return key in state and state[key].reducer == "set"


def _check_branches(node: Node, after: Mapping[str, tuple[str, ...]], findings: Findings) -> None:
    writers = {name: _writers(node.bodies[name]) for name in after}
    for key in dict.fromkeys(key for several in writers.values() for key in several):
        if not _unguarded(key, findings):
            continue
        # Branches are ordered one after the other exactly if each, in merge order, comes after the one before it.
        names = [name for name in writers if key in writers[name]]
        clashes = [(one, other) for one, other in pairwise(names) if one not in after[other]]
        for first, second in clashes[:1]:
            line = findings.source.place(writers[first][key], key=True).line
            who = f"branch '{first}' (line {line}) and branch '{second}'"
            words = f"state key '{key}' is written by {who} at the same time"
            hint = f"give '{key}' a reducer, or order the branches with `needs`"
            findings.error(words, writers[second][key], rule="race", key=True, hint=hint)


def _check_items(node: Node, body: str, findings: Findings) -> None:
    for key, at in _writers(node.bodies[body]).items():
        if _unguarded(key, findings):
            words = f"state key '{key}' is written by every item of '{node.id}' at the same time"
            hint = f"give '{key}' a reducer, or say `sequential: true`"
            findings.error(words, at, rule="race", key=True, hint=hint)


def _check_resets(node: Node, findings: Findings) -> None:
    for body in node.bodies.values():
        for inner in body.nodes.values():
            if inner.reset:
                hint = "reset it before or after, outside the branches"
                at = (*inner.at, "reset")
                findings.error("a branch can't reset a state key", at, rule="reset", key=True, hint=hint)
