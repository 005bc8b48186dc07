"""Runs from outside: start one, take one up again, say how it stands."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from runner.engine.executor import Executor
from runner.engine.loading import load_recorded, with_absolute_paths
from runner.engine.loop import Engine
from runner.engine.recorder import Recorder
from runner.engine.run_options import RunOptions, refuse_unknown_models
from runner.engine.scheduler import Live, time_limit
from runner.engine.scheduler.happenings import First
from runner.engine.surroundings import Surroundings
from runner.engine.takeover import Takeover
from runner.ground.clock import Clock
from runner.ground.errors import StoreError, UsageError
from runner.ground.json_value import Json
from runner.ground.plain import one_line
from runner.nodes.contract import StepFailed
from runner.record.definitions import definition_of, folder_of, texts_of
from runner.record.events import FORMAT, RunStarted, StepWaiting
from runner.record.fold import IMPOSSIBLE
from runner.record.history import Reopened
from runner.record.projection import Projector
from runner.record.run_state import RunState, Step
from runner.record.store.contract import Store
from runner.record.store.lease import current_owner
from runner.workflow.compiler import RecordedFiles
from runner.workflow.inputs import InputsInvalid, check_inputs, parse_input
from runner.workflow.model import Loaded, Workflow
from runner.world.calls import Context
from runner.world.providers.live import LiteLLM
from runner.world.providers.scripted import Script
from runner.world.secrets import Secrets, reference
from runner.world.tools.performers import PERFORMERS

RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


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
    refused: str = ""
    """Why an answer that was given beforehand was refused; the run waits for another."""
    takeover: Takeover | None = None
    """What was taken over of its past, where that was changed."""


class Prepared(msgspec.Struct, frozen=True):
    """A run that nothing speaks against: it can start. `inputs` hold references in the place of secrets."""

    loaded: Loaded
    inputs: Mapping[str, Json]
    secrets: Secrets
    choices: RunOptions


def prepare(
    loaded: Loaded, given: Mapping[str, Json], choices: RunOptions, environment: Mapping[str, str], clock: Clock
) -> Prepared:
    """Check all that a run is given. Raises InputsInvalid, UsageError; no run is made, and no database."""
    refuse_unknown_models(loaded.workflow, choices.models)
    inputs, secrets = resolve_inputs(loaded.workflow, given, environment, clock.fresh_id())
    try:
        time_limit(loaded.workflow, inputs)
    except StepFailed as error:
        raise InputsInvalid(f"limits.timeout: {error.message}") from error
    return Prepared(loaded, inputs, secrets, choices)


async def start(prepared: Prepared, around: Surroundings) -> RunResult:
    """Run a workflow from its beginning. Raises StoreError, also when the run's id is taken."""
    loaded, choices, workflow = prepared.loaded, prepared.choices, prepared.loaded.workflow
    run = choices.run or around.clock.fresh_id()
    around.store.save_definition(definition_of(loaded))
    options = {
        "folder": folder_of(workflow),
        "models": dict(choices.models),
        "allow": with_absolute_paths(choices.allow),
        "agents": dict(choices.agents),
        "mock": prepared.secrets.mask(choices.script.data) if choices.script else None,
        "nonce": prepared.secrets.nonce,
    }
    state = {name: key.default for name, key in workflow.state.items()}
    inputs = dict(prepared.inputs)
    started = RunStarted(
        workflow=workflow.name,
        version=workflow.version,
        definition=loaded.hash,
        inputs=inputs,
        state=state,
        options=options,
        name=choices.name,
        format=FORMAT,
    )
    state_of_run = RunState()
    new = Reopened(state_of_run, Projector(state_of_run), 0, 0)
    return await run_engine(Live(run, workflow, state_of_run), 1, started, prepared.secrets, around, new)


def checked_run_id(given: str | None) -> str:
    """A run's id as given, or nothing. Raises UsageError."""
    if given is not None and not RUN_ID.fullmatch(given):
        raise UsageError(
            f"'{given[:80]}' can't be a run's id",
            "letters, digits, `_`, `.` and `-`, at most 64, none of these three first",
        )
    if given == "last":
        raise UsageError("'last' can't be a run's id: it stands for the newest run")
    return given or ""


