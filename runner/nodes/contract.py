"""What a node kind is: it builds its part of a node, opens a step, settles it as its children end. All of it pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec

from runner.ground.errors import RETRYABLE, Failure, WorkflowError
from runner.ground.json_value import Json
from runner.language.expression import Expression
from runner.language.template import Template, ValueTemplate
from runner.nodes.agent_use import AgentUse, ResolvedAgent
from runner.record.event_parts import Branches, LeftRunning, Write
from runner.record.events import Ending, Scope
from runner.record.gates import ToApprove
from runner.record.run_state import Child
from runner.record.usage import Usage
from runner.workflow.compiler.reader import NodeReader
from runner.workflow.model import Node, Tool, Traits, Workflow
from runner.workflow.money import Budget
from runner.workflow.policies import Duration
from runner.world.calls import AnyCall


class StepFailed(WorkflowError):
    """A step can't go on; the scheduler turns it into the step's failure."""

    def __init__(self, failure: Failure, output: Json = None) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.output = output


class Perform(msgspec.Struct, frozen=True):
    """The step is this one call. `request` is the call in short, for the record."""

    call: AnyCall
    request: Mapping[str, Json] = msgspec.field(default_factory=dict)


class Branch(msgspec.Struct, frozen=True):
    """A child to open: the body `body` of the node, as frame `key`. See `events.FrameOpened` for the rest."""

    key: str
    body: str
    variables: Mapping[str, Json] = {}
    after: tuple[str, ...] = ()
    follows: str = ""
    shared: bool = False
    ending: Ending | None = None


class Passed(msgspec.Struct, frozen=True):
    """A branch that never opens: skipped or failed by its `if`, or needless."""

    key: str
    status: Literal["skipped", "omitted", "failed"]
    failure: Failure | None = None


class SubCall(msgspec.Struct, frozen=True):
    """A child to open: one recorded call of a composite; of a `tool`, if it is of one.

    `approved` is the seal of the call that a person has approved: this must be that call, or it is not made.
    """

    key: str
    call: AnyCall
    request: Mapping[str, Json] = msgspec.field(default_factory=dict)
    tool: Tool | None = None
    approved: str = ""


class SubStep(msgspec.Struct, frozen=True):
    """A child to open: a step of the composite's own, which is a composite of the same kind, and stands in no frame.

    It begins with this `memory`, which tells it from the composite. `name` is what it is called by, `request` what it
    was asked, in short.
    """

    key: str
    name: str
    memory: Mapping[str, Json]
    request: Mapping[str, Json] = msgspec.field(default_factory=dict)


class Enter(msgspec.Struct, frozen=True):
    """Open a workflow as this step: its inputs and initial state are the scope of its frames."""

    scope: Scope


class Ask(msgspec.Struct, frozen=True):
    """Wait for a person (until an answer, or `until`), for a time, or for a signal. `until` in epoch seconds.

    `times` and `signals` are what a wait is for, by name: epoch seconds, and the signals' own names.
    `approval` is the call that a person is to approve.
    """

    kind: Literal["person", "timer", "signal"]
    until: float | None = None
    prompt: str = ""
    choices: tuple[Json, ...] = ()
    schema: Mapping[str, Json] | None = None
    times: Mapping[str, float] = {}
    signals: Mapping[str, str] = {}
    approval: ToApprove | None = None


class SubAsk(msgspec.Struct, frozen=True):
    """A child to open: one recorded question of a composite.

    The child completes with the answer, the signal's data, or null when a timer's time has come. A person or a signal
    that does not come in time fails it: `human_timeout`, `signal_timeout`.
    """

    key: str
    ask: Ask


class Memory(msgspec.Struct, frozen=True):
    """What a composite keeps from now on: values by key, and what is `added` to the end of lists that it keeps."""

    values: Mapping[str, Json] = {}
    added: Mapping[str, list[Json]] = {}


class Done(msgspec.Struct, frozen=True):
    """The step has its output. `merge` names the children whose writes count, in order; `leave`: open ones stray.

    `left` are the processes that it left running; `writes` what it adds to the state beside its node's `set`.
    `unanswered`: the output stands for the answer of a person, which did not come in time.
    `came` is what a call came to, where the step has failed by what followed that: see `StepEnded`.
    """

    output: Json = None
    merge: tuple[str, ...] = ()
    leave: bool = False
    usage: Usage | None = None
    left: tuple[LeftRunning, ...] = ()
    writes: tuple[Write, ...] = ()
    unanswered: bool = False
    came: dict[str, Json] | None = None


class Spawn(msgspec.Struct, frozen=True):
    """Open children (those already open or ended are left alone); `done` ends the step right after.

    `branches` are, as the step opens, those that it may ever have: see `events.Branches`.
    """

    children: tuple[Branch | SubCall | SubStep | SubAsk, ...] = ()
    passed: tuple[Passed, ...] = ()
    memory: Memory | None = None
    branches: Branches | None = None
    done: Done | None = None


class Failed(msgspec.Struct, frozen=True):
    """The step has failed. `error`, if given, stands as it is, in the place of one made from `failure`.

    `came` is as in `Done`.
    """

    failure: Failure
    output: Json = None
    error: dict[str, Json] | None = None
    usage: Usage | None = None
    came: dict[str, Json] | None = None


class End(msgspec.Struct, frozen=True):
    """The workflow that the step stands in ends here."""

    status: Literal["completed", "failed", "cancelled"]
    message: str = ""


class Stay(msgspec.Struct, frozen=True):
    """Nothing to do until another child ends."""

    memory: Memory | None = None


Opened = Perform | Spawn | Enter | Ask | Done | Failed | End
"""What may come of opening a step."""

Settled = Spawn | Done | Failed | Stay
"""What may come of a child's end."""

