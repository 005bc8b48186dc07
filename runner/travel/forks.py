"""Forks: new runs that share another's past, with edited values or a changed definition. A retry is one."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from runner.engine.given_answers import refuse_unfit_answers
from runner.engine.given_inputs import Supplied, secrets_again
from runner.engine.loading import load_workflow, pinned, with_absolute_paths
from runner.engine.run_options import RunOptions, refuse_unknown_models, reply_options
from runner.engine.runs import RunResult, into_memory, programs_of, run_engine, spending_options
from runner.engine.scheduler import Live
from runner.engine.surroundings import Surroundings
from runner.engine.takeover import Takeover
from runner.ground.advice import command_line
from runner.ground.errors import UsageError
from runner.ground.json_value import Json
from runner.nodes import KINDS
from runner.nodes.composites.workflow import BODY
from runner.record.address import ROOT, is_inside
from runner.record.definitions import definition_of, folder_of
from runner.record.event_parts import Write
from runner.record.events import Ending, Event, FrameOpened, RunForked, StepEnded, StepStarted
from runner.record.fold import apply
from runner.record.history import fork_of, load_state
from runner.record.run_state import RunState, Step
from runner.record.store.contract import RunRow, Store
from runner.record.store.lease import may_take_over
from runner.travel.given_edits import Given, edit_states
from runner.travel.misfits import adapted, gains, misfits, refuse_foreign, refuse_misfits
from runner.travel.resuming import end_left_over
from runner.travel.verdicts import begun_anew, changed_since, compare_steps, renamed, with_anew
from runner.workflow.compiler.files import shown_as
from runner.workflow.inputs import check_inputs, refuse_unknown_inputs
from runner.workflow.model import Loaded, Workflow


class Changes(msgspec.Struct, frozen=True):
    """What a fork changes: values of its states, by address; of its inputs; its definition, to what a file says.

    The workflow's own state is at ROOT; `wf state` lists the others. `choices` are a run's; what they leave out stays
    as the past had it. `secrets` are supplied again.
    """

    states: Mapping[str, Mapping[str, Json]] = msgspec.field(default_factory=dict)
    inputs: Mapping[str, Json] = msgspec.field(default_factory=dict)
    workflow: str = ""
    choices: RunOptions = msgspec.field(default_factory=RunOptions)
    secrets: Mapping[str, Json] = msgspec.field(default_factory=dict)


class _Edits(msgspec.Struct):
    """What a fork takes from the command line."""

    state: dict[str, Json]
    inputs: dict[str, Json]
    frames: dict[str, dict[str, Json]]
    contributed: dict[str, tuple[Write, ...]]
    options: dict[str, Json]


async def retry(run: str, changes: Changes, around: Surroundings) -> RunResult:
    """Fork a failed run before the step that failed, which begins anew. Raises UsageError, RunUnknown, StoreError."""
    state = load_state(around.store, run)
    if state.status != "failed" or state.error is None:
        await end_left_over(around.store, run)
        raise _not_failed(around.store.run(run), state, around.clock.now())
    failed = _origin_of(state.error)
    at = _before_failure(around.store, run, failed)
    return await fork(run, at, changes, around, (failed,))


def began_before(store: Store, run: str, at: int) -> dict[str, str]:
    """The steps whose effects a retry of a run, from its event `at` on, may have again: each with where it began.

    They keep their idempotency keys. Not so what a workflow did because it had failed, or was about to end: the retry
    has an end of its own.
    """
    begun = [path for path, step in load_state(store, run, at).steps.items() if not step.composite]
    endings: list[str] = []
    for commit in store.commits(run, after=at):
        for event in commit.events:
            if isinstance(event, FrameOpened) and event.shared and event.key != BODY:
                endings.append(event.frame)
            if isinstance(event, StepStarted) and not event.is_composite:
                begun += [event.step] if not any(is_inside(event.step, frame) for frame in endings) else []
    return dict.fromkeys(begun, run) | load_state(store, run).keys


def _not_failed(row: RunRow, state: RunState, now: float) -> UsageError:
    """Says how a run stands that can't be retried, and what can be done with it."""
    was_left = state.status == "running" and may_take_over(row, now)
    stands = "was left by its process" if was_left else f"is {state.status}"
    if state.ended:
        listed = command_line("checkpoints", row.id)
        hint = f"{command_line('fork', f'{row.id}@N')} goes on from a checkpoint: {listed} lists them"
    else:
        on = was_left or state.status == "paused"
        resumed, shown = command_line("resume", row.id), command_line("show", row.id)
        hint = f"{resumed} goes on with it" if on else f"{shown} tells how far it is"
    return UsageError(f"run {row.id} {stands}: only a failed run is retried", hint)


