"""What `nodes` and `results` tell: the records of nodes, and of the branches of a composite."""

from __future__ import annotations

from collections.abc import Collection

from runner.ground.json_value import Json
from runner.record.event_parts import Branches
from runner.record.run_state import PENDING, Nodes, Step, record


def arrived(nodes: Nodes, node: str, status: str, visit: int) -> dict[str, Json]:
    """A node's record as a visit begins: what the visit before gave stays until this one ends."""
    return {**nodes.get(node, PENDING), "status": status, "visits": visit}


def ended(step: Step | None, status: str, visit: int, output: Json, error: Json) -> dict[str, Json]:
    """A node's record when its step has ended."""
    results = None if step is None or step.branches is None else results_of(step)
    return record(status, visit, output, error, results)


def in_order(branches: Branches | None, keys: Collection[str]) -> list[str]:
    """The keys of some of a composite's branches, in the order of the file or of the items."""
    return sorted(keys, key=int) if isinstance(branches, int) else [key for key in branches or () if key in keys]


def result(step: Step, key: str) -> dict[str, Json]:
    """What one branch of a composite gave, with its item if it has one."""
    child = step.children[key]
    items = step.memory.get("items") if isinstance(step.branches, int) else None
    item = {} if items is None else {"item": items[int(key)]}
    return {"status": child.status, "output": child.output, "error": child.error, **item}


def results_of(step: Step) -> Json:
    """What the ended branches of a composite gave: by key in the order of the file, or a list in the items' order."""
    results = {key: result(step, key) for key in in_order(step.branches, step.children)}
    return [*results.values()] if isinstance(step.branches, int) else results


def nodes_around(owner: Step, keys: tuple[str, ...], outer: Nodes) -> Nodes:
    """What a branch sees around it: the branches that it needs, as nodes, and what its composite sees."""
    if not keys:
        return outer
    children = [(key, owner.children[key]) for key in keys]
    return Nodes(((key, record(child.status, 1, child.output, child.error)) for key, child in children), outer)
