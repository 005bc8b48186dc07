"""Runs from outside: start one, take one up again, say how it stands."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from runner.calls import Context, Streamer
from runner.clock import Clock, SystemClock
from runner.compiler import RecordedFiles
from runner.compiler.files import shown_as
from runner.definitions import definition_of, texts_of
from runner.engine import Engine, Listener, Manner
from runner.errors import RunBusy, UsageError
from runner.events import RunStarted, StepWaiting
from runner.executor import World
from runner.history import Reopened, reopen
from runner.history import load as load_state
from runner.inputs import InputsInvalid, check_inputs
from runner.json_text import NotJson, parse_json
from runner.loading import load as load_file
from runner.loading import load_recorded
from runner.model import Json, Loaded, Workflow
from runner.projection import Projector
from runner.providers import live as live_models
from runner.providers.scripted import Script
from runner.recorder import Recorder
from runner.scheduler import Live
from runner.scheduler.happenings import Begin, Fork, Resumed
from runner.secrets import Secrets, reference
from runner.state import RunState
from runner.store.contract import RunRow, Store
from runner.store.lease import current_owner, may_take_over
from runner.tools.child import kill_leftovers
from runner.tools.performers import PERFORMERS
from runner.versions import compare, refuse_changes

GRACE = 2.0
"""Seconds that what a crash left behind is given to end by itself."""


class Choices(msgspec.Struct, frozen=True):
    """What a run is started with beside its inputs; recorded, so that a resumption has it too.

    `models` maps aliases to models, `allow` a kind of permission to what is added to it.
    """

    models: Mapping[str, str] = msgspec.field(default_factory=dict)
    allow: Mapping[str, Sequence[str]] = msgspec.field(default_factory=dict)
    script: Script | None = None
    name: str = ""
    run: str = ""


class Surroundings(msgspec.Struct, frozen=True):
    """What this process lends to a run."""

    store: Store
    manner: Manner = msgspec.field(default_factory=Manner)
    listeners: Sequence[Listener] = ()
    environment: Mapping[str, str] = msgspec.field(default_factory=lambda: dict(os.environ))
    clock: Clock = msgspec.field(default_factory=SystemClock)
    stream: Streamer = msgspec.field(default=lambda _step, _text: None)
    engaged: Callable[[Engine], None] = msgspec.field(default=lambda _engine: None)


class RunResult(msgspec.Struct, frozen=True):
    """How a run stands when its process lets go of it."""

    run: str
    workflow: str
    status: str
    reason: str
    outputs: Mapping[str, Json]
    error: Mapping[str, Json] | None
    waiting: tuple[StepWaiting, ...]
    cost_usd: float | None
    tokens: int
    steps: int


async def start(loaded: Loaded, given: Mapping[str, Json], choices: Choices, around: Surroundings) -> RunResult:
    """Run a workflow from its beginning. Raises InputsInvalid (no run is made), UsageError, StoreError."""
    workflow = loaded.workflow
    run = choices.run or around.clock.fresh_id()
    values, secrets = resolve_inputs(workflow, given, around)
    around.store.save_definition(definition_of(loaded))
    options = {
        "folder": workflow.folder or str(Path.cwd()),
        "models": dict(choices.models),
        "allow": {kind: list(added) for kind, added in choices.allow.items()},
        "mock": secrets.mask(choices.script.data) if choices.script else None,
        "nonce": secrets.nonce,
    }
    state = {name: key.default for name, key in workflow.state.items()}
    started = RunStarted(workflow.name, workflow.version, loaded.hash, values, state, options, choices.name)
    state_of_run = RunState()
    new = Reopened(state_of_run, Projector(state_of_run), 0, 0)
    return await drive(Live(run, workflow, state_of_run), 1, Begin(started), secrets, around, new)


def resolve_inputs(
    workflow: Workflow, given: Mapping[str, Json], around: Surroundings
) -> tuple[dict[str, Json], Secrets]:
    """A run's inputs, from what was given and the environment, with references in the place of secrets."""
    named = {**_from_environment(workflow, given, around.environment), **given}
    values = check_inputs(workflow.inputs, named)
    hidden = {
        name: str(values[name]) for name, entry in workflow.inputs.items() if entry.secret and values[name] is not None
    }
    secrets = Secrets(around.clock.fresh_id(), hidden)
    return {name: _shown(name, value, hidden, secrets) for name, value in values.items()}, secrets


def _shown(name: str, value: Json, hidden: Mapping[str, str], secrets: Secrets) -> Json:
    return reference(name, secrets.nonce) if hidden.get(name) else secrets.mask(value)


def _from_environment(workflow: Workflow, given: Mapping[str, Json], environment: Mapping[str, str]) -> dict[str, Json]:
    found = {}
    for name, entry in workflow.inputs.items():
        if entry.env and name not in given and entry.env in environment:
            found[name] = parse_input(workflow, name, environment[entry.env])
    return found


