"""What a workflow is once it has been read: frozen, checked, with every expression and template compiled."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import chain
from typing import Any, Literal

import msgspec

from runner.ground.errors import Problem
from runner.ground.json_value import Json
from runner.language.expression import Expression
from runner.language.template import Template, ValueTemplate
from runner.workflow.approval import ApprovalRule
from runner.workflow.branching import Branching
from runner.workflow.mcp_servers import McpServer
from runner.workflow.model_bounds import ModelBounds
from runner.workflow.money import Budget, Price
from runner.workflow.permissions import Permissions
from runner.workflow.policies import CALL_TIMEOUT, IDLE_TIMEOUT, Duration, Limits, OnCrash, Retry, Seconds
from runner.workflow.reach import Code, JsonPath, Reached, Started

UNKNOWN = "unknown"
"""The verb of what stands for a node that can't be read."""

NO_VERB = "none"
"""What a node without a verb has in the place of one."""

CHECK = "check"
"""The key of the body that is asked, after a crash, whether a call was done."""


class Route(msgspec.Struct, frozen=True):
    """One arrow out of a node. `to` is a node id, or None for `exit`; without `when` it always holds."""

    to: str | None
    when: Expression | None = None
    at: JsonPath = ()


class Use(msgspec.Struct, frozen=True):
    """One expression or template of a node, with what it may see beside the usual roots.

    `file` is the text file that a template was read from: its key among the loaded texts, empty if it stands in place.
    """

    value: Expression | Template | ValueTemplate
    at: JsonPath
    extra: frozenset[str] = frozenset()
    role: str = ""
    file: str = ""


class Called(msgspec.Struct, frozen=True):
    """A workflow (its key in the library) or a tool that a node calls, with the names of what it is given.

    `agents` are put in the place of the workflow's own.
    """

    workflow: str = ""
    tool: str = ""
    arguments: tuple[str, ...] = ()
    agents: Mapping[str, str | Agent] = msgspec.field(default_factory=dict)


class Traits(msgspec.Struct, frozen=True):
    """What a node does, as far as the checks of a workflow and its pictures have to know. Its kind tells it.

    `ends`: the workflow ends wherever the node is reached. `asks`: its step asks a person; `asks_within`: steps of its
    own, below it, do. `choices` and `form` are what can be answered, as far as the file says it: `choices` is None
    where only a run knows them. `agents` are those that it may ask. `delegates`, `model` and `fallback` are those
    that the node names itself, which win over the agent's. `session` names the conversation that it goes on with.
    """

    ends: bool = False
    asks: bool = False
    asks_within: bool = False
    choices: tuple[Json, ...] | None = ()
    form: Mapping[str, Json] | None = None
    agents: tuple[str | Agent, ...] = ()
    delegates: tuple[str, ...] | None = None
    model: str = ""
    fallback: tuple[str, ...] | None = None
    session: Template | None = None
    called: Called | None = None
    programs: tuple[Started, ...] = ()
    hosts: tuple[Reached, ...] = ()
    branching: Branching | None = None

    @property
    def models(self) -> tuple[str, ...]:
        """All models that the node names itself."""
        return (*(self.fallback or ()), *([self.model] if self.model else []))


class Node(msgspec.Struct, frozen=True):
    """A unit of the graph. `spec` belongs to its kind; `bodies` are the graphs inside it, by their frames' keys."""

    id: str
    verb: str
    at: JsonPath
    spec: Any
    title: str = ""
    condition: Expression | None = None
    reset: tuple[str, ...] = ()
    set: tuple[tuple[str, ValueTemplate], ...] = ()
    next: tuple[Route, ...] | None = None
    on_error: tuple[Route, ...] | Literal["continue"] | None = None
    retry: tuple[Retry, ...] = ()
    timeout: Duration | None = None
    max_visits: int | None = None
    on_crash: OnCrash | None = None
    limits: Budget | None = None
    bodies: Mapping[str, Body] = msgspec.field(default_factory=dict)
    uses: tuple[Use, ...] = ()
    traits: Traits = Traits()

    @property
    def key(self) -> str:
        """Its place in the file, which names it in pictures and in the record."""
        return "/".join(map(str, self.at)) or self.id

    @property
    def check(self) -> Body | None:
        """What is asked, after a crash, whether its call was done."""
        return self.bodies[CHECK] if self.on_crash == "check" else None

    @property
    def handlers(self) -> tuple[Route, ...]:
        """Where it may lead when it fails."""
        return self.on_error if isinstance(self.on_error, tuple) else ()

    @property
    def routes(self) -> tuple[Route, ...]:
        """Every route that is written at it."""
        return (*(self.next or ()), *self.handlers)

    @property
    def may_end(self) -> bool:
        """Whether the workflow may end in it, or in a branch of it that is no stray."""
        bodies = self.bodies.values() if self.traits.branching is not None and self.traits.branching.joined else ()
        return self.traits.ends or any(inner.may_end for body in bodies for inner in body.nodes.values())

    @property
    def following(self) -> tuple[str | None, ...]:
        """Where it may lead unless it fails; None is the end of its body, or of the workflow."""
        is_followed = self.condition is not None or not self.traits.ends
        targets = tuple([route.to for route in self.next or () if is_followed])
        return targets if targets and not self.may_end else (*targets, None)

    @property
    def arrows(self) -> tuple[str | None, ...]:
        """Where it may lead, however it ends; None as for `following`."""
        return (*self.following, *(route.to for route in self.handlers))

    @property
    def looks(self) -> bool:
        """Whether what it sets, or where it leads, may depend on what there is in a run."""
        return any(value.templates for _, value in self.set) or any(route.when for route in self.next or ())