def _origin_of(error: Mapping[str, Json]) -> str:
    """The step whose failure it was, inside called workflows too."""
    while error["type"] == "workflow_failed" and "error" in error["details"]:
        error = error["details"]["error"]
    return str(error["step"])


def _before_failure(store: Store, run: str, failed: str) -> int:
    """The checkpoint before the commit in which the step failed, or else in which the run ended."""
    before = last = 0
    found: int | None = None
    for commit in store.commits(run):
        before, last = last, commit.last
        if found is None and any(_tells_of(event, failed) for event in commit.events):
            found = before
    at = before if found is None else found
    if not at:
        raise UsageError(f"run {run} failed at its very beginning", "nothing can be taken over: run the workflow again")
    return at


def _tells_of(event: Event, failed: str) -> bool:
    """Whether an event records the failure of a step; or, of an entry of `outputs`, what the workflow does then."""
    match event:
        case StepEnded(status="failed", error=dict() as error):
            return failed in (event.step, _origin_of(error))
        case FrameOpened(ending=Ending(error=dict() as error)):
            return bool(error["step"] == failed)
        case _:
            return False


async def fork(run: str, at: int, changes: Changes, around: Surroundings, retried: tuple[str, ...] = ()) -> RunResult:
    """Begin a run that shares the past of `run` up to its event `at`, and go on from there; nothing is rewritten.

    What was in flight there begins anew, and the `retried` steps do. Raises UsageError (no such checkpoint, a run that
    had ended by then, values that do not fit, a definition that can't go on from there), RunUnknown, StoreError.
    """
    past = fork_of(around.store, run, at)
    state = past.state
    _refuse_ended(run, at, state)
    before = pinned(around.store, state)
    refuse_foreign(Live(run, before.workflow, state))
    options = _options(state, changes)
    loaded = (
        load_workflow(changes.workflow, options["allow"], state.options.get("agents"), state.options.get("deny"))
        if changes.workflow
        else before
    )
    workflow = loaded.workflow
    refuse_unknown_models(workflow, changes.choices.models)
    refuse_unfit_answers(workflow, around.audience.answers)
    options |= programs_of(workflow, around) | spending_options(loaded, state.options, changes.choices, around)
    supplied = secrets_again(workflow, state, changes.secrets, around)
    anew = _begun_anew(run, state, before, loaded, _calls_for(state, retried))
    plain = RunForked(
        run,
        at,
        workflow.name,
        workflow.version,
        loaded.hash,
        inputs=_edited_inputs(workflow, changes.inputs),
        options=supplied.options | (options if loaded is before else {**options, "folder": folder_of(workflow)}),
        shift=max(0.0, around.clock.now() - state.at),
        anew=anew,
        adapted={} if loaded is before else adapted(Live(run, before.workflow, state), workflow, anew),
        hidden=supplied.hidden,
        keys=began_before(around.store, run, at) if retried else {},
    )
    forked, warnings = edited(
        plain, Live(run, before.workflow, state), workflow, changes.states, openings(around.store, run, at)
    )
    takeover = Takeover() if loaded is before else _takeover(around.store, state, workflow, forked)
    takeover = replace(takeover, warnings=(*_of_file(before, loaded, retried), *supplied.warnings, *warnings))
    around.store.save_definition(definition_of(loaded))
    name = changes.choices.run or around.clock.fresh_id()
    around.audience.told(takeover)
    await end_left_over(around.store, run)
    forked = _in_memory(forked, Live(run, before.workflow, state), workflow, supplied)
    result = await run_engine(Live(name, workflow, state), 1, forked, supplied.secrets, around, past)
    return replace(result, takeover=takeover)


def _refuse_ended(run: str, at: int, state: RunState) -> None:
    if state.ended:
        raise UsageError(
            f"run {run} had ended by event {at}: {state.status}",
            f"only what comes before the end can go on: {command_line('checkpoints', run)} lists it",
        )


def _of_file(before: Loaded, loaded: Loaded, retried: tuple[str, ...]) -> tuple[str, ...]:
    """What there is to be warned of in the file that a fork goes on with; a retry is about the one that it has."""
    return changed_since(before) if retried and loaded is before else renamed(before, loaded)


