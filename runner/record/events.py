"""The event types: facts of a run, in order, the only thing a run writes. Everything else is derived from them."""

from __future__ import annotations

from typing import Literal

import msgspec

from runner.ground.json_value import Json
from runner.record.event_parts import Adapted, Branches, LeftRunning, Printed, Write
from runner.record.gates import Gate, ToApprove
from runner.record.usage import Reservation, Usage

FORMAT = 2
"""The version of the event format; a store refuses a newer one.

Since version 2 composites remember (`StepRemembered`), and steps say whether they are composites. A run without a
version has version 1.
"""

TIMED_OUT = "its timeout"
"""What ended a workflow's body when the `timeout` of the node that called it had passed."""

StepStatus = Literal["running", "waiting", "completed", "failed", "cancelled", "skipped", "omitted"]
EndStatus = Literal["completed", "failed", "cancelled", "skipped", "omitted"]
RunStatus = Literal["pending", "running", "paused", "completed", "failed", "cancelled"]


CALL, ASK = "call", "ask"
"""What stands for a verb where a step is a composite's own call or question; a delegate's step has the agent's verb."""

APPROVED = "approve"
"""The answer by which a person approves a call."""

UNANSWERED = frozenset({"mock", "replay"})
"""The kinds of waiting of a call that was not made: a scripted reply is missing, or a recorded call."""


class Event(msgspec.Struct, frozen=True, tag_field="type", omit_defaults=True):
    """What all events share: nothing but the tag; order and time belong to the commit that carries them."""


class RunStarted(Event, frozen=True, tag="run_started"):
    """A run begins. `inputs` hold references in the place of secrets; `options` is what later resumptions need."""

    workflow: str
    version: str
    definition: str
    inputs: dict[str, Json]
    state: dict[str, Json]
    options: dict[str, Json] = {}
    name: str = ""
    format: int = 1


class RunPaused(Event, frozen=True, tag="run_paused"):
    """Nothing goes on by itself; `reason` says why (waiting, interrupted, asked).

    `cut` is what the programs had printed whose attempts are cut off by it, by step; `ends` are the processes, left
    running by completed steps, that are ended with it.
    """

    reason: str
    cut: dict[str, Printed] = {}
    ends: tuple[LeftRunning, ...] = ()


class RunResumed(Event, frozen=True, tag="run_resumed"):
    """A process took the run up again, under a new epoch of its lease; by another `definition` if that is named.

    `options` win over those of the past; `adapted` is what that changes of open workflows, by the step that calls each.
    `hidden` are inputs that are secret from now on, with the references that take the place of their values.
    """

    epoch: int
    definition: str = ""
    version: str = ""
    options: dict[str, Json] = {}
    adapted: dict[str, Adapted] = {}
    hidden: dict[str, str] = {}


class RunForked(Event, frozen=True, tag="run_forked"):
    """A run begins that shares the past of `parent` up to its event `at`, and goes on from there under its own name.

    `state` and `inputs` are what the fork changes of the workflow's own, `frames` of the states of open branches and
    called workflows, by address; `contributed` is what an edited branch contributes to these keys in the place of all
    that it did, and what the reducer `first` then has its value by. `options`, `adapted`, `hidden` are as in
    `RunResumed`. Times that open steps wait for move by `shift` (s). `anew` are the open steps that begin anew: what
    they had opened is gone, and failures before do not count. `keys` are, in a retry, the runs in which steps began.
    """

    parent: str
    at: int
    workflow: str
    version: str
    definition: str
    state: dict[str, Json] = {}
    inputs: dict[str, Json] = {}
    options: dict[str, Json] = {}
    shift: float = 0.0
    anew: tuple[str, ...] = ()
    frames: dict[str, dict[str, Json]] = {}
    contributed: dict[str, tuple[Write, ...]] = {}
    adapted: dict[str, Adapted] = {}
    hidden: dict[str, str] = {}
    keys: dict[str, str] = {}


class RunEnded(Event, frozen=True, tag="run_ended"):
    """The run has its one terminal status. `ends` are the processes, left running by steps, that are ended with it."""

    status: Literal["completed", "failed", "cancelled"]
    outputs: dict[str, Json] = {}
    error: dict[str, Json] | None = None
    ends: tuple[LeftRunning, ...] = ()