class Body(msgspec.Struct, frozen=True, dict=True):
    """A graph: nodes in file order and the one it starts at. `single`: one node stood in the place of a body.

    `key` is its place in the file, and its name in the record.
    """

    nodes: Mapping[str, Node]
    start: str
    at: JsonPath
    single: bool = False
    variables: frozenset[str] = frozenset()

    @cached_property
    def key(self) -> str:
        return "/".join(map(str, self.at))

    @property
    def seen(self) -> Mapping[str, Node]:
        """The nodes that `nodes` means in this body.

        A lone node under `do` has the name of its composite, and there that name means the composite. One under `check`
        has a name that nobody gave it.
        """
        is_nameless = self.at[-1:] == ("do",) or self.at[-2:] == ("on_crash", CHECK)
        return {} if self.single and is_nameless else self.nodes

    @property
    def only(self) -> Node:
        """The node of a single-node body."""
        return self.nodes[self.start]


class Input(msgspec.Struct, frozen=True):
    """A declared input: its JSON Schema, and where a value comes from when none is given."""

    name: str
    schema: Mapping[str, Json]
    required: bool
    default: Json = None
    env: str = ""
    secret: bool = False


class StateKey(msgspec.Struct, frozen=True):
    """A declared state key. `reducer` is `set` (replace), a reducer's name, `max_by:<field>` or `min_by:<field>`."""

    name: str
    schema: Mapping[str, Json]
    default: Json
    reducer: str = "set"


class Model(msgspec.Struct, frozen=True):
    """A provider's model and how it is asked. `price` is what the file says that it costs.

    One call of it may take `timeout`, and pass `idle_timeout` without a byte of an answer. `bounds` hold for all calls
    of it in a run.
    """

    name: str
    temperature: float | None = None
    max_reply_tokens: int = 4096
    timeout: Seconds = CALL_TIMEOUT
    idle_timeout: Seconds = IDLE_TIMEOUT
    bounds: ModelBounds = ModelBounds()
    price: Price | None = None


class ContextBound(msgspec.Struct, frozen=True):
    """What of a long conversation is sent: its last messages, what is about so many tokens, or a summary.

    `summary` names the model that sums up the earlier messages once there are more than `over`.
    """

    last: int | None = None
    max_tokens: int | None = None
    summary: str | None = None
    over: int = 0


class Agent(msgspec.Struct, frozen=True):
    """A configured model. `model` and `fallback` name aliases or providers' models, `agents` its delegates."""

    name: str
    model: str
    fallback: tuple[str, ...] = ()
    description: str = ""
    instructions: Template | None = None
    output_schema: Mapping[str, Json] | None = None
    tools: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    temperature: float | None = None
    max_reply_tokens: int | None = None
    max_turns: int | None = None
    context: ContextBound | None = None
    limits: Budget | None = None
    uses: tuple[Use, ...] = ()


class Program(msgspec.Struct, frozen=True):
    """A program and its surroundings. `env` sets variables by template; `pass_env` passes wf's own on.

    What it prints is parsed by `parse`, and must fit `output_schema` then.
    """

    argv: tuple[Template, ...]
    env: Mapping[str, Template]
    pass_env: tuple[str, ...]
    stdin: Template
    cwd: Template
    ok_exit: tuple[int, ...]
    parse: str
    output_schema: Mapping[str, Json] | None = None

    def started(self, *at: str | int, by: str = "") -> Started:
        """The start of the program, named at a path below the node; `by` is the program that runs a text."""
        named = self.argv[0].source if self.argv and self.argv[0].literal else by
        cwd = self.cwd.source if self.cwd.literal else None
        return Started(at, named or None, cwd, self.pass_env, tuple(self.env), self.argv)