def _in_memory(forked: RunForked, past: Live, workflow: Workflow, supplied: Supplied) -> RunForked:
    """The fork as it goes on in this process: also the state that it starts from, which changes in place."""
    secrets = supplied.secrets
    into_memory(past.state, secrets)
    plain = {name: getattr(forked, name) for name in ("state", "inputs", "frames", "contributed", "options")}
    masked = msgspec.convert(secrets.mask(msgspec.to_builtins(plain)), _Edits)
    return replace(
        forked,
        **{name: getattr(masked, name) for name in plain},
        adapted=adapted(past, workflow, forked.anew) if forked.adapted else {},
        hidden={name: secrets.reference(name) for name in forked.hidden},
    )


def _takeover(store: Store, state: RunState, workflow: Workflow, forked: RunForked) -> Takeover:
    """What a fork under another version takes over."""
    visits = compare_steps(
        store, forked.parent, workflow, lambda version: pinned(store, state, version).workflow, forked.at
    )
    added, dropped = gains(state, forked.adapted)
    return Takeover(with_anew(visits, forked.anew), added, dropped)


def _begun_anew(run: str, state: RunState, before: Loaded, loaded: Loaded, retried: tuple[str, ...]) -> tuple[str, ...]:
    """The open steps that begin anew, outermost ones alone."""
    stale = () if loaded is before else begun_anew(Live(run, before.workflow, state), loaded.workflow)
    return (*stale, *(path for path in retried if not any(is_inside(path, other) for other in stale)))


def _calls_for(state: RunState, steps: tuple[str, ...]) -> tuple[str, ...]:
    """The open ones of these steps; of those that are not retried as a whole, the calls that they are at."""
    found: list[str] = []
    for path in steps:
        step = state.steps.get(path)
        if step is not None:
            found += [path] if _begins_anew_as_whole(step) else _calls_for(state, tuple(step.open.values()))
    return tuple(found)


def _begins_anew_as_whole(step: Step) -> bool:
    """Whether a step is retried by itself, and not by the calls that it is at."""
    return not step.composite or step.verb not in KINDS or KINDS[step.verb].retried_as_whole


def _options(state: RunState, changes: Changes) -> dict[str, Json]:
    """What the fork changes of the past's options."""
    choices = changes.choices
    options: dict[str, Json] = {"allow": state.options.get("allow", {})}
    if choices.models:
        options["models"] = {**state.options.get("models", {}), **choices.models}
    for kind, values in with_absolute_paths(choices.allow).items():
        options["allow"] = {**options["allow"], kind: [*options["allow"].get(kind, ()), *values]}
    if state.options.get("record"):
        options["record"] = None  # the file is that of the run that is forked
    return options | reply_options(choices.script, choices.tape)


def openings(store: Store, run: str, at: int) -> dict[str, FrameOpened]:
    """How the frames of a run were opened."""
    events = (event for commit in store.commits(run, upto=at) for event in commit.events)
    return {event.frame: event for event in events if isinstance(event, FrameOpened)}


def edited(
    forked: RunForked, past: Live, workflow: Workflow, given: Given, opened: Mapping[str, FrameOpened]
) -> tuple[RunForked, tuple[str, ...]]:
    """A fork of a past with values put into its states, and what there is to be warned of. Nothing changes in `past`.

    `opened` tells how its frames were opened. Raises UsageError, also when its states don't fit another version.
    """
    changed = forked.definition != past.state.definition
    if not changed and not any(given.values()):
        return forked, ()
    trial = copy.deepcopy(past.state)
    apply(trial, forked)
    live = Live(forked.parent, workflow, trial)
    edits = edit_states(live, given, opened)
    if changed:
        refuse_misfits(
            [*misfits(live, Live(past.run, past.workflow, trial))], forked.parent, forked.at, shown_as(workflow.file)
        )
    frames = {address: values for address, values in edits.states.items() if address != ROOT}
    state = edits.states.get(ROOT, {})
    return replace(forked, state=state, frames=frames, contributed=edits.contributed), edits.warnings


def _edited_inputs(workflow: Workflow, given: Mapping[str, Json]) -> dict[str, Json]:
    """The given values, checked. Raises UsageError."""
    refuse_unknown_inputs(workflow.inputs, given)
    secret = next((name for name in given if workflow.inputs[name].secret), None)
    if secret is not None:
        raise UsageError(f"input '{secret}' is secret: a fork can't change it", f"supply it again by -i {secret}=…")
    return check_inputs({name: workflow.inputs[name] for name in given}, given)