Woke = Done | Failed | Stay
"""What may come of an answer, a signal or a time that a step waits for."""

Left = Spawn | Stay
"""What may come of the end of a child that a step has left running: the step itself has its end already."""


class Outputs(msgspec.Struct, frozen=True):
    """The outputs of a workflow. One that can't be computed is null; `error` is that of the first such, located."""

    values: dict[str, Json]
    error: dict[str, Json] | None = None


class View(Protocol):
    """What a kind may see of the run while it opens or settles a step. Rendering raises StepFailed."""

    @property
    def step(self) -> str: ...
    @property
    def now(self) -> float: ...
    @property
    def folder(self) -> str:
        """The folder of the root file: where commands run."""
        ...

    @property
    def workflow(self) -> Workflow:
        """The workflow that the step stands in."""
        ...

    @property
    def callee(self) -> Workflow:
        """The workflow that a `workflow` step executes."""
        ...

    @property
    def memory(self) -> Mapping[str, Json]: ...
    @property
    def children(self) -> Mapping[str, Child]: ...
    @property
    def open(self) -> Mapping[str, str]: ...
    @property
    def tally(self) -> Mapping[str, int]: ...
    @property
    def notes(self) -> dict[str, Any]:
        """What the kind has worked out for itself from what is recorded, to go on from at the next child's end.

        They are gone when another process takes the run up: they begin empty then, and as the step opens.
        """
        ...

    @property
    def times(self) -> Mapping[str, float]:
        """The times that a waiting step waits for, by name (epoch s)."""
        ...

    @property
    def signals(self) -> Mapping[str, str]:
        """The signals that a waiting step waits for, by name."""
        ...

    @property
    def strays(self) -> int:
        """How many steps in a `workflow` step's own frames have left something running."""
        ...

    @property
    def ending(self) -> Ending | None:
        """How a `workflow` step ends, once its `finally` has begun."""
        ...

    def text(self, template: Template, **extra: Json) -> str: ...
    def value(self, value: ValueTemplate, **extra: Json) -> Json: ...
    def evaluate(self, expression: Expression, **extra: Json) -> Json: ...
    def holds(self, condition: Expression, **extra: Json) -> bool: ...
    def outputs(self, *, all_due: bool) -> Outputs:
        """The outputs of the workflow that a `workflow` step executes. `all_due`: one that can't be computed fails it.

        What comes before that failure is then a row of its own, so that it can be gone on from.
        """
        ...

    def branch_holds(self, condition: Expression, after: tuple[str, ...]) -> bool:
        """Whether a branch's `if` holds, as the branch itself would see it."""

    def seconds(self, duration: Duration) -> float: ...
    def results(self) -> Json:
        """`results`, as `complete_when` sees it."""

    def session(self, name: str) -> list[dict[str, Json]]:
        """The messages of a conversation that other steps have had. Raises StepFailed if one is having it now."""
        ...

    def seal(self, call: SubCall) -> str:
        """What tells this very call of the step, in this run and under this definition, from every other."""
        ...

    def is_freed(self, tool: str) -> bool:
        """Whether a person has approved a call of a tool (by hash) that asks for the first one alone."""
        ...

    def agent(self, use: AgentUse) -> ResolvedAgent:
        """The agent of that name where this workflow stands. What the node itself names is this workflow's.

        Of several it is the one that the step has in its memory, else the one that is now the right one. Of a sub-step
        it is the one that it is called by, to whom the agent around it delegates; the node says nothing of that one.
        """
        ...

    def enter(self, node: Node, with_: Mapping[str, Json]) -> Scope:
        """The scope of the workflow that `node` calls, its inputs checked."""
        ...


