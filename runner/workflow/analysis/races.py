"""Branches that may write one state key at the same time, without a reducer, or go on with one session."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice, pairwise

from runner.workflow.analysis.findings import Findings
from runner.workflow.branching import Branching
from runner.workflow.model import Body, Node
from runner.workflow.reach import JsonPath

Writers = dict[str, JsonPath]
"""Where a body first writes each key."""


def check_races(findings: Findings) -> None:
    """Check every node of a workflow whose bodies run beside each other."""
    for node in findings.workflow.nodes:
        if node.traits.branching is not None:
            _check_node(node, node.traits.branching, findings)


def _check_node(node: Node, branching: Branching, findings: Findings) -> None:
    _check_resets(node, findings)
    if not branching.sequential:
        _check_sessions(node, branching, findings)
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


def _sessions(body: Body) -> Writers:
    """Where a body first names each session, as far as the file itself says which."""
    found: Writers = {}
    for node in body.nodes.values():
        named = node.traits.session
        if named is not None and named.literal:
            found.setdefault(named.source, (*node.at, "session"))
        for inner in node.bodies.values():
            found = {**_sessions(inner), **found}
    return found


def _check_sessions(node: Node, branching: Branching, findings: Findings) -> None:
    """A conversation goes on in one step at a time."""
    if branching.items:
        for name, at in _sessions(node.bodies[branching.items]).items():
            words = f"session '{name}' is gone on with by every item of '{node.id}' at the same time"
            findings.error(words, at, rule="race", hint="say `sequential: true`, or name a session for each item")
        return
    named = {branch: _sessions(node.bodies[branch]) for branch in branching.after}
    for name, first, second in _clashes(named, branching.after):
        line = findings.source.place(named[first][name]).line
        words = f"session '{name}' is gone on with by branch '{first}' (line {line}) and branch '{second}' at once"
        hint = "order them with `needs`, or name two sessions"
        findings.error(words, named[second][name], rule="race", hint=hint)


def _clashes(used: Mapping[str, Writers], after: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, str, str]]:
    """What several branches use that are not in order: its name, and the first two such branches.

    They are ordered one after the other exactly if each, in merge order, comes after the one before it.
    """
    for name in dict.fromkeys(name for several in used.values() for name in several):
        users = [branch for branch in used if name in used[branch]]
        clashes = ((name, one, other) for one, other in pairwise(users) if one not in after[other])
        yield from islice(clashes, 1)


def _unguarded(key: str, findings: Findings) -> bool:
    state = findings.workflow.state
    return key in state and state[key].reducer == "set"


def _check_branches(node: Node, after: Mapping[str, tuple[str, ...]], findings: Findings) -> None:
    writers = {name: _writers(node.bodies[name]) for name in after}
    for key, first, second in _clashes(writers, after):
        if _unguarded(key, findings):
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