class Ending(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a workflow ends: with its outputs, or an error. Settled before its `finally`, which can't change it."""

    outputs: dict[str, Json] = {}
    error: dict[str, Json] | None = None


class Scope(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a workflow's own frames start from: its inputs and its initial state."""

    inputs: dict[str, Json]
    state: dict[str, Json]
    workflow: str = ""


class FrameOpened(Event, frozen=True, tag="frame_opened"):
    """A body begins to be executed, as child `key` of step `owner`.

    A branch starts from the owner's frame's state; `after` names siblings whose writes it sees, in order; `follows` the
    sibling whose final state it takes over; `shared` frames (a workflow's own bodies) work on the workflow's state.
    `ending` comes with a workflow's `finally`, `home` with a tool's check: the step whose workflow has the tool.
    """

    frame: str
    owner: str
    key: str
    body: str
    variables: dict[str, Json] = {}
    after: tuple[str, ...] = ()
    follows: str = ""
    shared: bool = False
    ending: Ending | None = None
    home: str | None = None


class FrameEnded(Event, frozen=True, tag="frame_ended"):
    """A body has ended. Its output is its last step's; `error` is that of the step that failed it.

    `by` names what ended it out of turn: an `end` node's step, `cancel`, or `its timeout`. `handled`: its last step
    failed and `on_error` took that, so that the branch is failed, and fails nothing.
    """

    frame: str
    status: EndStatus
    error: dict[str, Json] | None = None
    by: str = ""
    handled: bool = False


class BranchPassed(Event, frozen=True, tag="branch_passed"):
    """Child `key` of `owner` has its status without a frame that ends.

    A branch's `if` was false or failed, or the branch became needless; or a workflow whose body has ended was stopped
    while it waited for what that left running.
    """

    owner: str
    key: str
    status: Literal["skipped", "omitted", "failed", "cancelled"]
    error: dict[str, Json] | None = None
    by: str = ""


class StepStarted(Event, frozen=True, tag="step_started"):
    """A node was arrived at, or a call or a question of a composite begins.

    `frame` is empty for a composite's own: `owner` and `key` say whose. `attempt` 1 starts it at once, 0 queues it.
    `request` says in short what was asked (argv, a tool's arguments, a conversation's new messages).
    A `composite` lives by its children, by an answer or by a time, and has no attempt in flight itself. `memory` is
    what it keeps for itself, `branches` are those that it may open. `scope` belongs to a called workflow; `due` is a
    timeout (epoch s). `approved` is the seal of the call that a person has approved.
    """

    step: str
    node: str
    verb: str
    frame: str | None = None
    owner: str = ""
    key: str = ""
    visit: int = 1
    attempt: int = 0
    agent: str = ""
    input_hash: str = ""
    request: dict[str, Json] = {}
    memory: dict[str, Json] = {}
    scope: Scope | None = None
    due: float | None = None
    composite: bool | None = None
    branches: Branches | None = None
    approved: str = ""

    @property
    def is_composite(self) -> bool:
        """Whether the step is a composite. Of older records a node's step tells it: only a call has an input's hash."""
        return self.composite if self.composite is not None else self.frame is not None and not self.input_hash


class StepRemembered(Event, frozen=True, tag="step_remembered"):
    """A composite keeps something else from now on: `memory`, by key, and what is `added` to lists that it keeps."""

    step: str
    memory: dict[str, Json] = {}
    added: dict[str, list[Json]] = {}


class StepWaiting(Event, frozen=True, tag="step_waiting"):
    """A step waits for a person, a time, a signal, its `turn`, its `budget`, or a reply that is missing: `UNANSWERED`.

    `until` is in epoch seconds; None waits without end. `prompt` is what a person is asked, or what is missing.
    `line` names the model that a call may ask once its turn comes.
    `times` (epoch s) and `signals` (names) are what a wait is for, by the key that its output tells. A budget that is
    `raised_by_option` is the run's: `--max-cost` raises it, and others the file alone.
    `approval` is the call that a person is to approve.
    """

    step: str
    kind: Literal["person", "timer", "signal", "mock", "replay", "turn", "budget"]
    until: float | None = None
    prompt: str = ""
    choices: tuple[Json, ...] = ()
    schema: dict[str, Json] | None = None
    times: dict[str, float] = {}
    signals: dict[str, str] = {}
    line: str = ""
    approval: ToApprove | None = None
    raised_by_option: bool = False


class AttemptStarted(Event, frozen=True, tag="attempt_started"):
    """An attempt begins once this is committed. `again`: the one before was interrupted, and its replies count anew.

    `paced` names the model whose bounds the call counts for, with the `tokens` that it may take.
    `reserves` is what the budgets around a model call set aside for it.
    A composite begins anew with what it opens with: `memory`, `branches`, `scope` and `due` as in `StepStarted`.
    """

    step: str
    attempt: int
    again: bool = False
    paced: str = ""
    tokens: int = 0
    memory: dict[str, Json] = {}
    scope: Scope | None = None
    due: float | None = None
    branches: Branches | None = None
    reserves: Reservation | None = None


class AttemptFailed(Event, frozen=True, tag="attempt_failed"):
    """An attempt failed and will be followed by another, at `retry_at` (epoch s; jitter already drawn).

    `gates` are as in `StepEnded`.
    """

    step: str
    attempt: int
    error: dict[str, Json]
    retry_at: float
    usage: Usage | None = None
    gates: tuple[Gate, ...] = ()


class StepEnded(Event, frozen=True, tag="step_ended"):
    """A step has its status. The fold applies `merge` (children's writes), then `reset`, then `writes`, then `next`.

    `next` is the node the frame goes to; None leaves its cursor empty. `leave`: children still open become strays.
    `left` are the processes that it left running; `printed` is what its program had printed, where no output tells it.
    `unanswered`: no person answered in time, and the output is what stands for an answer then. `gates` are those that
    the attempt came to, or a person's approval.
    `came` is what its call came to, `{output}` or `{error, output}`, where the step failed by what followed that.
    """

    step: str
    status: EndStatus
    node: str = ""
    frame: str | None = None
    verb: str = ""
    visit: int = 1
    output: Json = None
    error: dict[str, Json] | None = None
    merge: tuple[str, ...] = ()
    reset: tuple[tuple[str, Json], ...] = ()
    writes: tuple[Write, ...] = ()
    next: str | None = None
    usage: Usage | None = None
    leave: bool = False
    left: tuple[LeftRunning, ...] = ()
    printed: Printed | None = None
    unanswered: bool = False
    gates: tuple[Gate, ...] = ()
    came: dict[str, Json] | None = None


class StepInterrupted(Event, frozen=True, tag="step_interrupted"):
    """A crash cut off an attempt of a call that has a check: the check is asked before the call is made again."""

    step: str
    attempt: int


class StepChecked(Event, frozen=True, tag="step_checked"):
    """It is known what is to become of an attempt that was cut off: its check says so, or a person does."""

    step: str
    attempt: int
    verdict: Literal["done", "again", "fail"]
    by: Literal["check", "person"]


class StepClosed(Event, frozen=True, tag="step_closed"):
    """The last of what a composite left running has ended."""

    step: str


AnyEvent = (
    RunStarted
    | RunForked
    | RunPaused
    | RunResumed
    | RunEnded
    | FrameOpened
    | FrameEnded
    | BranchPassed
    | StepStarted
    | StepRemembered
    | StepWaiting
    | AttemptStarted
    | AttemptFailed
    | StepEnded
    | StepInterrupted
    | StepChecked
    | StepClosed
)


class Commit(msgspec.Struct, frozen=True):
    """What one transaction records: events `first` … `last` of a run, at one time (epoch s), under one lease epoch."""

    run: str
    first: int
    events: tuple[AnyEvent, ...]
    at: float
    epoch: int = 1

    @property
    def last(self) -> int:
        return self.first + len(self.events) - 1


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(tuple[AnyEvent, ...])


def encode(events: tuple[AnyEvent, ...]) -> bytes:
    """Events as JSON text (UTF-8)."""
    return _encoder.encode(events)


def decode(data: bytes) -> tuple[AnyEvent, ...]:
    """The inverse of `encode`. Raises msgspec.ValidationError on what is no list of events."""
    return _decoder.decode(data)
