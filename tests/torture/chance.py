"""Random workflows: nested bodies of all the kinds that branch, loop, fail and end, as a file says them.

Conditions and values come from small fixed sets, so that the reference (`reference.py`) can know what they mean without
looking into the language.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from runner.ground.json_value import Json

Node = dict[str, Json]

STATE: dict[str, Node] = {
    "n": {"type": "integer", "default": 0},
    "xs": {"type": "array", "default": [], "reducer": "append"},
    "total": {"type": "integer", "default": 1, "reducer": "add"},
    "top": {"type": "integer", "default": 0, "reducer": "max"},
    "tags": {"type": "array", "default": ["a"], "reducer": "union"},
    "once": {"type": ["integer", "string", "null"], "default": None, "reducer": "first"},
    "late": {"type": ["integer", "string", "null"], "default": None, "reducer": "last"},
}
SHARED = tuple(key for key, entry in STATE.items() if "reducer" in entry)
"""The keys that concurrent branches may write."""

CONDITIONS = ("true", "false", "state.total % 2 == 0", "state.top < 2", "size(state.xs) > 2", "state.n > 1")
NUMBERS = ("{{ state.total + 1 }}", "{{ state.top + 1 }}", "{{ visits }}", "{{ state.xs | length }}")
LISTS: tuple[list[Json], ...] = (["a", "b"], [1, 1, 2], [])
LENGTHS = ((3, 6), (1, 4), (1, 3), (1, 2))
"""How many nodes a body has, by how deep it lies."""

RETRY = {"max_attempts": 3, "initial_interval": "1s", "jitter": False, "errors": ["network"]}


@dataclass(frozen=True, slots=True)
class Around:
    """Where a node stands: how deep, whether its siblings run at the same time, whether it has an `item`."""

    depth: int
    concurrent: bool = False
    item: bool = False


@dataclass
class Chance:
    """Makes one workflow, and those that it calls."""

    random: Random
    files: dict[str, Node] = field(default_factory=dict)
    nodes: int = 0

    def flow(self) -> dict[str, Node]:
        """Files by name; the root is `flow.yaml`."""
        for number in range(self.random.choice((0, 0, 1, 2))):
            self.files[f"child{number}.yaml"] = self.workflow(f"child{number}", Around(1))
        self.files["flow.yaml"] = self.workflow("flow", Around(0))
        self.files["flow.yaml"]["limits"] |= {"max_concurrency": self.random.choice((1, 2, 8))}
        self.files["flow.yaml"]["permissions"] = {"commands": ["x"]}
        return self.files

    def odds(self, chance: float) -> bool:
        return self.random.random() < chance

    def workflow(self, name: str, around: Around) -> Node:
        steps = self.steps(around)
        outputs = {key: f"{{{{ state.{key} }}}}" for key in STATE}
        for step in steps:
            outputs[f"of_{step['id']}"] = f"{{{{ [nodes.{step['id']}.status, nodes.{step['id']}.visits] }}}}"
        limits = {"max_steps": 1_000_000}  # the reference counts no steps
        content: Node = {"wf": 1, "name": name, "state": STATE, "limits": limits, "steps": steps, "outputs": outputs}
        if self.odds(0.2):
            last: list[Node] = [{"end": "completed"}] if self.odds(0.6) else []
            content["rescue"] = {"steps": self.steps(Around(3), last)}
        if self.odds(0.2):
            content["finally"] = {"steps": self.steps(Around(3))}
        return content

    def steps(self, around: Around, last: list[Node] | None = None) -> list[Node]:
        """A body: nodes that follow one another, but for their routes."""
        length = self.random.randint(*LENGTHS[around.depth])
        made = [self.node(around) for _ in range(length)] + (last or [])
        for place, node in enumerate(made):
            self.nodes += 1
            made[place] = {"id": f"n{self.nodes}", **node}
        for place, node in enumerate(made[:-1]):
            if "end" not in node:
                self.route(node, made, place)
        return made

    def route(self, node: Node, made: list[Node], place: int) -> None:
        """Lead on to some later node, or back to an earlier one, and else to the next."""
        onward = [later["id"] for later in made[place + 1 :]]
        if self.odds(0.2):
            node["next"] = [{"when": self.condition(), "to": self.random.choice(onward)}, {"to": onward[0]}]
        elif self.odds(0.15):
            back = self.random.choice(made[: place + 1])["id"]
            node["next"] = [{"when": "visits < 3", "to": back}, {"to": onward[0]}]
        if self.odds(0.35):
            for_network = [{"when": 'error.type == "network"', "to": self.random.choice(onward)}]
            node["on_error"] = self.random.choice(("continue", onward[0], for_network))

    def condition(self) -> str:
        return self.random.choice(CONDITIONS)

    def node(self, around: Around) -> Node:
        """One node, without an id."""
        kinds = ["leaf"] * 9 + ["none"] * 9 + ["end"]
        if around.depth < 3 and self.nodes < 20:
            kinds += ["parallel"] * 9 + ["for_each"] * 9
        if self.files:
            kinds += ["workflow"] * 2
        node = self.kind(self.random.choice(kinds), around)
        if "end" in node or self.odds(0.1):
            node["if"] = self.condition()
        if self.odds(0.1):
            node["max_visits"] = 2
        if "end" not in node and self.odds(0.7):
            node["set"] = self.writes(around, node)
        return node

    def kind(self, kind: str, around: Around) -> Node:
        match kind:
            case "leaf":
                return {"command": ["x"], **({"retry": RETRY} if self.odds(0.4) else {})}
            case "parallel":
                return self.parallel(around)
            case "for_each":
                return self.for_each(around)
            case "workflow":
                return {"workflow": self.random.choice(list(self.files))}
            case "end":
                return {"end": self.random.choice(("completed", "failed"))}
        return {}

    def writes(self, around: Around, node: Node) -> Node:
        """What a node writes; now and then what does not fit, which is found out only when it runs."""
        values: list[Json] = [*NUMBERS, self.random.randint(0, 5)]
        if around.item:
            values += ["{{ item }}", "{{ item + index }}"]
        if "parallel" in node or "for_each" in node:
            values += ["{{ output | length }}"] * 3
        if "command" in node:
            values += ["{{ output.text }}"] if self.odds(0.2) else []
        keys = SHARED if around.concurrent else tuple(STATE)
        chosen = self.random.sample(keys, self.random.randint(1, 3))
        return {key: self.random.choice(LISTS if key == "tags" else values) for key in chosen}

    def parallel(self, around: Around) -> Node:
        names = [f"b{number}" for number in range(self.random.randint(1, 4))]
        inner = Around(around.depth + 1, concurrent=True, item=around.item)
        branches = {name: self.branch(inner) for name in names}
        for name, branch in branches.items():
            others = [other for other in names if other < name]
            if others and self.odds(0.3):
                branch["needs"] = self.random.sample(others, 1)
            if "steps" in branch and self.odds(0.2):
                branch["if"] = self.condition()
        order = self.random.sample(names, len(names))
        return {"parallel": {name: branches[name] for name in order}, **self.joining(len(names))}

    def for_each(self, around: Around) -> Node:
        items = [self.random.randint(0, 3) for _ in range(self.random.choice((0, 1, 2, 3, 3, 4)))]
        sequential = self.odds(0.4)
        inner = Around(around.depth + 1, around.concurrent or not sequential, item=True)
        in_turn = {"sequential": True} if sequential else {}
        return {"for_each": items, "do": self.branch(inner), **in_turn, **self.joining(len(items))}

    def branch(self, around: Around) -> Node:
        return self.node(around) if self.odds(0.5) else {"steps": self.steps(around)}

    def joining(self, branches: int) -> Node:
        found: Node = {}
        if self.odds(0.35):
            found["join"] = self.random.choice(["any", *range(1, branches + 1)])
        elif self.odds(0.3):
            found["tolerate"] = self.random.choice((1, 2, "50%"))
        if self.odds(0.2):
            found["complete_when"] = f"size(results) >= {self.random.randint(1, 3)}"
        if self.odds(0.2):
            found["max_concurrency"] = self.random.randint(1, 2)
        if self.odds(0.2):
            found["retry"] = RETRY
        return found
