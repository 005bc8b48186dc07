"""Taking a run up again: under the definition that it is pinned to, or another version that its past allows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import msgspec
from msgspec.structs import replace

from runner.engine.given_answers import answered_steps, refuse_late_answers, refuse_unfit_answers
from runner.engine.given_inputs import Supplied, needed_secrets, nonce_of, secrets_again
from runner.engine.loading import load_workflow, pinned
from runner.engine.needs import refuse_unusable_settings
from runner.engine.run_options import RunOptions, refuse_unknown_models, reply_options
from runner.engine.runs import RunResult, into_memory, mark_of, programs_of, run_engine, spending_options
from runner.engine.scheduler import Live
from runner.engine.surroundings import Surroundings
from runner.engine.takeover import Takeover
from runner.ground.advice import command_line, resume_command
from runner.ground.errors import UsageError
from runner.ground.json_value import Json
from runner.record.definitions import definition_of, folder_of
from runner.record.edits import adapt
from runner.record.event_parts import Adapted
from runner.record.events import RunResumed
from runner.record.history import Reopened, load_state, reopen
from runner.record.rewriting import hide
from runner.record.run_state import RunState
from runner.record.store.contract import Message, RunRow, Store
from runner.record.store.lease import beat_seconds, current_owner, is_alive, is_still_heard, may_take_over
from runner.record.store.rules import busy
from runner.travel.misfits import DROPPED, Misfit, adapted, gains, misfits, refuse_foreign, refuse_misfits
from runner.travel.verdicts import changed_since, compare_steps, refuse_changes, renamed
from runner.workflow.compiler.files import shown_as
from runner.workflow.model import Loaded
from runner.world.processes.supervisor import Supervisor
from runner.world.tools.child_process import end, kill_leftovers

_GRACE = 2.0
"""Seconds that what a crash left behind is given to end by itself."""


AS_IT_WAS = RunOptions()
"""The choices of a resumption that changes none."""


class Accepted(msgspec.Struct, frozen=True):
    """The version that a run goes on with, and what it changes of that."""

    loaded: Loaded
    secrets: Supplied
    adapted: dict[str, Adapted] = msgspec.field(default_factory=dict)
    takeover: Takeover | None = None


def _accepted(
    row: RunRow, state: RunState, before: Loaded, file: str, given: Mapping[str, Json], around: Surroundings
) -> Accepted:
    """The version in a file, if all that has begun is the same there, and all that is held fits. Changes `state`.

    Without a file, the one that the run is at.
    """
    if not file:
        cancels = any(message.kind == "cancel" for message in around.store.inbox(row.id))
        return Accepted(before, secrets_again(before.workflow, state, given, around, cancels=cancels))
    store = around.store
    loaded = load_workflow(file, state.options.get("allow", {}), state.options.get("agents"), state.options.get("deny"))
    visits = compare_steps(store, row.id, loaded.workflow, lambda version: pinned(store, state, version).workflow)
    refuse_changes(visits, row.id, shown_as(loaded.workflow.file))
    secrets = secrets_again(loaded.workflow, state, given, around)
    changes = adapted(Live(row.id, before.workflow, state), loaded.workflow, ())
    added, dropped = gains(state, changes)
    for home, change in changes.items():
        adapt(state, home, change)
    hide(state, secrets.hidden)
    problems = [
        *(Misfit(place, DROPPED) for place in dropped),
        *misfits(Live(row.id, loaded.workflow, state), Live(row.id, before.workflow, state)),
    ]
    refuse_misfits(problems, row.id, row.events, shown_as(loaded.workflow.file))
    store.save_definition(definition_of(loaded))
    warnings = (*renamed(before, loaded), *secrets.warnings)
    return Accepted(loaded, secrets, changes, Takeover(tuple(visits), added, warnings=warnings))


async def resume(
    run: str,
    given: Mapping[str, Json],
    around: Surroundings,
    changed: str = "",
    choices: RunOptions = AS_IT_WAS,
) -> RunResult:
    """Take up a paused or killed run, under the definition in the file `changed` if one is named.

    By `choices` other models are asked from now on, other replies given, or recorded, or the run may cost something
    else.

    Raises InvalidWorkflow, RunBusy, StoreError; UsageError when the run has ended, what it has begun is not the same in
    that file, or it has no such models or answers.
    """
    store = around.store
    row = store.run(run)
    state = load_state(store, run)
    await _refuse_unavailable(row, state, around)
    before = pinned(store, state)
    refuse_foreign(Live(run, before.workflow, state))
    version = _accepted(row, state, before, changed, given, around)
    loaded, supplied = version.loaded, version.secrets
    for words in () if changed else changed_since(before):
        around.audience.warned(words)
    refuse_unknown_models(loaded.workflow, choices.models)
    refuse_unfit_answers(loaded.workflow, around.audience.answers)
    _refuse_late(run, state, around)
    options = _options(loaded, state, choices, around)
    options |= supplied.secrets.mask(reply_options(choices.script, choices.tape))
    refuse_unusable_settings({**state.options, **options}, around.environment)
    epoch, reopened = await _taken_over(row, nonce_of(state), around)
    into_memory(reopened.state, supplied.secrets)
    names = (loaded.hash, loaded.workflow.version) if changed else ("", "")
    if changed:
        known = programs_of(loaded.workflow, around).get("programs", {}) | state.options.get("programs", {})
        options |= {"folder": folder_of(loaded.workflow), "programs": known}
    if version.takeover is not None:
        around.audience.told(version.takeover)
    changes = adapted(Live(run, before.workflow, reopened.state), loaded.workflow, ()) if version.adapted else {}
    hidden = {name: supplied.secrets.reference(name) for name in supplied.hidden}
    resumed = RunResumed(epoch, *names, options | supplied.options, changes, hidden)
    live = Live(run, loaded.workflow, reopened.state)
    result = await run_engine(live, epoch, resumed, supplied.secrets, around, reopened)
    return replace(result, takeover=version.takeover)


def _options(loaded: Loaded, state: RunState, choices: RunOptions, around: Surroundings) -> dict[str, Json]:
    """What the choices change of the run's options. Raises InvalidWorkflow."""
    options = spending_options(loaded, state.options, choices, around)
    if choices.models:
        options["models"] = {**state.options.get("models", {}), **choices.models}
    return options


