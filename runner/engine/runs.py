"""Runs from outside: start one, take one up again, say how it stands."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence

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
from runner.ground.errors import StoreError, UsageError, did_you_mean
from runner.ground.json_value import Json
from runner.ground.plain import one_line
from runner.nodes.contract import StepFailed
from runner.record.address import ROOT
from runner.record.definitions import definition_of, folder_of, texts_of
from runner.record.events import FORMAT, RunStarted, StepWaiting
from runner.record.fold import IMPOSSIBLE
from runner.record.history import Reopened
from runner.record.projection import Projector
from runner.record.rewriting import change_texts
from runner.record.run_state import RunState, Step
from runner.record.store.contract import Store
from runner.record.store.lease import current_owner
from runner.workflow.analysis.secrecy import read_by_finally
from runner.workflow.compiler import RecordedFiles
from runner.workflow.inputs import InputsInvalid, check_inputs, parse_input
from runner.workflow.model import Input, Loaded, Workflow
from runner.workflow.permission_hints import variable_to_allow
from runner.world.calls import Context
from runner.world.processes.supervisor import Supervisor
from runner.world.providers.live import LiteLLM
from runner.world.providers.scripted import Script
from runner.world.secrets import Secrets, written_reference
from runner.world.secrets.streams import Streams
from runner.world.tools.environment import search_path
from runner.world.tools.performers import PERFORMERS
from runner.world.tools.program_hashes import program_hashes
from runner.world.tools.protection import protected

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
    secrets: tuple[str, ...] = ()
    """The secret inputs that whoever goes on with it has to give: no variable of the environment does."""
    variables: tuple[str, ...] = ()
    """The variables of the environment that gave the others, and that have to be set then."""
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
        **programs_of(workflow, around),
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
        name=prepared.secrets.mask(choices.name),
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
    _refuse_unlisted(workflow, given, environment)
    named = {**_from_environment(workflow, given, environment), **given}
    values = check_inputs(workflow.inputs, named)
    hidden = {
        name: str(values[name]) for name, entry in workflow.inputs.items() if entry.secret and values[name] is not None
    }
    secrets = Secrets(nonce, hidden)
    shown = {
        name: secrets.reference(name) if hidden.get(name) else secrets.mask(value) for name, value in values.items()
    }
    return shown, secrets


def _refuse_unlisted(workflow: Workflow, given: Mapping[str, Json], environment: Mapping[str, str]) -> None:
    """Raises InputsInvalid for an input whose value stands in a variable that the workflow may not take."""
    for name, entry in workflow.inputs.items():
        if entry.env in environment and name not in given and entry.env not in workflow.granted.env:
            message = f"input '{name}' may not be taken from the environment variable '{entry.env}'"
            mending = variable_to_allow(entry.env, workflow.granted)
            raise InputsInvalid(message, f"{mending}; or give it with -i {name}={'@FILE' if entry.secret else '…'}")


def _from_environment(workflow: Workflow, given: Mapping[str, Json], environment: Mapping[str, str]) -> dict[str, Json]:
    found = {}
    for name, entry in workflow.inputs.items():
        if entry.env in workflow.granted.env and name not in given and entry.env in environment:
            found[name] = parse_input(workflow.inputs, name, environment[entry.env])
    return found


def pinned(store: Store, state: RunState, definition: str = "") -> Loaded:
    """The version that a run goes by now, or another that it went by before, as it was recorded.

    It stands in the run's own folder: others may have recorded the same version from elsewhere.
    """
    found = store.definition(definition or state.definition)
    path, texts = texts_of(replace(found, folder=state.options.get("folder") or found.folder))
    return load_recorded(path, RecordedFiles(texts), state.options)


class Supplied(msgspec.Struct, frozen=True):
    """A recorded run's secrets in this process.

    `hidden` are inputs that are secret only from now on, with the references that take their places on paper; `options`
    change with that; `warnings` tell which of them stand in the record before.
    """

    secrets: Secrets
    hidden: dict[str, str] = {}
    options: dict[str, Json] = {}
    warnings: tuple[str, ...] = ()


def secrets_again(
    workflow: Workflow, state: RunState, given: Mapping[str, Json], around: Surroundings, *, cancels: bool = False
) -> Supplied:
    """A recorded run's secrets, supplied again; and those that the workflow, if it is another now, adds.

    A run that is only cancelled needs those that a `finally` may read. Raises UsageError when one is missing or too
    short, InputsInvalid when one that is added does not fit.
    """
    held = _inputs_of(state)
    nonce = nonce_of(state)
    supplied = {**_from_environment(workflow, given, around.environment), **given}
    declared = [entry for entry in workflow.inputs.values() if entry.secret]
    _refuse_unknown_secrets([entry.name for entry in declared], given)
    known = [entry.name for entry in declared if held.get(entry.name) == written_reference(entry.name, nonce)]
    needed = read_by_finally(workflow, known) if cancels else known
    for name in needed:
        if name not in supplied:
            why = ": a `finally` may read it" if cancels else ""
            raise UsageError(f"secret input '{name}' is needed again{why}", how_to_give(workflow, name))
        if supplied[name] == "":
            raise UsageError(
                f"secret input '{name}' is empty, and was not as the run began", how_to_give(workflow, name)
            )
    values = {name: str(supplied[name]) for name in known if supplied.get(name)}
    fresh = {entry.name: _of_new(entry, held, supplied) for entry in declared if entry.name not in known}
    hidden = {name: value for name, value in fresh.items() if value}
    if hidden and not known:
        nonce = around.clock.fresh_id()  # what was recorded before may hold what looks like a reference of the old one
    warnings = tuple(
        f"input '{name}' is secret from now on, but what was recorded before holds its value in clear: "
        "change it, or delete the run when it has ended"
        for name in hidden
        if name in held
    )
    marks = {name: written_reference(name, nonce) for name in hidden}
    options: dict[str, Json] = {"nonce": nonce} if nonce != nonce_of(state) else {}
    return Supplied(Secrets(nonce, values | hidden), marks, options, warnings)


def _refuse_unknown_secrets(declared: Sequence[str], given: Mapping[str, Json]) -> None:
    for name in given:
        if name not in declared:
            known = f"these are: {', '.join(declared)}" if declared else "it has none; leave -i away"
            raise UsageError(f"'{name}' is no secret input of the workflow{did_you_mean(name, declared)}", known)


def how_to_give(workflow: Workflow, name: str) -> str:
    """How a secret input is given: what stands in a command can be read by others."""
    entry = workflow.inputs[name]
    by_file = f"give it with -i {name}=@FILE"
    return f"set {entry.env}, or {by_file}" if entry.env in workflow.granted.env else by_file


def _inputs_of(state: RunState) -> Mapping[str, Json]:
    """The inputs that an open run holds by now."""
    root = state.steps[ROOT].invocation
    assert root is not None, "the run itself is a workflow"
    return root.inputs


def _of_new(entry: Input, held: Mapping[str, Json], supplied: Mapping[str, Json]) -> str:
    """The value of an input that was no secret before: the one that the run holds, or the one given now."""
    if entry.name in held:
        value = held[entry.name]
    elif entry.name in supplied:
        value = check_inputs({entry.name: entry}, {entry.name: supplied[entry.name]})[entry.name]
    else:
        value = entry.default
    return "" if value is None else str(value)


def needed_secrets(store: Store, state: RunState, environment: Mapping[str, str]) -> tuple[str, ...]:
    """The secret inputs that have to be given when an open run goes on: no variable of the environment does."""
    if state.ended or ROOT not in state.steps:
        return ()
    nonce = nonce_of(state)
    known = [name for name, value in _inputs_of(state).items() if value == written_reference(name, nonce)]
    return _not_in(environment, pinned(store, state).workflow, known) if known else ()


def _not_in(environment: Mapping[str, str], workflow: Workflow, names: Iterable[str]) -> tuple[str, ...]:
    entries = (workflow.inputs.get(name) for name in names)
    return tuple(entry.name for entry in entries if entry is not None and entry.env not in environment)


def nonce_of(state: RunState) -> str:
    """The nonce of a run's references on paper."""
    return str(state.options.get("nonce", ""))


