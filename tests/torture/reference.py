"""What a workflow means, in the plainest words: an interpreter that goes through the file, branch after branch.

It knows no events, no scheduler and no record. It is told which calls fail, and in which order branches ended, since
that may decide a join; it takes nothing else from the run that it is compared with.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field

from runner.ground.json_value import Json

Node = dict[str, Json]
Outcome = Callable[[str, int], str]
Order = Callable[[str, int], Sequence[tuple[str, str]]]
Log = list[tuple[str, Json]]

CONDITIONS: dict[str, Callable[[Json, int], bool]] = {
    "true": lambda _state, _visits: True,
    "false": lambda _state, _visits: False,
    "state.total % 2 == 0": lambda state, _visits: bool(state["total"] % 2 == 0),
    "state.top < 2": lambda state, _visits: bool(state["top"] < 2),
    "size(state.xs) > 2": lambda state, _visits: len(state["xs"]) > 2,
    "state.n > 1": lambda state, _visits: bool(state["n"] > 1),
    "visits < 3": lambda _state, visits: visits < 3,
}


class Failing(str):
    """A type of error; of a workflow that failed, with those of what made it fail. A policy takes it for each."""

    causes: set[str]

    def __new__(cls, type_: str, cause: str = "") -> Failing:
        made = super().__new__(cls, type_)
        made.causes = {type_} | getattr(cause, "causes", {cause})
        return made


class Broken(Exception):
    """A step, a body or a workflow has failed, with this type of error."""

    def __init__(self, type_: str) -> None:
        super().__init__(type_)
        self.type = type_


class Over(Exception):
    """An `end` node was reached: the workflow that it stands in ends with this status."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


@dataclass
class State:
    """A frame's values, the `first` keys that have theirs, all that the frame has contributed, what it began with."""

    values: dict[str, Json]
    reducers: dict[str, str]
    settled: set[str] = field(default_factory=set)
    log: Log = field(default_factory=list)
    start: Mapping[str, Json] = field(default_factory=dict)

    def branch(self, contributions: Iterable[tuple[str, Json]] = ()) -> State:
        """A copy that has these contributions, and none of its own yet."""
        copy = State(deepcopy(self.values), self.reducers, set(self.settled))
        copy.write(contributions)
        copy.log, copy.start = [], dict(copy.values)
        return copy

    def write(self, contributions: Iterable[tuple[str, Json]]) -> None:
        for key, value in contributions:
            self.log.append((key, value))
            how = self.reducers.get(key, "set")
            if how != "first" or key not in self.settled:
                self.values[key] = reduced(how, self.values[key], value)
                self.settled.add(key)


def reduced(how: str, old: Json, value: Json) -> Json:
    """What a key holds after a contribution. Raises Broken."""
    if how in {"add", "max", "set"} and isinstance(value, str):
        raise Broken("state_invalid")
    match how:
        case "append":
            return [*old, value]
        case "add" if not -(2**63) <= old + value < 2**63:
            raise Broken("state_invalid")
        case "add":
            return old + value
        case "max":
            return max(old, value)
        case "union":
            return old + [item for place, item in enumerate(value) if item not in old + value[:place]]
    return value


@dataclass
class Edit:
    """A value that a person puts into a key of one frame's state, at a moment of the run.

    `places` tells at which step each open frame is then, and at which attempt (0: before it); `begun` which branches
    of open composites have begun by then, or will never.
    """

    frame: str
    key: str
    value: Json
    places: dict[str, tuple[str, int]]
    begun: set[str]
    before: Json = None
    changed: set[str] = field(default_factory=set)

    def happen(self, frame: Frame, step: str, attempt: int) -> State | None:
        """Change a frame that is at this very point, if it is the one, or a copy that still is as that was.

        What the frame held before, if it is changed.
        """
        state = frame.state
        if self.places.get(frame.path) != (step, attempt):
            return None
        before = state.branch()
        if frame.path == self.frame:
            self.before = before.values[self.key]
            state.log = [entry for entry in state.log if entry[0] != self.key]
            state.log += [(self.key, part) for part in self.parts(state)]
        elif frame.outer not in self.changed or not self.follows(state):
            return None
        self.put(state)
        self.changed.add(frame.path)
        return before

    def parts(self, state: State) -> list[Json]:
        """What a branch that began with `state.start` contributes to come to the value."""
        start = state.start[self.key]
        match state.reducers.get(self.key):
            case "append":
                return list(self.value[len(start) :])
            case "union":
                return [self.value[len(start) :]]
            case "add":
                return [self.value - start]
        return [self.value]

    def follows(self, state: State) -> bool:
        """Whether nothing was written to a copy's key, and it holds what was there before."""
        return all(key != self.key for key, _ in state.log) and state.values[self.key] == self.before

    def put(self, state: State) -> None:
        state.values[self.key] = self.value
        state.settled.add(self.key)