def resolve_inputs(
    workflow: Workflow, given: Mapping[str, Json], environment: Mapping[str, str], nonce: str
) -> tuple[dict[str, Json], Secrets]:
    """A run's inputs, from what was given and the environment, with references in the place of secrets.

    Raises InputsInvalid; UsageError for a secret that is too short.
    """
    named = {**_from_environment(workflow, given, environment), **given}
    values = check_inputs(workflow.inputs, named)
    hidden = {
        name: str(values[name]) for name, entry in workflow.inputs.items() if entry.secret and values[name] is not None
    }
    secrets = Secrets(nonce, hidden)
    shown = {
        name: reference(name, nonce) if hidden.get(name) else secrets.mask(value) for name, value in values.items()
    }
    return shown, secrets


def _from_environment(workflow: Workflow, given: Mapping[str, Json], environment: Mapping[str, str]) -> dict[str, Json]:
    found = {}
    for name, entry in workflow.inputs.items():
        if entry.env and name not in given and entry.env in environment:
            found[name] = parse_input(workflow.inputs, name, environment[entry.env])
    return found


def pinned(store: Store, state: RunState, definition: str = "") -> Loaded:
    """The version that a run goes by now, or another that it went by before, as it was recorded.

    It stands in the run's own folder: others may have recorded the same version from elsewhere.
    """
    found = store.definition(definition or state.definition)
    path, texts = texts_of(replace(found, folder=state.options.get("folder") or found.folder))
    return load_recorded(path, RecordedFiles(texts), state.options)


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


async def run_engine(
    live: Live, epoch: int, first: First, secrets: Secrets, around: Surroundings, reopened: Reopened
) -> RunResult:
    """Drive a run from its first happening in this process until it ends or pauses."""
    if around.concurrency is not None:
        live.most = min(around.concurrency, live.most)
    recorder = Recorder(around.store, live.run, current_owner(lease=around.lease), epoch, around.clock, reopened)
    mock = {**live.state.options, **first.options}.get("mock")
    engine = Engine(live, recorder, _executor(live.run, mock, secrets, around), around)
    around.audience.engaged(engine.stop)
    try:
        with recorder.heartbeat():
            await engine.drive(first)
    except IMPOSSIBLE as error:
        if isinstance(first, RunStarted):
            raise  # a mistake of ours: nothing that was recorded elsewhere is the reason
        raise not_ours(live.run, error) from error
    result = result_of(live.run, live.state)
    return result if engine.refused is None else replace(result, refused=str(engine.refused))


def _executor(run: str, mock: Json, secrets: Secrets, around: Surroundings) -> Executor:
    script = Script.from_data(mock) if mock else None
    context = Context(
        around.clock,
        around.environment,
        lambda step, text: around.audience.stream(step, str(secrets.mask(text))),
        mark=mark_of(run, secrets),
    )
    return Executor(script or LiteLLM(), PERFORMERS, script, secrets, context)


def not_ours(run: str, why: Exception | str) -> StoreError:
    """The error of a run whose record does not follow from its workflow: somebody has made it up, or changed it."""
    shown = why if isinstance(why, str) else f"{type(why).__name__}: {why}"
    words = f"run {run} can't go on: its record is none that its workflow leads to ({one_line(shown, 200)})"
    return StoreError(words, f"`wf show {run}` shows the record; to run the workflow again: wf run")


def mark_of(run: str, secrets: Secrets) -> str:
    """What marks a run's processes. Its nonce is not told by it: who knows that can write references to secrets."""
    return hashlib.sha256(f"{run}\0{secrets.nonce}".encode()).hexdigest()[:16]


def _waits_for(step: Step) -> StepWaiting | None:
    """What a step waits for: a person, a time, or its next attempt."""
    return step.waiting if step.retry_at is None else StepWaiting(step.path, "timer", step.retry_at)


def result_of(run: str, state: RunState) -> RunResult:
    """How a run stands."""
    waiting = tuple(found for step in state.steps.values() if (found := _waits_for(step)) is not None)
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