def parse_input(workflow: Workflow, name: str, text: str) -> Json:
    """An input given as text: as it is if its type is string, else JSON. Raises InputsInvalid.

    Where the type may be string, among others, what is no JSON is text.
    """
    entry = workflow.inputs.get(name)
    types = entry.schema.get("type") if entry is not None else "string"
    if entry is None or types == "string":
        return text
    try:
        return parse_json(text)
    except NotJson as error:
        if types is None or "string" in types:
            return text
        why = "that is no JSON" if entry.secret else f"'{text}' is no JSON: {error}"
        hint = f"for example -i '{name}=…' with a {types}"
        raise InputsInvalid(f"input '{name}' is of type {types}, and {why}", hint) from None


async def resume(run: str, given: Mapping[str, Json], around: Surroundings, changed: str = "") -> RunResult:
    """Take up a paused or killed run, under the definition in the file `changed` if one is named.

    Raises InvalidWorkflow, RunBusy, StoreError; UsageError when the run has ended, or what it has begun is not the
    same in that file.
    """
    store = around.store
    row = store.run(run)
    state = load_state(store, run)
    if state.ended:
        raise UsageError(f"run {run} has ended: {state.status}", "retry or fork it, or run the workflow again")
    if not may_take_over(row, around.clock.now()):
        raise RunBusy(*_owned_by(row))
    loaded = _accepted(store, run, state, changed) if changed else pinned(store, state)
    secrets = secrets_again(loaded.workflow, state, given, around)
    epoch = store.claim(run, current_owner(), around.clock.now(), row.epoch)
    reopened = reopen(store, run)
    for step in reopened.state.running:
        await kill_leftovers(f"{run}/{step}", GRACE)
    live = Live(run, loaded.workflow, reopened.state)
    resumed = Resumed(epoch, loaded.hash, loaded.workflow.version) if changed else Resumed(epoch)
    return await drive(live, epoch, resumed, secrets, around, reopened)


def pinned(store: Store, state: RunState, definition: str = "") -> Loaded:
    """The version that a run goes by now, or another that it went by before, as it was recorded."""
    path, texts = texts_of(store.definition(definition or state.definition))
    return load_recorded(path, RecordedFiles(texts), state.options.get("allow", {}))


def _accepted(store: Store, run: str, state: RunState, file: str) -> Loaded:
    changed = load_file(file, state.options.get("allow", {}))
    visits = compare(store, run, changed.workflow, lambda version: pinned(store, state, version).workflow)
    refuse_changes(visits, run, shown_as(changed.workflow.file))
    store.save_definition(definition_of(changed))
    return changed


def _owned_by(row: RunRow) -> tuple[str, str]:
    owner = row.owner
    who = f"process {owner.pid} on {owner.host}" if owner else "another process"
    return f"run {row.id} belongs to {who}, which is alive", "wait for it, or stop it first"


def secrets_again(workflow: Workflow, state: RunState, given: Mapping[str, Json], around: Surroundings) -> Secrets:
    """A recorded run's secrets, supplied again. Raises UsageError when one is missing."""
    started = state.started
    assert started is not None, "a recorded run has started"
    nonce = str(started.options.get("nonce", ""))
    values: dict[str, str] = {}
    supplied = {**_from_environment(workflow, given, around.environment), **given}
    for name, entry in workflow.inputs.items():
        if not entry.secret or started.inputs.get(name) != reference(name, nonce):
            continue
        if name not in supplied:
            raise UsageError(
                f"secret input '{name}' is needed again", f"give it with -i {name}=…, or by its environment variable"
            )
        values[name] = str(supplied[name])
    return Secrets(nonce, values)


async def drive(
    live: Live, epoch: int, first: Begin | Fork | Resumed, secrets: Secrets, around: Surroundings, reopened: Reopened
) -> RunResult:
    """Drive a run from its first happening in this process until it ends or pauses."""
    mock = _mock_of(first, live.state)
    script = Script.from_data(mock) if mock else None
    context = Context(around.clock, around.environment, lambda step, text: around.stream(step, str(secrets.mask(text))))
    world = World(script or live_models.Live(), PERFORMERS, script, secrets, context)
    recorder = Recorder(around.store, live.run, current_owner(), epoch, around.clock, reopened)
    engine = Engine(live, recorder, world, around.manner, around.listeners)
    around.engaged(engine)
    await engine.drive([first])
    return result_of(live.run, live.state)


def _mock_of(first: Begin | Fork | Resumed, state: RunState) -> Json:
    if isinstance(first, Begin):
        return first.started.options.get("mock")
    forked = first.forked.options if isinstance(first, Fork) else {}
    return {**state.options, **forked}.get("mock")


def result_of(run: str, state: RunState) -> RunResult:
    """How a run stands."""
    waiting = tuple(step.waiting for step in state.steps.values() if step.waiting is not None)
    started = state.started
    cost = None if state.unpriced else state.cost_usd
    return RunResult(
        run,
        started.workflow if started else "",
        state.status,
        state.reason,
        state.outputs,
        state.error,
        waiting,
        cost,
        state.tokens,
        state.total_steps,
    )