@dataclass
class Frame:
    """A body being gone through. `around` is what templates see in it beside the state.

    `outer` is the frame around a branch; `before` the state before an edit that came while a composite was open.
    """

    path: str
    state: State
    around: dict[str, int] = field(default_factory=dict)
    visits: dict[str, int] = field(default_factory=dict)
    handled: str = ""
    statuses: dict[str, str] = field(default_factory=dict)
    outer: str | None = None
    before: State | None = None

    def step(self, id_: str, visit: int) -> str:
        """The address of a step; that of a branch which is a single node is the branch's own."""
        name = f"{id_}#{visit}" if visit > 1 else id_
        return "/".join(part for part in (self.path.rstrip("/"), name) if part)

    def outputs(self, file: Node) -> dict[str, Json]:
        """What a workflow's outputs tell of its nodes."""
        ids = [step["id"] for step in file["steps"]]
        return {f"of_{id_}": [self.statuses.get(id_, "pending"), self.visits.get(id_, 0)] for id_ in ids}


@dataclass
class Branch:
    """How a branch ended, and what it leaves. `handled` is the error of its last step, which `on_error` took."""

    status: str
    error: str = ""
    handled: str = ""
    over: str = ""
    log: Log = field(default_factory=list)
    final: State | None = None


@dataclass
class Reference:
    """One run of a workflow. `outcome` says how an attempt fails, if it does; `leaves` are the calls' statuses."""

    files: dict[str, Node]
    outcome: Outcome
    order: Order
    leaves: dict[str, str] = field(default_factory=dict)
    edit: Edit | None = None

    def run(self) -> tuple[str, Json]:
        """The run's status, and its outputs or the type of its error."""
        try:
            return "completed", self.workflow("flow.yaml", "")
        except Broken as broken:
            return "failed", broken.type

    def workflow(self, name: str, path: str) -> dict[str, Json]:
        """A workflow's outputs, called by the step at `path`. Raises Broken."""
        file = self.files[name]
        prefix = f"{path}/" if path else ""
        reducers = {key: entry["reducer"] for key, entry in file["state"].items() if "reducer" in entry}
        values = {key: deepcopy(entry["default"]) for key, entry in file["state"].items()}
        state = State(values, reducers, start=dict(values))
        frame = Frame(prefix, state)
        ended = self.aside(frame, file)
        if ended.error and not ended.over and "rescue" in file:
            rescue = self.aside(Frame(f"{prefix}rescue", state), file["rescue"])
            ended = rescue if rescue.over else ended
        outputs = {**deepcopy(state.values), **frame.outputs(file)}
        if "finally" in file:
            self.aside(Frame(f"{prefix}finally", state.branch()), file["finally"])
        if ended.error:
            raise Broken(Failing("workflow_failed", ended.error) if path else ended.error)
        return outputs

    def aside(self, frame: Frame, body: Node) -> Branch:
        """Go through a body, whatever becomes of it."""
        try:
            status = self.body(frame, body)
        except Broken as broken:
            return Branch("failed", broken.type)
        except Over as over:
            error = "workflow_failed" if over.status == "failed" else ""
            return Branch("completed", error, over=over.status, log=frame.state.log)
        error = frame.handled if status == "failed" else ""
        return Branch(status, handled=error, log=frame.state.log, final=frame.state)

    def body(self, frame: Frame, body: Node) -> str:
        """Go from node to node; the body's status. Raises Broken, Over."""
        if "steps" not in body:
            return self.arrive(frame, body)[0]
        ids = [step["id"] for step in body["steps"]]
        place, status = 0, "completed"
        while place < len(ids):
            status, to = self.arrive(frame, body["steps"][place])
            place = ids.index(to) if to else place + 1
        return "failed" if status == "failed" else "completed"

    def arrive(self, frame: Frame, node: Node) -> tuple[str, str]:
        """One visit to a node: its status, and where it leads, if not to the next. Raises Broken, Over."""
        id_ = node.get("id", "")
        visit = frame.visits[id_] = frame.visits.get(id_, 0) + 1
        path = frame.step(id_, visit)
        self.moment(frame, path, 0)
        try:
            frame.statuses[id_] = self.visit(frame, node, visit, path)
            to = routed(node, frame, visit)
        except Over:
            frame.statuses[id_] = "completed"
            raise
        except Broken as broken:
            frame.statuses[id_] = "failed"
            to = handled(node, broken, frame, visit)
            frame.handled = broken.type
        finally:
            if "command" in node:
                self.leaves[path] = frame.statuses[id_]
        return frame.statuses[id_], to

    def visit(self, frame: Frame, node: Node, visit: int, path: str) -> str:
        """What a visit does: its status. Raises Broken, Over."""
        if visit > node.get("max_visits", visit):
            raise Broken("loop_limit")
        if not CONDITIONS[node.get("if", "true")](frame.state.values, visit):
            return "skipped"
        if "end" in node:
            raise Over(node["end"])
        length, contributions = self.retried(frame, node, path)
        changed = frame.state.branch()
        changed.write(contributions)
        seen = Seen(changed.values, frame.around, visit, length, path)
        changed.write([(key, seen.value(text)) for key, text in node.get("set", {}).items()])
        frame.state.write(changed.log)
        return "completed"

    def retried(self, frame: Frame, node: Node, path: str) -> tuple[int, Log]:
        """What a node does, again as long as its policy says so. Raises Broken, Over."""
        policy = node.get("retry", {"max_attempts": 1, "errors": ()})
        for attempt in itertools.count(1):
            try:
                return self.attempt(frame, node, path, attempt)
            except Broken as broken:
                causes = getattr(broken.type, "causes", {broken.type})
                if causes.isdisjoint(policy["errors"]) or attempt >= policy["max_attempts"]:
                    raise
        raise AssertionError("a policy has an end")

    def attempt(self, frame: Frame, node: Node, path: str, attempt: int) -> tuple[int, Log]:
        """What a node does: how many outputs it gives, and what its branches contribute. Raises Broken, Over."""
        composite = "parallel" in node or "for_each" in node
        before = self.moment(frame, path, attempt) if composite or attempt == 1 else None
        if "command" in node and (error := self.outcome(path, attempt)):
            raise Broken(error)
        if "workflow" in node:
            self.workflow(node["workflow"], path)
        if composite:
            return self.join(frame, node, (path, attempt), before)
        return 0, []

    def moment(self, frame: Frame, step: str, attempt: int) -> State | None:
        """What a frame held before an edit that happens here, if one does."""
        return None if self.edit is None else self.edit.happen(frame, step, attempt)

    def join(self, frame: Frame, node: Node, at: tuple[str, int], before: State | None) -> tuple[int, Log]:
        """Branches, each for itself, in the order in which they ended; until the join is met. Raises Broken, Over."""
        path, attempt = at
        frame.before = before
        prefix = path if attempt == 1 else f"{path}~{attempt}"
        total = len(node["parallel"] if "parallel" in node else node["for_each"])
        ended: dict[str, Branch] = {}
        met = total == 0 and "join" not in node
        order = () if met else self.order(path, attempt)
        for place, (key, status) in enumerate(order):
            branch = ended[key] = self.branch(frame, node, prefix, key, ended)
            assert branch.status == status, f"branch {key} of {path} is {status}, and should be {branch.status}"
            if branch.over:
                frame.state.write(branch.log)
                raise Over(branch.over)
            if any(later == "omitted" for _, later in order[place + 1 : place + 2]):
                continue  # what the end of one branch rules out is passed over with it
            if met := is_met(node, total, ended):
                break
        if not met:
            assert total == 0, f"the join of {path} was never met"
            raise Broken("workflow_failed")
        completed = [key for key in ended if ended[key].status == "completed"]
        passed_over = [key for key in ended if ended[key].handled and "join" not in node]
        merged = [key for key in order_of_merging(node) if key in {*completed, *passed_over}]
        contributions = [contribution for key in merged for contribution in ended[key].log]
        return len(completed) if "parallel" in node else total, contributions

    def branch(self, frame: Frame, node: Node, prefix: str, key: str, ended: dict[str, Branch]) -> Branch:
        """Go through one branch, which starts from what it may see."""
        if "for_each" in node:
            path = f"{prefix}[{key}]"
            before = [ended[str(index)] for index in range(int(key))] if "sequential" in node else []
            finals = [branch.final for branch in before if branch.final]
            state = self.start(frame, path, finals[-1] if finals else None).branch()
            around = {**frame.around, "item": node["for_each"][int(key)], "index": int(key)}
            return self.aside(Frame(path, state, around, outer=frame.path), node["do"])
        body, path = node["parallel"][key], f"{prefix}/{key}"
        needs = [ended[other] for other in body.get("needs", ())]
        if any(branch.status not in {"completed", "skipped"} and not branch.handled for branch in needs):
            return Branch("omitted")
        needed = needs_of(node["parallel"], key)
        seen = [change for other in order_of_merging(node) if other in needed for change in ended[other].log]
        state = self.start(frame, path, None).branch(seen)
        if "steps" in body and not CONDITIONS[body.get("if", "true")](state.values, 1):
            return Branch("skipped")
        return self.aside(Frame(path, state, frame.around, outer=frame.path), body)

    def start(self, frame: Frame, path: str, final: State | None) -> State:
        """What a branch starts from: what the one before it left, or its composite's frame, as they were by then."""
        if self.edit is None or frame.before is None:
            return final or frame.state
        if path in self.edit.begun:
            return final or frame.before
        if final is not None and self.edit.follows(final):
            self.edit.put(final)
        return final or frame.state


