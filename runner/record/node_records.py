"""What `nodes` and `results` tell: the records of nodes, and of the branches of a composite."""

from __future__ import annotations

from collections.abc import Iterable

from runner.ground.json_value import Json
from runner.record.run_state import PENDING, Nodes, Step, record


def arrived(nodes: Nodes, node: str, status: str, visit: int) -> dict[str, Json]:
    """A node's record as a visit begins: what the visit before gave stays until this one ends."""
    return {**nodes.get(node, PENDING), "status": status, "visits": visit}


def ended(step: Step | None, status: str, visit: int, output: Json, error: Json) -> dict[str, Json]:
    """A node's record when its step has ended."""
    branches = step is not None and step.verb in ("parallel", "for_each")
    return record(status, visit, output, error, results_of(step) if step is not None and branches else None)


def order_of(step: Step) -> Iterable[str]:
    """The keys of a composite's branches, in the order of the file or of the items: that in which they are merged."""
    return step.memory["order"] if step.verb == "parallel" else map(str, range(len(step.memory["items"])))


def results_of(step: Step) -> Json:
    """What the ended branches of a composite gave, in the order of the file, or of the items as a list."""
    ended = {key: step.children[key] for key in order_of(step) if key in step.children}
    results = {
        key: {"status": child.status, "output": child.output, "error": child.error} for key, child in ended.items()
    }
    return results if step.verb == "parallel" else [*results.values()]


def needed(owner: Step, keys: tuple[str, ...], outer: Nodes) -> Nodes:
    """What a branch sees around it: the branches that it needs, as nodes, and what its composite sees."""
    if not keys:
        return outer
    children = [(key, owner.children[key]) for key in keys]
    return Nodes(((key, record(child.status, 1, child.output, child.error)) for key, child in children), outer)