def into_memory(state: RunState, secrets: Secrets) -> None:
    """Put this process's references in the place of those that a run's state was recorded with."""
    if secrets.any:
        change_texts(state, secrets.from_paper)


async def run_engine(
    live: Live, epoch: int, first: First, secrets: Secrets, around: Surroundings, reopened: Reopened
) -> RunResult:
    """Drive a run from its first happening in this process until it ends or pauses."""
    if around.concurrency is not None:
        live.most = min(around.concurrency, live.most)
    if secrets.any:
        live.on_paper = secrets.to_paper
        reopened.on_paper = secrets.to_paper
        reopened.projector.follow(live.state, secrets.to_paper)
    recorder = Recorder(around.store, live.run, current_owner(lease=around.lease), epoch, around.clock, reopened)
    options = {**live.state.options, **first.options}
    engine = Engine(live, recorder, _executor(live, epoch, options, secrets, around), around)
    around.audience.engaged(engine.stop)
    try:
        with recorder.heartbeat():
            await engine.drive(first)
    except IMPOSSIBLE as error:
        if isinstance(first, RunStarted):
            raise  # a mistake of ours: nothing that was recorded elsewhere is the reason
        raise not_ours(live.run, str(secrets.to_paper(f"{type(error).__name__}: {error}"))) from error
    refused = "" if engine.refused is None else str(engine.refused)
    needed = _not_in(around.environment, live.workflow, secrets.names)
    entries = (live.workflow.inputs[name] for name in secrets.names if name not in needed)
    variables = tuple(entry.env for entry in entries if entry.env)
    result = replace(result_of(live.run, live.state), refused=refused, secrets=needed, variables=variables)
    return _on_paper(result, secrets)