@dataclass
class Seen:
    """What templates see at a step."""

    state: dict[str, Json]
    around: dict[str, int]
    visits: int
    length: int
    path: str

    def value(self, text: Json) -> Json:
        return VALUES[text](self) if isinstance(text, str) else text


VALUES: dict[str, Callable[[Seen], Json]] = {
    "{{ state.total + 1 }}": lambda seen: seen.state["total"] + 1,
    "{{ state.top + 1 }}": lambda seen: seen.state["top"] + 1,
    "{{ visits }}": lambda seen: seen.visits,
    "{{ state.xs | length }}": lambda seen: len(seen.state["xs"]),
    "{{ item }}": lambda seen: seen.around["item"],
    "{{ item + index }}": lambda seen: seen.around["item"] + seen.around["index"],
    "{{ output | length }}": lambda seen: seen.length,
    "{{ output.text }}": lambda seen: seen.path,
}


def routed(node: Node, frame: Frame, visit: int) -> str:
    """Where a node leads; empty: to the next."""
    for route in node.get("next", ()):
        if CONDITIONS[route.get("when", "true")](frame.state.values, visit):
            return str(route["to"])
    return ""


def handled(node: Node, broken: Broken, frame: Frame, visit: int) -> str:
    """Where a failed node leads. Raises Broken when nothing takes the error."""
    handler = node.get("on_error")
    if handler == "continue":
        return routed(node, frame, visit)
    if isinstance(handler, str):
        return handler
    if handler and broken.type == "network":  # the only error that a route asks for
        return str(handler[0]["to"])
    raise broken