class Ended(msgspec.Struct, frozen=True):
    """The child that ended."""

    key: str
    child: Child


class Woken(msgspec.Struct, frozen=True):
    """Why a waiting step wakes: an answer came, a signal of that name, or its time did."""

    by: Literal["answer", "time", "signal"]
    value: Json = None
    name: str = ""


class Calling(msgspec.Struct, frozen=True, kw_only=True):
    """How tools of one kind are called: `call` is that with arguments that fit, in a folder; it raises TemplateError.

    `fills_defaults`: arguments not given are those that the schema says. `shows`: what else a person has to see of it.
    """

    key: str
    call: Callable[[Tool, dict[str, Json], str], AnyCall]
    fills_defaults: bool = True
    shows: Callable[[AnyCall], Json] = lambda _call: None


class ToolKind(Calling, frozen=True, kw_only=True):
    """One kind of tool that a file can declare: `key` is what tells it in YAML, `build` makes a Tool of the rest."""

    build: Callable[[NodeReader], Tool]


class Shape(msgspec.Struct, frozen=True):
    """How a node is drawn: between which brackets of Mermaid, and whether its argument is told.

    A node with branches is a frame around them instead; `items` is said of one whose body is drawn once for all items.
    """

    brackets: tuple[str, str] = ("[", "]")
    argument: bool = True
    items: str = ""


def _stays(_node: Node, _view: View, _news: Ended | Woken) -> Stay:
    return Stay()


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One node kind. `verb` is its key in YAML (NO_VERB for a node without).

    `build` makes the node's `spec` of its YAML, and `traits` tells what such a node does. `open` opens a step, `settle`
    takes a child's end, `wake` an answer or a time, `detached` a child's end after the step's own. What these rely on
    was recorded. After a crash `open` is asked again for the calls that were cut off: with what was recorded in view,
    it gives those that are open then.

    `instant`: a step ends in the commit in which it starts. `timed_as_whole`: the node's `timeout` bounds the step, not
    an attempt. `retried_as_whole`: the node's `retry` begins the step anew; else it is for the step's calls, but for
    the errors in `anew_after`, which are the step's alone.
    `used_last` are parts of the `spec` that nothing has used while a step is open.
    `retried`: the errors after which a node is tried again whose own `retry` names none.
    `takes_defaults`: what stands under `defaults:` counts. `is_one_call`: a step is one call to the world, which can be
    checked after a crash. `merge_order` takes the keys of branches in the order of
    the file, and gives them in the order in which what they write is merged.
    `budget` is what a step's model calls may take, beside the budgets that it stands under.
    """

    verb: str
    build: Callable[[NodeReader], Any]
    open: Callable[[Node, View], Opened]
    settle: Callable[[Node, View, Ended], Settled] = _stays
    wake: Callable[[Node, View, Woken], Woke] = _stays
    detached: Callable[[Node, View, Ended], Left] = _stays
    traits: Callable[[Any], Traits] = lambda _spec: Traits()
    merge_order: Callable[[Node, Sequence[str]], Sequence[str]] = lambda _node, keys: keys
    instant: bool = False
    timed_as_whole: bool = False
    retried_as_whole: bool = True
    anew_after: frozenset[str] = frozenset()
    retried: frozenset[str] = RETRYABLE | {"tool_failed"}
    takes_defaults: bool = False
    is_one_call: bool = False
    used_last: frozenset[str] = frozenset()
    budget: Callable[[Node, View], Budget | None] = lambda node, _view: node.limits
    shape: Shape = Shape()
