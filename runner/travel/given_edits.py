"""Edits that `wf fork --set` makes: which state is meant, whether the value fits, and who will not see it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import suppress

import msgspec

from runner.engine.scheduler import Live
from runner.engine.scheduler.settling import branch_of
from runner.ground.errors import UsageError, did_you_mean
from runner.ground.json_value import Json, same_json
from runner.ground.plain import one_line
from runner.language.schema import compile_schema
from runner.record.address import ROOT, without_slash
from runner.record.edits import edit
from runner.record.event_parts import Write
from runner.record.events import FrameOpened
from runner.record.merging import contributions, merge, starting_state
from runner.record.node_records import in_order
from runner.record.open_states import Holder, Nesting, own_states
from runner.record.reducers import ReducerError, needed_contributions
from runner.record.run_state import Child, Step
from runner.workflow.model import StateKey

Given = Mapping[str, Mapping[str, Json]]
"""Values by the address of a state and by key; the run's own state is at ROOT."""

Former = dict[tuple[str, str], list[Write]]
"""What edited branches had contributed before, by address and key."""

REPLACING = ("set", "last")
"""The ways to write that leave nothing of what was there."""


class Edited(msgspec.Struct, frozen=True):
    """Edits as they are recorded: checked, by address, from the outside in; and what there is to be warned of."""

    states: dict[str, dict[str, Json]]
    contributed: dict[str, tuple[Write, ...]]
    warnings: tuple[str, ...]


def edit_states(live: Live, given: Given, opened: Mapping[str, FrameOpened]) -> Edited:
    """Make edits in a run's state, outer states before inner ones. `opened` tells how its branches began.

    Raises UsageError: no such state, no such key, a value that does not fit, or that a branch can't come to hold.
    """
    meant: dict[str, dict[str, Json]] = {}
    for address, values in given.items():
        meant.setdefault(_address_of(live, address), {}).update(values)
    edited = Edited({}, {}, ())
    former: Former = {}
    for address in sorted(meant, key=len):
        holder = own_states(live.state)[address]
        declared = _declared(live, holder)
        checked = {key: _checked(declared, holder, key, value) for key, value in meant[address].items()}
        writes = tuple(
            write
            for key, value in checked.items()
            for write in _contributed(live, holder, declared[key], value, opened)
        )
        changed = [key for key, value in checked.items() if holder.state.get(key) != value]
        former |= {(address, key): _contribution(holder, key) for key in changed}
        edit(live.state, address, checked, writes)
        edited.states[address] = checked
        if writes:
            edited.contributed[address] = writes
    warnings = (*_warnings(live, edited.states), *_without_effect(live, former))
    return msgspec.structs.replace(edited, warnings=warnings)


def place_of(address: str, key: str) -> str:
    """A key of a state, as `--set` takes it: `state.sum`, `each[2].state.sum`."""
    return f"{address}.state.{key}" if address else f"state.{key}"


def in_brief(value: Json) -> str:
    """A value for a message: one line of JSON."""
    return one_line(json.dumps(value, ensure_ascii=False), 80)


def _address_of(live: Live, address: str) -> str:
    """The address of the state that a person means: a called workflow's slash may be left out. Raises UsageError."""
    known = own_states(live.state)
    plain = without_slash(address)
    if address in known:
        return address
    if plain in known and known[plain].frame is None and plain != ROOT:
        return plain
    others = sorted(other for other in known if other != ROOT)
    words = f"no open branch or called workflow has the address '{address}' here{did_you_mean(address, others)}"
    raise UsageError(words, _hint(live, plain, others))


def _hint(live: Live, address: str, others: Sequence[str]) -> str:
    step = live.state.steps.get(address)
    if step is not None and step.path != ROOT:
        frame = live.frame_of(step)
        holds = frame.path if frame.writes is not None else _workflow_at(live, frame.home)
        return f"'{address}' works on the state of {holds or 'the run'}: --set {place_of(holds, 'KEY')}=…"
    if not others:
        return "none is open here: the run's own state alone can be edited, --set state.KEY=…"
    return f"these have a state of their own here: {', '.join(others[:20])}{', …' if others[20:] else ''}"


def _workflow_at(live: Live, home: str) -> str:
    holders = own_states(live.state).values()
    return next(holder.address for holder in holders if holder.frame is None and holder.home == home)


def _declared(live: Live, holder: Holder) -> Mapping[str, StateKey]:
    return live.callee(live.state.steps[holder.home]).state


def _checked(declared: Mapping[str, StateKey], holder: Holder, key: str, value: Json) -> Json:
    if key not in declared:
        whose = f" where '{holder.address}' is" if holder.address else ""
        has = f"its keys are: {', '.join(declared)}" if declared else "no state is declared there"
        raise UsageError(f"state key '{key}' is not declared{whose}{did_you_mean(key, list(declared))}", has)
    compiled = compile_schema(declared[key].schema)
    errors = compiled.errors(value)
    if errors:
        words = f"{place_of(holder.address, key)} does not fit its schema: {errors[0].message}"
        raise UsageError(words, f"the file declares it as {in_brief(declared[key].schema)}")
    return compiled.normalise(value)