def is_met(node: Node, total: int, ended: dict[str, Branch]) -> bool:
    """Whether a join is met. Raises Broken when it can't be any more, with the error of the last branch that failed."""
    if "complete_when" in node and len(ended) >= int(node["complete_when"].rpartition(" ")[2]):
        return True
    completed = sum(branch.status == "completed" for branch in ended.values())
    failed = sum(branch.status == "failed" and not branch.handled for branch in ended.values())
    if "join" in node:
        needed = 1 if node["join"] == "any" else node["join"]
        impossible = completed + total - len(ended) < needed
        over = completed >= needed
    else:
        tolerated = node.get("tolerate", 0)
        impossible = failed > (total / 2 if tolerated == "50%" else tolerated)
        over = len(ended) == total
    if impossible:
        errors = [branch.error or (branch.handled if "join" in node else "") for branch in ended.values()]
        raise Broken(next(filter(None, reversed(errors)), "workflow_failed"))
    return bool(over)


def needs_of(branches: dict[str, Node], key: str) -> set[str]:
    """All that a branch needs, and what that needs."""
    direct = set(branches[key].get("needs", ()))
    return direct.union(*(needs_of(branches, other) for other in direct))


def order_of_merging(node: Node) -> list[str]:
    """The branches as the file lists them, each after all that it needs."""
    if "for_each" in node:
        return [str(index) for index in range(len(node["for_each"]))]
    left, order = list(node["parallel"]), list[str]()
    while left:
        ready = next(key for key in left if needs_of(node["parallel"], key) <= set(order))
        left.remove(ready)
        order.append(ready)
    return order
