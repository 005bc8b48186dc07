"""A run in memory: its definitions, its state, and the events that the decision under way has made."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import msgspec

from runner.ground.json_value import Json
from runner.nodes import KINDS
from runner.nodes.composites import workflow
from runner.nodes.contract import Kind
from runner.record.address import ROOT, visited
from runner.record.events import AnyEvent
from runner.record.fold import apply
from runner.record.run_state import Frame, RunState, Step
from runner.record.usage import in_usd, picos
from runner.workflow.model import Agent, Body, Model, Node, Workflow
from runner.workflow.model_bounds import ModelBounds
from runner.workflow.money import Budget
from runner.workflow.permissions import Permissions
from runner.workflow.step_counts import StepCounts
from runner.world.calls import AnyCall

ROOT_NODE = Node(ROOT, workflow.KIND.verb, (), None)


class Dues(msgspec.Struct):
    """The least steps due in the branches of a composite, noted as its workflow had `taken` so many; their `total`."""

    taken: int
    branches: dict[str, int]
    total: int


class Live:
    """One run under way. `emit` is the only way to change its state. `most` attempts run at once."""

    def __init__(self, run: str, workflow: Workflow, state: RunState) -> None:
        self.run = run
        self.workflow = workflow
        self.most = workflow.limits.max_concurrency
        self.state = state
        self.events: list[AnyEvent] = []
        self.row_ends: list[int] = []
        self.stopped: list[str] = []
        self.moved: set[str] = set()
        self.taken: list[int] = []
        self.calls: dict[str, AnyCall] = {}
        self.prompt_bounds: dict[str, int] = {}
        self.time_limits: dict[tuple[str, int], float | None] = {}
        self.notes: dict[str, dict[str, Any]] = {}
        self.bounds: dict[str, ModelBounds] | None = None
        self.sizes: dict[str, int] = {}
        self.dues: dict[str, Dues] = {}
        self._step_counts: dict[str, StepCounts] = {}
        self.unsettled: deque[tuple[Step, str]] = deque()
        self.on_paper: Callable[[Json], Json] = lambda value: value
        """Gives a value as it is recorded: without this process's own references to secrets."""

    def emit(self, event: AnyEvent) -> None:
        """Record a fact, and fold it into the state at once."""
        self.events.append(event)
        apply(self.state, event)

    def notes_of(self, step: Step) -> dict[str, Any]:
        """What the kind of a composite has worked out for itself."""
        return self.notes.setdefault(step.path, {})

    def forget(self, path: str) -> None:
        """Drop what was kept beside the state for a step that has ended, or begins anew."""
        self.calls.pop(path, None)
        self.sizes.pop(path, None)
        self.prompt_bounds.pop(path, None)
        self.notes.pop(path, None)
        self.dues.pop(path, None)

    def ended(self, step: Step, key: str) -> None:
        """Note that child `key` of a composite has ended: the composite is to settle."""
        self.unsettled.append((step, key))

    @property
    def options(self) -> Mapping[str, Json]:
        """What the run was started with beside its inputs."""
        return self.state.options

    @property
    def budget(self) -> Budget:
        """What all model calls of the run may take; the command line's `--max-cost` wins over the file."""
        given, limits = self.options.get("max_cost_usd"), self.workflow.limits
        return limits if given is None else msgspec.structs.replace(limits, max_cost_usd=given)

    def left_usd(self, taken: int) -> float | None:
        """What is left of the run's budget when so much of it (in `picos`) is used or reserved; None without one."""
        most = self.budget.max_cost_usd
        return None if most is None else max(0.0, in_usd(picos(most) - taken))

    @property
    def has_budgets(self) -> bool:
        """Whether what model calls take has a bound anywhere."""
        return self._has_budgets or self.budget.is_set

    @cached_property
    def _has_budgets(self) -> bool:
        return any(budget.is_set for workflow in self.workflow.library.values() for budget in workflow.budgets)

    @staticmethod
    def is_over(step: Step) -> bool:
        """Whether nothing below a composite's step runs any more, its own frames' strays included."""
        return not step.open and not (step.invocation is not None and step.invocation.strays)

    def body(self, frame: Frame) -> Body:
        """The graph that a frame executes."""
        return self.workflow_of(frame).bodies[frame.body]

    def node(self, step: Step) -> Node:
        """The node that a step visits; of a composite's call or question, the composite's."""
        if step.path == ROOT:
            return ROOT_NODE
        if step.frame is None:
            return self.node(self.state.steps[step.owner])
        return self.callee(self.state.steps[step.home]).bodies[step.body].nodes[step.node]

    def kind(self, step: Step) -> Kind:
        """The kind of a step's node."""
        return KINDS[self.node(step).verb]

    def callee(self, step: Step) -> Workflow:
        """The workflow that a `workflow` step executes."""
        if step.path == ROOT:
            return self.workflow
        return self.called_by(self.node(step))

    def called_by(self, node: Node) -> Workflow:
        """The workflow that a node calls."""
        assert node.traits.called is not None, "only a node that calls a workflow has one"
        return self.workflow.library[node.traits.called.workflow]

    def step_counts(self, frame: Frame) -> StepCounts:
        """The least steps of what stands in the workflow that a frame belongs to."""
        workflow = self.workflow_of(frame)
        if workflow.file not in self._step_counts:
            self._step_counts[workflow.file] = StepCounts(workflow)
        return self._step_counts[workflow.file]

    def workflow_of(self, frame: Frame) -> Workflow:
        """The workflow that a frame stands in."""
        return self.workflow if frame.home == ROOT else self.callee(self.state.steps[frame.home])

    def frame_of(self, step: Step) -> Frame:
        """The frame that a step stands in; of a composite's call or question, the composite's."""
        while step.frame is None:
            step = self.state.steps[step.owner]
        return step.base or self.state.frames[step.frame]

    def step_path(self, frame: Frame, node: str, visit: int) -> str:
        """The address of a visit in a frame; the step of a lone node has that of its frame."""
        return frame.path if self.body(frame).single else visited(frame.path, node, visit)

    def began_in(self, step: str) -> str:
        """The run in which a step first began: another, where this one tries that again."""
        return self.state.keys.get(step, self.run)

    def permissions(self, frame: Frame) -> Permissions:
        """What leaves may reach in a frame: what its workflow allows, and all of its callers do."""
        home = self.state.steps[frame.home]
        callee = self.callee(home)
        if home.path == ROOT:
            return callee.granted
        callers = self.permissions(self.frame_of(home))
        return callers if callee.permissions is None else callee.permissions.shared_with(callers)

    def depth_limit(self, frame: Frame, delegated: int = 0) -> int | None:
        """The limit that one more workflow inside a frame, or inside so many agents there, would pass; None if none."""
        limits = (self.callee(home).limits.max_depth for home in self.state.homes_of(frame))
        return next((limit for depth, limit in enumerate(limits, 1 + delegated) if depth >= limit), None)

    def agent(self, frame: Frame, agent: str | Agent) -> tuple[Agent, Frame]:
        """An agent as seen from a frame, and a frame of the workflow whose models, tools and agents it uses.

        Raises KeyError.
        """
        home = self.state.steps[frame.home]
        here = self.callee(home)
        if isinstance(agent, Agent):
            return agent, frame
        if home.path != ROOT:
            called = self.node(home).traits.called
            if called is not None and agent in called.agents:
                return self.agent(self.frame_of(home), called.agents[agent])
        return here.agents[agent], frame

    def model(self, workflow: Workflow, name: str) -> Model:
        """The model that an alias stands for, after the command line's `--model`."""
        chosen: Any = self.options.get("models", {}).get(name)
        known = workflow.models.get(name, Model(name))
        if chosen is None:
            return known
        aliased: Model = workflow.models.get(chosen, msgspec.structs.replace(known, name=chosen, price=None))
        return aliased
