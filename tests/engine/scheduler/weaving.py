"""Random workflows: every verb in every body, and a driver that lets attempts fail, time pass and people cancel."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random

from runner.engine.scheduler import Live, due_time, time_left
from runner.engine.scheduler.happenings import (
    AttemptEnded,
    CancelRequested,
    Happening,
    TimeReached,
    TimeSpent,
)
from runner.ground.errors import ErrorType, Failure
from runner.ground.json_value import Json
from runner.record.events import RunStarted
from runner.record.run_state import RunState
from runner.record.snapshot import decode_state, encode_state
from runner.workflow.inputs import check_inputs
from runner.workflow.model import Loaded
from runner.world.calls import CallDone, CallFailed, Outcome
from tests.simulation import Simulation, compiled

TYPES: tuple[ErrorType, ...] = ("network", "tool_failed", "timeout")
CONDITIONS = ("false", "true", "size(state.xs) < 3", "[1][size(state.xs)] == 1")
"""The last of them fails once something has been written."""

RETRIED = [*TYPES, "workflow_failed", "condition_error", "human_timeout"]


class Weaver:
    """Makes one workflow, as plain data, from a source of randomness."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.left = 25

    def flow(self) -> dict[str, Json]:
        """A whole workflow; it may call itself, so many levels deep as its input says."""
        flow: dict[str, Json] = {
            "inputs": {"n": {"type": "integer", "default": 2}},
            "state": {"xs": {"type": "array", "default": [], "reducer": "append"}},
            "limits": {
                "max_steps": self.random.choice((6, 40, 400)),
                "max_concurrency": self.random.choice((1, 2, 8)),
                "max_depth": self.random.choice((2, 10)),
            },
            **self.body(3),
            "outputs": {"xs": "{{ state.xs }}"},
        }
        if self.chance(0.2):
            flow["limits"]["timeout"] = "15s"
        if self.chance(0.5):
            flow["rescue"] = self.either(2)
        if self.chance(0.6):
            flow["finally"] = self.either(2)
        return flow

    def chance(self, part: float) -> bool:
        return self.random.random() < part

    def body(self, depth: int) -> dict[str, Json]:
        steps = [self.node(depth) for _ in range(self.random.randint(1, 3))]
        for position, step in enumerate(steps[:-1], 2):
            if "end" in step:
                step.setdefault("if", self.random.choice(CONDITIONS))
            if self.chance(0.2):
                step["next"] = [{"when": "size(state.xs) > 2", "to": "exit"}, {"to": f"s{position}"}]
        return {"steps": steps}

    def either(self, depth: int) -> dict[str, Json]:
        """A body, or a single node in its place."""
        return self.body(depth) if self.chance(0.5) else self.node(depth)

    def node(self, depth: int) -> dict[str, Json]:
        self.left -= 1
        simple: list[Callable[[int], dict[str, Json]]] = [self.nothing, self.command, self.command, self.wait]
        nested = [self.parallel, self.parallel, self.for_each, self.workflow, self.end, self.human]
        made = self.random.choice([*simple, *nested] if depth > 0 and self.left > 0 else simple)(depth)
        if self.chance(0.15) and "if" not in made:
            made["if"] = self.random.choice(CONDITIONS)
        if self.chance(0.3):
            made["set"] = {"xs": self.random.randint(0, 9)}
        if self.chance(0.2):
            made["on_error"] = self.random.choice(("continue", "exit"))
        if self.chance(0.2) and "end" not in made:
            made["retry"] = {"max_attempts": 2, "initial_interval": "1s", "errors": RETRIED}
        return made

    def nothing(self, _depth: int) -> dict[str, Json]:
        return {}

    def command(self, _depth: int) -> dict[str, Json]:
        return {"command": ["x"]}

    def wait(self, _depth: int) -> dict[str, Json]:
        return {"wait": {"for": f"{self.random.randint(0, 9)}s"}} | self.timeout()

    def timeout(self) -> dict[str, Json]:
        return {"timeout": "4s"} if self.chance(0.3) else {}

    def human(self, _depth: int) -> dict[str, Json]:
        otherwise = {"otherwise": "yes"} if self.chance(0.5) else {}
        return {"human": {"prompt": "?", "choices": ["yes", "no"], **otherwise}, "timeout": "3s"}

    def end(self, _depth: int) -> dict[str, Json]:
        return {"end": self.random.choice(("completed", "failed", "cancelled"))}

    def workflow(self, _depth: int) -> dict[str, Json]:
        return {"workflow": "self", "with": {"n": "{{ inputs.n - 1 }}"}, "if": "inputs.n > 0"} | self.timeout()

    def joining(self, branches: int) -> dict[str, Json]:
        found: dict[str, Json] = {"join": self.random.choice(("all", "all", "any", "none", branches or "all"))}
        if self.chance(0.3):
            found["tolerate"] = self.random.choice((1, 2, "50%"))
        if self.chance(0.2):
            found["complete_when"] = self.random.choice(("size(results) == 1", "1 / (size(results) - 2) == 9"))
        if self.chance(0.3):
            found["cancel_rest"] = False
        if self.chance(0.3):
            found["max_concurrency"] = self.random.randint(1, 2)
        return found | self.timeout()

    def parallel(self, depth: int) -> dict[str, Json]:
        branches: dict[str, Json] = {}
        for name in "abc"[: self.random.randint(1, 3)]:
            branch = self.either(depth - 1)
            if "steps" in branch and self.chance(0.2):
                branch["if"] = self.random.choice(CONDITIONS)
            if branches and self.chance(0.3):
                branch["needs"] = [self.random.choice([*branches])]
            branches[name] = branch
        return {"parallel": branches, **self.joining(len(branches))}

    def for_each(self, depth: int) -> dict[str, Json]:
        items = self.random.choice(([1, 2], [1, 2, 3], []))
        sequential = {"sequential": True} if self.chance(0.3) else {}
        return {"for_each": json.dumps(items), "do": self.either(depth - 1), **sequential, **self.joining(len(items))}