class Tool(msgspec.Struct, frozen=True):
    """Something that a node or an agent can call. `spec` belongs to its kind, which its key in YAML names.

    `inputs` is the JSON Schema of all its arguments. `started` is what it starts, with the environment that it is
    given; `code` what it runs of the author's; `reached` the host that it asks, as far as the file says it. `approval`
    says when a person is asked before a model's call is made. `check` is what is asked after a crash, if `on_crash`
    says so.
    """

    name: str
    description: str
    inputs: Mapping[str, Json]
    kind: str
    spec: Any
    at: JsonPath = ()
    started: Started | None = None
    code: Code | None = None
    reached: Reached | None = None
    approval: ApprovalRule | None = None
    on_crash: OnCrash | None = None
    check: Body | None = None


class Workflow(msgspec.Struct, frozen=True):
    """One file and all that it refers to, checked."""

    name: str
    version: str
    file: str
    folder: str
    body: Body
    title: str = ""
    description: str = ""
    inputs: Mapping[str, Input] = msgspec.field(default_factory=dict)
    state: Mapping[str, StateKey] = msgspec.field(default_factory=dict)
    models: Mapping[str, Model] = msgspec.field(default_factory=dict)
    agents: Mapping[str, Agent] = msgspec.field(default_factory=dict)
    tools: Mapping[str, Tool] = msgspec.field(default_factory=dict)
    mcp_servers: Mapping[str, McpServer] = msgspec.field(default_factory=dict)
    schemas: Mapping[str, Json] = msgspec.field(default_factory=dict)
    limits: Limits = Limits()
    permissions: Permissions | None = None
    rescue: Body | None = None
    finally_: Body | None = None
    outputs: Mapping[str, ValueTemplate] = msgspec.field(default_factory=dict)
    output_lines: Mapping[str, int] = msgspec.field(default_factory=dict)
    bodies: Mapping[str, Body] = msgspec.field(default_factory=dict)
    library: Mapping[str, Workflow] = msgspec.field(default_factory=dict)
    uses: tuple[Use, ...] = ()
    texts: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Those of all files that the definition is made of, as its library is."""

    @property
    def granted(self) -> Permissions:
        """What it may reach by itself: what it lists, or nothing."""
        return self.permissions or Permissions(file=self.file)

    def asked_by(self, node: Node) -> list[Agent]:
        """The agents that a node may ask, as far as there are such."""
        found = (self.agents.get(one) if isinstance(one, str) else one for one in node.traits.agents)
        return [agent for agent in found if agent is not None]

    def delegates_of(self, agents: Iterable[Agent], named: Iterable[str] | None = None) -> list[Agent]:
        """The agents that these may delegate to, or those `named` instead, and whom those may, each once."""
        first = list(named) if named is not None else [name for agent in agents for name in agent.agents]
        found: dict[str, Agent] = {}
        waiting = deque(first)
        while waiting:
            name = waiting.popleft()
            if name not in found and name in self.agents:
                found[name] = self.agents[name]
                waiting += self.agents[name].agents
        return list(found.values())

    @property
    def every_agent(self) -> Iterator[Agent]:
        """Every agent that its file describes: by name, in a node, or in the place of a child's."""
        given = [node.traits.called.agents.values() for node in self.nodes if node.traits.called is not None]
        named = chain(self.agents.values(), *given, *(node.traits.agents for node in self.nodes))
        return (one for one in named if isinstance(one, Agent))

    @property
    def budgets(self) -> Iterator[Budget]:
        """Every budget that its file sets: of the workflow, of its nodes, of its agents."""
        yield self.limits
        holders: Iterator[Node | Agent] = chain(self.nodes, self.every_agent)
        yield from (holder.limits for holder in holders if holder.limits is not None)

    @property
    def nodes(self) -> Iterator[Node]:
        """Every node of every body."""
        return (node for body in self.bodies.values() for node in body.nodes.values())


class Loaded(msgspec.Struct, frozen=True):
    """A root workflow, the texts of all files it is made of, their common hash, and the warnings."""

    workflow: Workflow
    texts: Mapping[str, str]
    hash: str
    sources: Mapping[str, Any] = msgspec.field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()