def _contributed(
    live: Live, holder: Holder, entry: StateKey, value: Json, opened: Mapping[str, FrameOpened]
) -> list[Write]:
    """What a branch must contribute at its join to end with this value. Raises UsageError when no contribution can."""
    if holder.frame is None:
        return [Write(entry.name, entry.reducer, value)] if entry.reducer == "first" else []
    owner = live.state.steps[holder.frame.owner]
    start = starting_state(owner, live.frame_of(owner), opened[holder.address])
    values = needed_contributions(start, entry.name, entry.reducer, value)
    if values is None and not owner.detached:
        place, old = place_of(holder.address, entry.name), in_brief(start.get(entry.name))
        raise UsageError(
            f"{place} can't become {in_brief(value)}: the branch started from {old}, to which '{entry.reducer}' adds",
            f"give a value that {old} can become by that, or change what it started from too",
        )
    return [Write(entry.name, entry.reducer, part) for part in values or ()]


def _warnings(live: Live, edits: Given) -> Iterator[str]:
    known = own_states(live.state)
    for address, values in edits.items():
        for key, value in values.items():
            others = {other for other, theirs in edits.items() if key in theirs}
            yield from _unseen(live, known[address], key, value, others)


def _unseen(live: Live, edited: Holder, key: str, value: Json, told: Set[str]) -> Iterator[str]:
    """Warnings about branches below an edited state that hold another value, or that leave one to be merged.

    Branches in `told` have an edit of their own, and are not warned of.
    """
    nesting = Nesting(live.state)
    holders = [edited]
    while holders:
        for step in nesting.composites(holders.pop()):
            yield from () if step.detached else _of_ended_branches(step, key)
            sees = {branch.address: same_json(branch.state.get(key), value) for branch in nesting.branches(step)}
            for branch in nesting.branches(step):
                known = sees[branch.address] or branch.address in told
                yield from () if known else _of_an_open_branch(branch, key, detached=step.detached)
            holders += [branch for branch in nesting.branches(step) if sees[branch.address]]


def _contribution(holder: Holder, key: str) -> list[Write]:
    return list((holder.frame.writes or {}).get(key, ())) if holder.frame is not None else []


def _without_effect(live: Live, former: Former) -> Iterator[str]:
    """Warnings about edited branches whose join would give the same value without the edit."""
    known = own_states(live.state)
    for (address, key), before in former.items():
        holder = known[address]
        owner = None if holder.frame is None else live.state.steps[holder.frame.owner]
        now = _contribution(holder, key)
        if owner is None or owner.detached or now == before:
            continue
        joined = _joined(live, owner, key, {address: now})
        if same_json(joined, _joined(live, owner, key, {address: before})):
            yield (
                f"{place_of(address, key)} changes nothing at the join of '{owner.path}' as its branches stand: "
                f"with what they have contributed state.{key} is {in_brief(joined)} there"
            )


def _joined(live: Live, owner: Step, key: str, given: Mapping[str, list[Write]]) -> Json:
    """The value of a key if a composite's branches joined now; `given` replaces what some of them contributed."""
    open_ones = {branch.address: _contribution(branch, key) for branch in Nesting(live.state).branches(owner)}
    written = {name: child.writes.get(key, []) for name, child in owner.children.items() if child.counts}
    written |= {name: {**open_ones, **given}[path] for name, path in owner.open.items() if path in open_ones}
    order = live.kind(owner).merge_order(live.node(owner), in_order(owner.branches, written))
    logs = [written[name] for name in order if written[name]]
    children = [Child("completed", writes={key: log}) for log in logs]
    state = live.frame_of(owner).state.branch()
    with suppress(ReducerError):
        merge(state, contributions(children))
    return state.get(key)


def _of_ended_branches(step: Step, key: str) -> Iterator[str]:
    for name, child in step.children.items():
        if child.counts and key in child.writes and child.writes[key][-1].how in REPLACING:
            left = in_brief(child.writes[key][-1].value)
            path = branch_of(step, name)
            yield f"branch '{path}' has ended and left {left} for state.{key}: that replaces the edit at the join"


def _of_an_open_branch(branch: Holder, key: str, *, detached: bool) -> Iterator[str]:
    place, state = place_of(branch.address, key), branch.state
    writes = [] if branch.frame is None else (branch.frame.writes or {}).get(key, [])
    wins = bool(writes) and writes[-1].how in REPLACING and not detached
    merged = ", which replaces the edit at the join" if wins else ""
    value, there = in_brief(state.get(key)), shlex.quote(f"{place}=…")
    yield f"{place} stays {value}: the branch works on its own copy{merged}; to change that too: --set {there}"