def woven(seed: int, **keys: Json) -> Loaded:
    """The workflow of a seed, with these keys as they are."""
    flow = Weaver(Random(seed)).flow() | keys  # noqa: S311 - nothing here is a secret
    return compiled("".join(f"{key}: {json.dumps(value)}\n" for key, value in flow.items()))


def drive(loaded: Loaded, seed: int, *, crash: bool = False) -> Simulation:
    """Run a workflow to its end; all that happens to it depends on the seed alone."""
    workflow = loaded.workflow
    started = RunStarted("flow", "", loaded.hash, check_inputs(workflow.inputs, {}), {"xs": []})
    run = Simulation(Live("run", workflow, RunState()))
    run.take([started])
    random = Random(seed)  # noqa: S311 - nothing here is a secret
    cancel = random.randint(0, 40)
    for turn in range(5_000):
        if run.state.ended:
            return run
        if crash:
            run.live = Live("run", workflow, decode_state(encode_state(run.state)))
        run.take([CancelRequested("enough")] if turn == cancel else happening(run, random))
    raise AssertionError("the run does not end")


def happening(run: Simulation, random: Random) -> list[Happening]:
    """What happens next: a workflow's time is up, an attempt ends, or the next moment that something waits for."""
    spent: list[Happening] = [TimeSpent(path) for path, left in time_left(run.live, run.now) if left <= 0]
    if spent:
        return spent
    state = run.state
    if state.ready:
        return []
    times = {step.path: time for step in state.steps.values() if (time := due_time(step)) is not None}
    if state.running and (not times or random.random() < 0.7):
        path = random.choice(sorted(state.running))
        run.now += random.choice((0, 0, 1, 3))
        return [AttemptEnded(path, state.steps[path].attempt, outcome(random, path))]
    assert times, f"stuck at {sorted(state.steps)}"
    run.now = max(run.now, min(times.values()))
    return [TimeReached(tuple(sorted(path for path, time in times.items() if time <= run.now)))]


def outcome(random: Random, path: str) -> Outcome:
    if random.random() < 0.3:
        return CallFailed(Failure(random.choice(TYPES), f"{path} failed"))
    return CallDone({"text": path, "stdout": "", "stderr": "", "exit_code": 0})
