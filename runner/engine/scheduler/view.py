"""What a node kind sees of the run: names for expressions, its children, and what surrounds its step."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from os.path import relpath
from typing import Any

import msgspec

from runner.engine.scheduler.asked import Asked, find, resolved
from runner.engine.scheduler.live import Live
from runner.engine.scheduler.results import Results
from runner.engine.scheduler.seals import seal
from runner.ground.errors import ErrorType, ExpressionError, Failure, SecretChanged, TemplateError
from runner.ground.json_value import Json
from runner.language.expression import Expression
from runner.language.template import Template, ValueTemplate
from runner.nodes.agent_use import AgentUse, OneOf, ResolvedAgent
from runner.nodes.contract import Outputs, StepFailed, SubCall
from runner.nodes.tools.served import headers_of
from runner.record.address import OUTPUTS, below, children_of
from runner.record.events import Ending, Scope
from runner.record.merging import contributions, merge
from runner.record.node_records import nodes_around
from runner.record.reducers import State, session_key
from runner.record.run_state import PENDING, Child, Frame, Nodes, Step, Tally
from runner.workflow.compiler import parse_duration
from runner.workflow.inputs import InputsInvalid, check_inputs
from runner.workflow.mcp_servers import WantedTools, server_of
from runner.workflow.model import Node, StateKey, Workflow
from runner.workflow.policies import Duration


class Standpoint(msgspec.Struct, frozen=True):
    """From where names are seen: a visit in a frame.

    `node` is a node whose record the frame does not hold yet, `record` makes it; `counted` is what the run had
    counted, if not just now.
    """

    frame: Frame
    visit: int
    node: str = ""
    record: Callable[[], Json] | None = None
    counted: Tally | None = None


class Sight(dict[str, Json]):
    """`nodes` as a place sees them: its own body's, then the enclosing bodies'.

    An id of the innermost body that has it hides those further out, also before that node has run.
    """

    __slots__ = ("_bodies", "_nodes", "_place")

    def __init__(self, workflow: Workflow, nodes: Nodes, place: Standpoint) -> None:
        self._bodies = workflow.bodies
        self._nodes = nodes
        self._place = place

    def __missing__(self, name: str) -> Json:
        level: Nodes | None = self._nodes
        while level is not None:
            if name in (level if level.body is None else self._bodies[level.body].seen):
                return self._recorded(level, name)
            level = level.outer
        return PENDING

    def _recorded(self, level: Nodes, name: str) -> Json:
        place = self._place
        if place.record is not None and name == place.node and level is place.frame.nodes:
            return place.record()
        return level.get(name, PENDING)


def scope(live: Live, place: Standpoint, extra: Mapping[str, Json]) -> dict[str, Json]:
    """The names that expressions and templates see at a place."""
    frame = place.frame
    state = live.state
    started = state.started
    counted = place.counted or state.counted
    workflow = live.workflow_of(frame)
    return {
        "inputs": state.home(frame).inputs,
        "state": shown(frame.state, workflow.state),
        "nodes": Sight(workflow, frame.nodes, place),
        "visits": place.visit,
        "run": {
            "id": live.run,
            "name": (started.name or started.workflow) if started else "",
            "steps": counted.steps,
            "cost_usd": counted.cost_usd,
            "cost_known": counted.cost_known,
            "tokens": counted.tokens,
            "budget_left_usd": live.left_usd(counted.taken),
        },
        **frame.variables,
        **extra,
    }


def shown(state: State, declared: Mapping[str, StateKey]) -> State:
    """A state as expressions see it: the keys that are declared, and no session."""
    return state if len(state) == len(declared) else State({key: state[key] for key in declared})


def evaluate(expression: Expression, names: Mapping[str, Json]) -> Json:
    """An expression's JSON value. Raises StepFailed (`condition_error`)."""
    try:
        return expression.json(names)
    except ExpressionError as error:
        raise StepFailed(_language_failure("condition_error", error, expression.source)) from error


def holds(expression: Expression, names: Mapping[str, Json]) -> bool:
    """Whether a condition holds. Raises StepFailed (`condition_error`)."""
    try:
        return expression.test(names)
    except ExpressionError as error:
        raise StepFailed(_language_failure("condition_error", error, expression.source)) from error


def render(value: ValueTemplate, names: Mapping[str, Json]) -> Json:
    """A rendered JSON value. Raises StepFailed (`template_error`)."""
    try:
        return value.render(names)
    except TemplateError as error:
        raise StepFailed(_language_failure("template_error", error, "")) from error


def text(template: Template, names: Mapping[str, Json]) -> str:
    """Rendered text. Raises StepFailed (`template_error`)."""
    try:
        return template.text(names)
    except TemplateError as error:
        raise StepFailed(_language_failure("template_error", error, template.source[:200])) from error


def seconds(duration: Duration, names: Mapping[str, Json]) -> float:
    """A duration in seconds. Raises StepFailed (`template_error`)."""
    if duration.seconds is not None:
        return duration.seconds
    assert duration.template is not None, "a duration has seconds or a template"
    written = text(duration.template, names)
    length = parse_duration(written)
    if length is None:
        raise StepFailed(Failure("template_error", f"'{written[:80]}' is no duration such as 250ms, 90s, 1h30m, 2d"))
    return length


