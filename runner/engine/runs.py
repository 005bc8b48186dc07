"""Runs from outside: start one, take one up again, say how it stands."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from runner.engine.cassettes import write_cassette
from runner.engine.executor import Executor
from runner.engine.given_answers import refuse_unfit_answers
from runner.engine.given_inputs import not_in, resolve_inputs
from runner.engine.loading import with_absolute_paths
from runner.engine.loop import Engine
from runner.engine.needs import look_for_needs, refuse_unusable_settings
from runner.engine.prices import prices_of, refuse_unpriced
from runner.engine.recorder import Recorder
from runner.engine.run_options import RunOptions, refuse_unknown_models, reply_options
from runner.engine.scheduler import Live, time_limit
from runner.engine.scheduler.happenings import First
from runner.engine.surroundings import Surroundings
from runner.engine.takeover import Takeover
from runner.ground.advice import command_line, resume_command
from runner.ground.clock import Clock
from runner.ground.errors import Problem, StoreError, UsageError
from runner.ground.json_value import Json, same_json
from runner.ground.plain import one_line
from runner.nodes.contract import StepFailed
from runner.record.definitions import definition_of, folder_of
from runner.record.events import FORMAT, RunForked, RunResumed, RunStarted, StepWaiting
from runner.record.fold import IMPOSSIBLE
from runner.record.history import Reopened, load_state
from runner.record.projection import Projector
from runner.record.rewriting import change_texts
from runner.record.run_state import RunState, Step
from runner.record.store.contract import RunUnknown, Store
from runner.record.store.lease import current_owner
from runner.record.store.rules import taken_id
from runner.workflow.inputs import InputsInvalid
from runner.workflow.model import Loaded, Workflow
from runner.world.calls import Context
from runner.world.kept_outputs import Kept, kept_beside
from runner.world.processes.supervisor import Supervisor
from runner.world.providers.cassette import Cassette, Recording
from runner.world.providers.live import Live as LiveModels
from runner.world.providers.replayed import Replay
from runner.world.providers.scripted import Script
from runner.world.secrets import Secrets, without_nonce
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
    tokens: int | None
    steps: int
    refused: str = ""
    """Why an answer that was given beforehand was refused; the run waits for another."""
    secrets: tuple[str, ...] = ()
    """The secret inputs that whoever goes on with it has to give: no variable of the environment does."""
    variables: tuple[str, ...] = ()
    """The variables of the environment that gave the others, and that have to be set then."""
    known_tokens: int = 0
    """Those that are known, where `tokens` are not."""
    answered: frozenset[str] = frozenset()
    """The waiting steps whose answers are recorded: the run takes them as it goes on."""
    takeover: Takeover | None = None
    """What was taken over of its past, where that was changed."""


class Prepared(msgspec.Struct, frozen=True):
    """A run that nothing speaks against: it can start. `inputs` hold references in the place of secrets."""

    loaded: Loaded
    inputs: Mapping[str, Json]
    secrets: Secrets
    choices: RunOptions
    warnings: tuple[Problem, ...] = ()


def prepare(
    loaded: Loaded,
    given: Mapping[str, Json],
    choices: RunOptions,
    environment: Mapping[str, str],
    clock: Clock,
    answers: Mapping[str, str] | None = None,
) -> Prepared:
    """Check all that a run is given, answers beforehand too, and needs.

    Raises InputsInvalid, InvalidWorkflow, UsageError.

    No run is made, and no database.
    """
    refuse_unknown_models(loaded.workflow, choices.models)
    inputs, secrets = resolve_inputs(loaded.workflow, given, environment, clock.fresh_id())
    try:
        time_limit(loaded.workflow, inputs)
    except StepFailed as error:
        raise InputsInvalid(f"limits.timeout: {error.message}") from error
    refuse_unfit_answers(loaded.workflow, answers or {})
    refuse_unpriced(loaded, choices.models, choices.max_cost_usd, environment)
    return Prepared(loaded, inputs, secrets, choices, look_for_needs(loaded, choices, environment))


async def start(prepared: Prepared, around: Surroundings) -> RunResult:
    """Run a workflow from its beginning; or tell of the run that bears the id already, if it is this one.

    Raises StoreError; UsageError when another run bears the id.
    """
    if prepared.choices.run and (there := _already(prepared, around)) is not None:
        return there
    loaded, choices, workflow = prepared.loaded, prepared.choices, prepared.loaded.workflow
    run = choices.run or around.clock.fresh_id()
    around.store.save_definition(definition_of(loaded))
    options = {
        "folder": folder_of(workflow),
        "models": dict(choices.models),
        "allow": with_absolute_paths(choices.allow),
        **({"deny": with_absolute_paths(choices.deny)} if choices.deny else {}),
        "agents": dict(choices.agents),
        "mock": None,
        **prepared.secrets.mask(reply_options(choices.script, choices.tape)),
        "nonce": prepared.secrets.nonce,
        **programs_of(workflow, around),
        **spending_options(loaded, {}, choices, around),
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


def _already(prepared: Prepared, around: Surroundings) -> RunResult | None:
    """How the run of the chosen id stands, if it is of this definition and these inputs; None if there is none.

    Secret inputs can't be compared: a record does not hold them. Raises UsageError for another run; StoreError for one
    that has neither ended nor paused.
    """
    run = prepared.choices.run
    try:
        row = around.store.run(run)
    except RunUnknown:
        return None
    state = load_state(around.store, run)
    given = {name: value for name, value in prepared.inputs.items() if name not in prepared.secrets.names}
    began = {} if state.started is None else {name: state.started.inputs.get(name) for name in given}
    is_same = row.parent is None and row.definition == prepared.loaded.hash and same_json(began, given)
    if not is_same:
        raise taken_id(run)
    if state.status in ("pending", "running"):
        raise StoreError(f"run '{run}' is running, or was left by a process that ended", resume_command(run))
    around.audience.warned(f"run '{run}' was there, of this workflow and these inputs: nothing was started")
    needed = not_in(around.environment, prepared.loaded.workflow, prepared.secrets.names)
    return replace(result_of(run, state), secrets=needed)


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


def into_memory(state: RunState, secrets: Secrets) -> None:
    """Put this process's references in the place of those that a run's state was recorded with."""
    if secrets.any:
        change_texts(state, secrets.from_paper)


async def run_engine(
    live: Live, epoch: int, first: First, secrets: Secrets, around: Surroundings, reopened: Reopened
) -> RunResult:
    """Drive a run from its first happening in this process until it ends or pauses.

    Raises InvalidWorkflow, before anything is recorded, where the user's settings can't be read.
    """
    refuse_unusable_settings({**live.state.options, **first.options}, around.environment)
    if around.concurrency is not None:
        live.most = min(around.concurrency, live.most)
    if secrets.any:
        live.on_paper = secrets.to_paper
        reopened.on_paper = secrets.to_paper
        reopened.projector.follow(live.state, secrets.to_paper)
    recorder = Recorder(around.store, live.run, current_owner(lease=around.lease), epoch, around.clock, reopened)
    options = {**live.state.options, **first.options}
    replay = _replay(live.run, options, secrets, around.store, first)
    if replay is not None:
        around = replace(around, audience=replace(around.audience, listeners=(replay, *around.audience.listeners)))
    executor = replace(_executor(live, epoch, options, secrets, around), replay=replay)
    engine = Engine(live, recorder, executor, around)
    around.audience.engaged(engine.stop)
    try:
        with recorder.heartbeat():
            await engine.drive(first)
    except IMPOSSIBLE as error:
        if isinstance(first, RunStarted):
            raise  # a mistake of ours: nothing that was recorded elsewhere is the reason
        raise not_ours(live.run, str(secrets.to_paper(f"{type(error).__name__}: {error}"))) from error
    if recording := live.state.options.get("record"):
        write_cassette(around.store, live.run, msgspec.convert(recording, Recording), secrets)
    refused = "" if engine.refused is None else str(engine.refused)
    needed = not_in(around.environment, live.workflow, secrets.names)
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


def _replay(run: str, options: Mapping[str, Json], secrets: Secrets, store: Store, first: First) -> Replay | None:
    """What a run is replayed from, if it is; it knows of what had ended before."""
    if not options.get("replay"):
        return None

    def paper(value: Json) -> Json:
        return without_nonce(secrets.to_paper(value), secrets.nonce)

    replay = Replay(Cassette.from_data(paper(options["replay"])), paper)
    if isinstance(first, RunForked):
        replay.note_past(store.commits(first.parent, upto=first.at))
    elif isinstance(first, RunResumed):
        replay.note_past(store.commits(run))
    return replay


def programs_of(workflow: Workflow, around: Surroundings) -> dict[str, Json]:
    """The option that tells which programs, of those that a run could overwrite, it begins with; none where none is."""
    found = program_hashes(workflow.granted, search_path(around.environment))
    return {"programs": found} if found else {}


def spending_options(
    loaded: Loaded, before: Mapping[str, Json], choices: RunOptions, around: Surroundings
) -> dict[str, Json]:
    """The options that bound what models take: the bound given, and prices beside those that were recorded `before`.

    Raises InvalidWorkflow where a price is not known that a bound needs.
    """
    given: dict[str, Json] = {} if choices.max_cost_usd is None else {"max_cost_usd": choices.max_cost_usd}
    models = {**before.get("models", {}), **choices.models}
    most, known = {**before, **given}.get("max_cost_usd"), before.get("prices", {})
    prices = {**prices_of(loaded.workflow, models, most, around.environment), **known}
    refuse_unpriced(loaded, models, most, around.environment, known)
    return given if prices == known else {**given, "prices": prices}


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
        protected=protected(
            live.workflow, around.store.file, search_path(around.environment), _reply_files(options, around)
        ),
        programs=options.get("programs", {}),
        mask=mask,
        tool_lists=around.store.tool_lists,
        supervisor=Supervisor(mark, epoch, mask, whole=around.whole_process, guarded=True),
        kept=_kept(live, options, secrets, around),
    )
    scripted = script or (Script("", {}) if options.get("replay") else None)
    return Executor(scripted or LiveModels(), PERFORMERS, script, secrets, context, streams.end)


def _reply_files(options: Mapping[str, Json], around: Surroundings) -> tuple[str, ...]:
    """The mock file or cassettes in use: those named to this process, and the one that the run is recorded to."""
    recording = options.get("record")
    return (*around.replies, *([recording["file"]] if recording else []))


def _kept(live: Live, options: Mapping[str, Json], secrets: Secrets, around: Surroundings) -> Kept | None:
    """Where the run keeps what is too long: beside a database that has a file."""
    if not (database := around.store.file):
        return None
    root = str(options.get("folder") or live.workflow.folder)
    return Kept(kept_beside(database), root, lambda text: str(secrets.shown(text)))


def not_ours(run: str, why: Exception | str) -> StoreError:
    """The error of a run whose record does not follow from its workflow: somebody has made it up, or changed it."""
    shown = why if isinstance(why, str) else f"{type(why).__name__}: {why}"
    words = f"run {run} can't go on: its record is none that its workflow leads to ({one_line(shown, 200)})"
    return StoreError(words, f"`{command_line('show', run)}` shows the record; to run the workflow again: wf run")


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
        None if state.uncounted else state.tokens,
        state.total_steps,
        known_tokens=state.tokens,
    )