def _on_paper(result: RunResult, secrets: Secrets) -> RunResult:
    """How a run stands, as it is shown."""
    if not secrets.any:
        return result
    waiting = msgspec.convert(secrets.to_paper(msgspec.to_builtins(result.waiting)), tuple[StepWaiting, ...])
    outputs, error, refused = secrets.to_paper([dict(result.outputs), result.error, secrets.mask(result.refused)])
    return replace(result, waiting=waiting, outputs=outputs, error=error, refused=refused)


def programs_of(workflow: Workflow, around: Surroundings) -> dict[str, Json]:
    """The option that tells which programs, of those that a run could overwrite, it begins with; none where none is."""
    found = program_hashes(workflow.granted, search_path(around.environment))
    return {"programs": found} if found else {}


def _executor(live: Live, epoch: int, options: Mapping[str, Json], secrets: Secrets, around: Surroundings) -> Executor:
    mock = options.get("mock")
    script = Script.from_data(mock) if mock else None
    streams = Streams(secrets, around.audience.stream)
    mark = mark_of(live.run, secrets.nonce)

    def mask(text: str) -> str:
        return str(secrets.mask(text))

    context = Context(
        around.clock,
        around.environment,
        streams.piece,
        mark=mark,
        protected=protected(live.workflow, around.store.file, search_path(around.environment)),
        programs=options.get("programs", {}),
        mask=mask,
        supervisor=Supervisor(mark, epoch, mask, whole=around.whole_process, guarded=True),
    )
    return Executor(script or LiteLLM(), PERFORMERS, script, secrets, context, streams.end)


def not_ours(run: str, why: Exception | str) -> StoreError:
    """The error of a run whose record does not follow from its workflow: somebody has made it up, or changed it."""
    shown = why if isinstance(why, str) else f"{type(why).__name__}: {why}"
    words = f"run {run} can't go on: its record is none that its workflow leads to ({one_line(shown, 200)})"
    return StoreError(words, f"`wf show {run}` shows the record; to run the workflow again: wf run")


def mark_of(run: str, nonce: str) -> str:
    """What marks a run's processes: it tells them from those of a run that bears the same id elsewhere."""
    return hashlib.sha256(f"{run}\0{nonce}".encode()).hexdigest()[:16]


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
