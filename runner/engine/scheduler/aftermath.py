"""What follows when a step has its output: what its `set` writes, checked, and the route that `next` takes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import msgspec

from runner.engine.scheduler.live import Live
from runner.engine.scheduler.view import Standpoint, holds, render, scope, shown
from runner.ground.errors import Failure
from runner.ground.json_value import Json
from runner.language.schema import compile_schema
from runner.language.template import ValueTemplate
from runner.nodes.contract import Done, StepFailed
from runner.record.event_parts import Write
from runner.record.merging import contributions, merge
from runner.record.node_records import ended
from runner.record.reducers import ReducerError, State, contribute, is_whole
from runner.record.run_state import Frame, Step
from runner.workflow.model import Node, Route, StateKey

_OWN = frozenset({"state", "run", "visits", "index"})
"""The names whose values the workflow or the run has made: not what a step gave, or the run was given."""


class Arrival(msgspec.Struct, frozen=True):
    """A visit of a node in a frame, whether or not its step is open yet."""

    frame: Frame
    node: Node
    visit: int
    step: str


class Aftermath(msgspec.Struct, frozen=True):
    """What a step's end leads to: keys that are reset, writes, and the node that its frame goes to."""

    reset: tuple[tuple[str, Json], ...] = ()
    writes: tuple[Write, ...] = ()
    next: str | None = None


def scope_after(live: Live, at: Arrival, status: str, output: Json, error: Json = None) -> dict[str, Json]:
    """The names in scope of `set`, `next` and `on_error`. The node's own record is already that of the ended visit."""
    record = partial(ended, live.state.steps.get(at.step), status, at.visit, output, error)
    extra = {"output": output} if error is None else {"output": output, "error": error}
    return scope(live, Standpoint(at.frame, at.visit, at.node.id, record), extra)


def arrival_of(live: Live, step: Step) -> Arrival:
    """The visit that an open step is."""
    return Arrival(live.frame_of(step), live.node(step), step.visit, step.path)


def aftermath(live: Live, at: Arrival, done: Done, *, routed: bool = True) -> Aftermath:
    """Evaluate `reset`, `set` and, if `routed`, `next`. Raises StepFailed, and has written nothing then."""
    node = at.node
    if not (node.set or node.reset or done.merge or node.next):
        return Aftermath(writes=done.writes)
    declared = live.workflow_of(at.frame).state
    state = _merged(live, at, done, declared) if done.merge else at.frame.state
    reset = tuple([(key, declared[key].default) for key in node.reset])
    state = _reset(state, reset) if reset else state
    names = scope_after(live, at, "completed", done.output) if node.looks else {}
    names["state"] = shown(state, declared)
    writes = tuple([_write(declared[key], _given(declared[key], value, names)) for key, value in node.set])
    if writes:
        names["state"] = shown(_applied(state, writes, declared), declared)
    return Aftermath(reset, (*done.writes, *writes), route(node, names) if routed else None)


def _merged(live: Live, at: Arrival, done: Done, declared: Mapping[str, StateKey]) -> State:
    children = live.state.steps[at.step].children
    state = at.frame.state.branch()
    contributed = contributions(children[key] for key in done.merge)
    try:
        merge(state, contributed)
    except ReducerError as error:
        raise StepFailed(Failure("state_invalid", str(error))) from error
    for key in contributed.keys() & declared.keys():
        _check(declared[key], state[key])
    return state


def _reset(state: State, reset: tuple[tuple[str, Json], ...]) -> State:
    changed = state.branch()
    for key, default in reset:
        changed.reset(key, default)
    return changed


def _applied(state: State, writes: tuple[Write, ...], declared: Mapping[str, StateKey]) -> State:
    """A copy of the state with the writes in it, checked."""
    changed = state.branch()
    for write in writes:
        try:
            contribute(changed, write.key, write.how, [write.value])
        except ReducerError as error:
            raise StepFailed(Failure("state_invalid", f"state.{write.key}: {error}")) from error
    for write in writes:
        if not is_whole(write.how) and not _has_grown_well(declared[write.key], write, changed[write.key]):
            _check(declared[write.key], changed[write.key])
    return changed


def _has_grown_well(entry: StateKey, write: Write, value: Json) -> bool:
    """Whether a list that grew fits its schema still. Only the added items are checked: the others fitted before."""
    if write.how not in ("append", "extend"):
        return False
    return compile_schema(entry.schema).fits_grown(value, 1 if write.how == "append" else len(write.value))


def _write(entry: StateKey, value: Json) -> Write:
    """A contribution as it is recorded, with numbers in the schema's form. A value that replaces the key is checked."""
    schema = compile_schema(entry.schema)
    value = schema.normalise([value])[0] if entry.reducer == "append" else schema.normalise(value)
    if is_whole(entry.reducer):
        _check(entry, value)
    return Write(entry.name, entry.reducer, value)


def _given(entry: StateKey, value: ValueTemplate, names: Mapping[str, Json]) -> Json:
    """What is to be written; what came from outside and is passed on as it is may be `3.0` where 3 is asked for."""
    given = render(value, names)
    if not value.passed_on or not value.passed_on.isdisjoint(_OWN):
        return given
    schema = compile_schema(entry.schema)
    return schema.received([given])[0] if entry.reducer == "append" else schema.received(given)


def _check(entry: StateKey, value: Json) -> None:
    schema = compile_schema(entry.schema)
    errors = [] if schema.fits(value) else schema.errors(value)
    if errors:
        raise StepFailed(Failure("state_invalid", f"state.{entry.name} does not fit its schema: {errors[0].message}"))


def route(node: Node, names: Mapping[str, Json]) -> str | None:
    """Where a node's `next` leads; None ends its body. Raises StepFailed (`no_route`, `condition_error`)."""
    if not node.next:
        return None
    taken = first_holding(node.next, names)
    if taken is None:
        raise StepFailed(Failure("no_route", f"no route of '{node.id}' holds, and none is without `when`"))
    return taken.to


def first_holding(routes: tuple[Route, ...], names: Mapping[str, Json]) -> Route | None:
    """The first route whose `when` holds; one without always does."""
    for route in routes:
        if route.when is None or holds(route.when, names):
            return route
    return None