def _refuse_late(run: str, state: RunState, around: Surroundings) -> None:
    waiting = [state.steps[path].waiting for path in state.waiting]
    asked = [wait for wait in waiting if wait is not None and wait.kind == "person"]
    goes_on = resume_command(run, needed_secrets(around.store, state, around.environment))
    answered = answered_steps(around.store, run)
    refuse_late_answers(asked, around.audience.answers, answered, around.clock.now(), goes_on)


def refuse_without_secrets(
    store: Store, message: Message, given: Mapping[str, Json], environment: Mapping[str, str]
) -> None:
    """Raises UsageError when a run can't go on for want of a secret: said before a message is sent to it."""
    run, cancels = message.run, message.kind == "cancel"
    state = load_state(store, run)
    around = Surroundings(store, environment=environment)
    if not state.ended:
        secrets_again(pinned(store, state).workflow, state, given, around, cancels=cancels)


async def _refuse_unavailable(row: RunRow, state: RunState, around: Surroundings) -> None:
    """Raises UsageError when the run has ended, RunBusy when another process drives it."""
    if state.ended:
        retried = f"{command_line('retry', row.id)} goes on from the step that failed"
        again = retried if state.status == "failed" else ""
        raise UsageError(f"run {row.id} has ended: {state.status}", again or "to run the workflow again: wf run")
    if not may_take_over(row, around.clock.now()):
        raise busy(row)
    if await _speaks(around.store, row):
        raise busy(around.store.run(row.id))


async def _taken_over(row: RunRow, nonce: str, around: Surroundings) -> tuple[int, Reopened]:
    """The lease's epoch and the run as it stands, now that it is this process's and what a crash left has ended."""
    store, run, owner = around.store, row.id, current_owner(lease=around.lease)
    epoch = store.claim(run, owner, around.clock.now(), row.epoch)
    reopened = reopen(store, run)
    former = row.owner.pid if row.owner is not None and is_alive(row.owner) else None
    ending = asyncio.gather(kill_leftovers(mark_of(run, nonce), _GRACE, former))
    await _meanwhile(beat_seconds(owner), lambda: store.heartbeat(run, epoch, around.clock.now()), ending)
    return epoch, reopened


async def end_left_over(store: Store, run: str) -> None:
    """End what a run has left whose owner was killed. The run itself stays as it is.

    Whoever takes it over meanwhile has another epoch: what that one starts is let be.
    """
    row = store.run(run)
    if row.owner is not None and is_alive(row.owner) is False:
        mark = mark_of(run, nonce_of(load_state(store, run)))
        await end(Supervisor(mark, row.epoch).whole_tree(), _GRACE)


async def _meanwhile(every: float, beat: Callable[[], None], work: asyncio.Future[tuple[int]]) -> None:
    """Wait for work to be done, and beat every so many seconds meanwhile."""
    while not work.done():
        await asyncio.wait([work], timeout=every)
        beat()
    work.result()


async def _speaks(store: Store, row: RunRow) -> bool:
    """Whether an owner that seems to be silent says that it lives, while one waits for it.

    It may seem so where the clocks of two machines differ, or this one's was set: such an owner loses nothing.
    """
    if row.owner is None or not is_still_heard(row):
        return False
    await asyncio.sleep(2 * beat_seconds(row.owner))
    return store.run(row.id).heartbeat != row.heartbeat