def time_limit(workflow: Workflow, inputs: Mapping[str, Json]) -> float | None:
    """Seconds that a workflow may run, given its inputs. Raises StepFailed (`template_error`)."""
    limit = workflow.limits.timeout
    return None if limit is None else seconds(limit, {"inputs": inputs})


def _language_failure(type_: ErrorType, error: ExpressionError | TemplateError, source: str) -> Failure:
    details: dict[str, Json] = {"source": source} if source else {}
    hint = f" ({error.hint})" if error.hint else ""
    type_ = "input_invalid" if isinstance(error, SecretChanged) else type_
    return Failure(type_, f"{error.message}{hint}", details)


class StepView:
    """The view of one step, open or about to be. The run itself has no place: it renders nothing in a frame."""

    def __init__(self, live: Live, place: Standpoint | None, path: str, step: Step | None) -> None:
        self._live = live
        self._place = place
        self._step = step
        self.step = path
        self.ends_row = False

    @classmethod
    def of(cls, live: Live, step: Step) -> StepView:
        """The view of a step that is open."""
        return cls(live, None, step.path, step)

    @classmethod
    def as_begun(cls, live: Live, step: Step) -> StepView:
        """The view that an open step was opened with: what it calls is the same again after a crash."""
        return cls(live, Standpoint(live.frame_of(step), step.visit, counted=step.counted), step.path, step)

    @property
    def now(self) -> float:
        return self._live.state.at

    @property
    def folder(self) -> str:
        return str(self._live.options.get("folder", "")) or self._live.workflow.folder

    @property
    def workflow(self) -> Workflow:
        return self._live.workflow_of(self.frame)

    @property
    def place(self) -> Standpoint:
        if self._place is None:  # most composites that settle look at their children alone
            assert self._step is not None, "what is about to open is given its place"
            assert self._step.path, "the run itself renders nothing in a frame"
            self._place = Standpoint(self._live.frame_of(self._step), self._step.visit)
        return self._place

    @property
    def frame(self) -> Frame:
        return self.place.frame

    @property
    def callee(self) -> Workflow:
        assert self._step is not None, "only an open step has called"
        return self._live.callee(self._step)

    @property
    def memory(self) -> Mapping[str, Json]:
        return self._step.memory if self._step else {}

    @property
    def children(self) -> Mapping[str, Child]:
        return self._step.children if self._step else {}

    @property
    def open(self) -> Mapping[str, str]:
        return self._step.open if self._step else {}

    @property
    def tally(self) -> Mapping[str, int]:
        return self._step.tally if self._step else {}

    @property
    def notes(self) -> dict[str, Any]:
        return self._live.notes_of(self._step) if self._step else {}

    @property
    def times(self) -> Mapping[str, float]:
        return self._step.waiting.times if self._step and self._step.waiting else {}

    @property
    def signals(self) -> Mapping[str, str]:
        return self._step.waiting.signals if self._step and self._step.waiting else {}

    @property
    def strays(self) -> int:
        invocation = self._step.invocation if self._step else None
        return len(invocation.strays) if invocation else 0

    @property
    def ending(self) -> Ending | None:
        invocation = self._step.invocation if self._step else None
        return invocation.ending if invocation else None

    def scope(self, **extra: Json) -> dict[str, Json]:
        """The names that expressions and templates see at this step."""
        return scope(self._live, self.place, extra)

    def text(self, template: Template, **extra: Json) -> str:
        return template.source if template.literal else text(template, self.scope(**extra))

    def value(self, value: ValueTemplate, **extra: Json) -> Json:
        return render(value, self.scope(**extra))

    def evaluate(self, expression: Expression, **extra: Json) -> Json:
        return evaluate(expression, self.scope(**extra))

    def holds(self, condition: Expression, **extra: Json) -> bool:
        return holds(condition, self.scope(**extra))

    def results(self) -> Json:
        if self._step is None:
            return {}
        if "results" not in (notes := self.notes):
            notes["results"] = Results(self._step)
        return notes["results"].of(self._step)

    def seconds(self, duration: Duration) -> float:
        return duration.seconds if duration.seconds is not None else seconds(duration, self.scope())

    def branch_holds(self, condition: Expression, after: tuple[str, ...]) -> bool:
        assert after == () or self._step is not None, "what a branch needs has ended in an open step"
        state = self.frame.state.branch()
        merge(state, contributions(self.children[key] for key in after))
        nodes = nodes_around(self._step, after, self.frame.nodes) if self._step else self.frame.nodes
        return self.holds(condition, state=state, nodes=Sight(self.workflow, nodes, self.place))

    def outputs(self, *, all_due: bool) -> Outputs:
        assert self._step is not None, "only an open step has outputs"
        assert self._step.invocation is not None, "only a workflow has outputs"
        invocation = self._step.invocation
        at_end = Frame(self.step, self.step, "body", "body", self.step, invocation.state, invocation.nodes)
        names = scope(self._live, Standpoint(at_end, 1), {})
        values: dict[str, Json] = {}
        errors: list[dict[str, Json]] = []
        for name, value in self.callee.outputs.items():
            try:
                values[name] = render(value, names)
            except StepFailed as error:
                values[name] = None
                errors.append(self._located(name, error.failure))
        self.ends_row = all_due and bool(errors)
        return Outputs(values, errors[0] if errors else None)

    def _located(self, output: str, failure: Failure) -> dict[str, Json]:
        """The error of an entry of `outputs`, which tells where it stands."""
        assert self._step is not None, "only an open step has outputs"
        place = below(children_of(self._step.path, self._step.attempt), f"{OUTPUTS}.{output}")
        callee = self.callee
        file = relpath(callee.file, self._live.workflow.folder) if callee.folder else callee.file
        where = {"output": output, "file": file, "line": callee.output_lines[output]}
        return replace(failure, details={**failure.details, **where}).as_error(place, 1)

    def agent(self, use: AgentUse) -> ResolvedAgent:
        asked = self.asked(use)
        found = resolved(self._live, asked, self.frame)
        wanted = self._wanted(*asked.tools_from(self.frame))
        return msgspec.structs.replace(found, wanted=wanted) if wanted else found

    def _wanted(self, frame: Frame, names: tuple[str, ...]) -> tuple[WantedTools, ...]:
        """The tools of servers among the names. Headers are of the inputs of the workflow that declares the server."""
        wanted: dict[str, list[str]] = {}
        for server, tool in map(server_of, names):
            if server:
                wanted.setdefault(server, []).append(tool)
        if not wanted:
            return ()
        declaring = self._live.workflow_of(frame)
        homes = (step for step in self._live.state.homes_of(frame) if self._live.callee(step) is declaring)
        invocation = next((step.invocation for step in homes), None)
        inputs = {} if invocation is None else invocation.inputs

        def render(template: Template) -> str:
            return text(template, {"inputs": inputs})

        servers = {server: declaring.mcp_servers[server] for server in wanted}
        return tuple(
            WantedTools(servers[server], tuple(tools), headers_of(servers[server], render))
            for server, tools in wanted.items()
        )

    def asked(self, use: AgentUse) -> Asked:
        """Who is asked: the node's agent, or, of a sub-step, the one that the agent around it delegated to."""
        if self._step is None or self._step.frame is not None:
            name = self._chosen(use.agent) if isinstance(use.agent, OneOf) else use.agent
            agent, seen_from = find(self._live, name, self.frame)
            return Asked(name, agent, use, seen_from, seen_from if use.agents is None else self.frame)
        around = StepView.of(self._live, self._live.state.steps[self._step.owner]).asked(use)
        if (limit := self._live.depth_limit(self.frame, around.depth)) is not None:
            words = f"agents and workflows are nested {limit} deep; limits.max_depth allows no more"
            raise StepFailed(Failure("depth_limit", words))
        name = self._step.node
        agent, seen_from = find(self._live, name, around.delegates_from)
        return Asked(name, agent, AgentUse(name), seen_from, seen_from, around.depth + 1)

    def seal(self, call: SubCall) -> str:
        assert self._step is not None, "only an open step calls"
        return seal(self._live, below(children_of(self.step, self._step.attempt), call.key), call.call)

    def is_freed(self, tool: str) -> bool:
        return tool in self._live.state.freed

    def session(self, name: str) -> list[dict[str, Json]]:
        home = self.frame.home
        for other in self._live.state.steps.values():
            if other.home == home and other.path != self.step and other.memory.get("session") == name:
                words = f"session '{name}' is open in step '{other.path}': a conversation goes on in one step at a time"
                raise StepFailed(Failure("input_invalid", words))
        return list(self.frame.state.get(session_key(name), ()))

    def _chosen(self, several: OneOf) -> str:
        """Which of several agents is asked: what was so as the step opened, which it remembers."""
        if self._step is not None and "chosen" in self.memory:
            return str(self.memory["chosen"])
        name = self.evaluate(several.name)
        if name not in several.agents:
            shown = json.dumps(name, ensure_ascii=False)[:80]
            words = f"agent.name gave {shown}, which is none of: {', '.join(several.agents)}"
            raise StepFailed(Failure("input_invalid", words))
        return str(name)

    def enter(self, node: Node, with_: Mapping[str, Json]) -> Scope:
        callee = self._live.called_by(node)
        if (limit := self._live.depth_limit(self.frame)) is not None:
            words = f"workflows are nested {limit} deep; limits.max_depth allows no more"
            raise StepFailed(Failure("depth_limit", words))
        try:
            given = check_inputs(callee.inputs, with_)
        except InputsInvalid as error:
            raise StepFailed(Failure("input_invalid", f"workflow '{callee.name}': {error.message}")) from error
        time_limit(callee, given)
        return Scope(given, {name: key.default for name, key in callee.state.items()}, callee.name)
