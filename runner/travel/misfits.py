"""Whether a run fits the version that it is to go on with: its open steps, and the values that it holds."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from runner.engine.runs import not_ours
from runner.engine.scheduler import Live
from runner.engine.scheduler.settling import branch_of
from runner.ground.advice import command_line
from runner.ground.errors import UsageError
from runner.ground.json_value import Json, equality_key, same_json
from runner.language.schema import compile_schema
from runner.record.address import ROOT, is_inside
from runner.record.event_parts import Adapted, Write
from runner.record.fold import IMPOSSIBLE
from runner.record.open_states import Holder, own_states
from runner.record.run_state import RunState, Step
from runner.travel.given_edits import in_brief, place_of
from runner.workflow.model import Input, StateKey, Workflow

DROPPED = "is not declared there; a fork drops it"


class Misfit(msgspec.Struct, frozen=True):
    """Why a run can't go on with a version: at which place (`state.n`, `each[2].state.n`, `inputs.n`), and what it is.

    `mended`: a fork can do something about it. `edited`: the fork has to put a value there.
    """

    place: str
    words: str
    mended: bool = True

    @property
    def edited(self) -> bool:
        return self.mended and self.words != DROPPED


def adapted(old: Live, new: Workflow, anew: tuple[str, ...]) -> dict[str, Adapted]:
    """What a new version changes of each open workflow, but for those in steps that begin anew.

    An input that is new and required is left out. Raises UsageError when the version has no file of an open workflow.
    """
    found: dict[str, Adapted] = {}
    for step in _open_workflows(old.state, anew):
        invocation, now = step.invocation, _counterpart(old, new, step)
        assert invocation is not None, "an open workflow has a state of its own"
        change = Adapted(
            dict(_new(_open_to_change(now.inputs, invocation.inputs), invocation.inputs)),
            dict(_new(now.state, invocation.state)),
            tuple(name for name in invocation.state if name not in now.state),
            tuple(name for name in invocation.inputs if name not in now.inputs),
        )
        if change != Adapted():
            found[step.path] = change
    return found


def _open_to_change(declared: Mapping[str, Input], held: Mapping[str, Json]) -> dict[str, Input]:
    """The inputs that a new version may fill in: those with a default, and those whose value is no secret."""
    return {name: entry for name, entry in declared.items() if not (entry.secret if name in held else entry.required)}


def _new(declared: Mapping[str, Input | StateKey], held: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    """Defaults for missing keys, and numbers in the form that their schemas want (2 as 2.0)."""
    for name, entry in declared.items():
        if name not in held:
            yield name, entry.default
        elif not _is_in_form(entry, held[name]):
            yield name, compile_schema(entry.schema).normalise(held[name])


def _is_in_form(entry: Input | StateKey, value: Json) -> bool:
    """Whether whole numbers stand as fractions where the schema asks for that. True for a value that does not fit."""
    compiled = compile_schema(entry.schema)
    return not compiled.fits(value) or msgspec.json.encode(compiled.normalise(value)) == msgspec.json.encode(value)


def _open_workflows(state: RunState, anew: tuple[str, ...]) -> Iterator[Step]:
    for step in state.steps.values():
        if step.invocation is not None and not any(is_inside(step.path, other) for other in anew):
            yield step


def counterpart(old: Live, new: Workflow, workflow: Workflow) -> Workflow | None:
    """The workflow of a new version that stands where one of the old version does; None if there is none."""
    if workflow.file == old.workflow.file:
        return new
    return new.library.get(workflow.file) or _moved(workflow.file, old.workflow.file, new)


def _moved(file: str, root: str, new: Workflow) -> Workflow | None:
    """The workflow whose file stands to the new root file as another did to the old one: they have moved together."""
    there = os.path.normpath(Path(new.file).parent / os.path.relpath(file, Path(root).parent))
    return next((called for path, called in new.library.items() if os.path.normpath(path) == there), None)


def _counterpart(old: Live, new: Workflow, step: Step) -> Workflow:
    now = counterpart(old, new, old.callee(step))
    if now is None:
        words = f"the new version does not use {old.callee(step).file}, which '{step.path}' is at here"
        raise UsageError(words, "fork at an earlier checkpoint, or keep that call")
    return now


def gains(state: RunState, changes: Mapping[str, Adapted]) -> tuple[dict[str, Json], tuple[str, ...]]:
    """What open workflows gain, by place, and the places that they lose."""
    addresses = {holder.home: address for address, holder in own_states(state).items() if holder.frame is None}
    added: dict[str, Json] = {}
    dropped: list[str] = []
    for home, change in changes.items():
        address = addresses[home]
        invocation = state.steps[home].invocation
        assert invocation is not None, "an open workflow has inputs"
        had, held = invocation.inputs, invocation.state
        added |= {_input_of(address, name): value for name, value in change.inputs.items() if name not in had}
        added |= {place_of(address, key): value for key, value in change.state.items() if key not in held}
        dropped += [_input_of(address, name) for name in change.dropped_inputs]
        dropped += [place_of(address, key) for key in change.dropped]
    return added, tuple(dropped)


def _input_of(address: str, name: str) -> str:
    return f"{address}.inputs.{name}" if address else f"inputs.{name}"


def misfits(live: Live, before: Live) -> Iterator[Misfit]:
    """Every value of a run that its version does not allow, and every value that it needs and the run lacks.

    `before` has the version that it came from.
    """
    seen: set[tuple[str, str, Json]] = set()
    for holder in own_states(live.state).values():
        declared = live.callee(live.state.steps[holder.home])
        if holder.frame is None:
            yield from _inputs(live, holder, declared.inputs)
        for key, value in holder.state.items():
            what = (holder.home, key, equality_key(value))
            if what not in seen and (words := _misfit(declared.state[key], value)):
                seen.add(what)
                yield Misfit(place_of(holder.address, key), words)
        yield from _contributions(holder, declared.state)
        if holder.frame is None:
            yield from _replaced(holder, before.callee(before.state.steps[holder.home]), declared)
    yield from _left(live)


def _misfit(entry: StateKey | Input, value: Json) -> str:
    errors = compile_schema(entry.schema).errors(value)
    if errors:
        return f"does not fit its schema: {errors[0].message}"
    return "" if _is_in_form(entry, value) else f"is {in_brief(value)}, and has to stand as a fraction there"


def _inputs(live: Live, holder: Holder, declared: Mapping[str, Input]) -> Iterator[Misfit]:
    invocation = live.state.steps[holder.home].invocation
    assert invocation is not None, "a workflow under way has inputs"
    for name, entry in declared.items():
        place, mended = _input_of(holder.address, name), not (holder.address or entry.secret)
        if name not in invocation.inputs:
            yield Misfit(place, "is required there, and has no default", mended)
        elif not entry.secret and (words := _misfit(entry, invocation.inputs[name])):
            yield Misfit(place, words, mended)


def _contributions(holder: Holder, declared: Mapping[str, StateKey]) -> Iterator[Misfit]:
    """Keys that an open branch wrote by another reducer than the key has now."""
    for key, writes in (holder.frame.writes or {}).items() if holder.frame is not None else ():
        if words := _by_another(writes, declared[key]):
            yield Misfit(place_of(holder.address, key), words)


def _replaced(holder: Holder, before: Workflow, now: Workflow) -> Iterator[Misfit]:
    """Values that `first` does not know to be the first one: the next that is written would take their place."""
    for key, value in holder.state.items():
        was, entry = before.state.get(key), now.state[key]
        is_first = entry.reducer == "first" and was is not None and was.reducer != "first"
        if is_first and was is not None and key not in holder.state.written and not same_json(value, was.default):
            words = (
                f"is {in_brief(value)}, by '{was.reducer}': the next write would replace it, though the key's reducer"
            )
            yield Misfit(place_of(holder.address, key), f"{words} there is 'first'")


def _left(live: Live) -> Iterator[Misfit]:
    """Values that ended branches have left, for the join or for the next branch, and that do not fit."""
    for step in live.state.steps.values():
        if step.children and step.invocation is None and not step.detached:
            declared = live.callee(live.state.steps[step.home]).state
            yield from _left_in(step, declared)


def _left_in(step: Step, declared: Mapping[str, StateKey]) -> Iterator[Misfit]:
    finals = (child.final for child in reversed(step.children.values()) if child.final is not None)
    last = next(finals, None)
    for name, child in step.children.items():
        final = child.final if child.final is not None else last  # a sequential branch has taken over the one before
        if child.status != "completed" or final is None:
            continue  # it leaves nothing
        for key, writes in child.writes.items():
            words = _by_another(writes, declared[key]) or _misfit(declared[key], final[key])
            if words:
                yield Misfit(place_of(branch_of(step, name), key), words, mended=False)


def _by_another(writes: Sequence[Write], entry: StateKey) -> str:
    """Words for a key that was written by another reducer than it has now; nothing where it is the same."""
    how = writes[-1].how
    return "" if how == entry.reducer else f"was written by '{how}', and the key's reducer there is '{entry.reducer}'"


def refuse_misfits(problems: Sequence[Misfit], run: str, at: int, file: str) -> None:
    """Raises UsageError if there are misfits. It lists all of them, and the fork that mends them."""
    if not problems:
        return
    rows = "\n".join(f"  {problem.place} {problem.words}" for problem in problems)
    edits = [word for problem in problems if problem.edited for word in ("--set", f"{problem.place}=…")]
    hint = f"this fork goes on with it: {command_line('fork', f'{run}@{at}', '--workflow', file, *edits)}"
    lost = next((problem.place for problem in problems if not problem.mended), "")
    raise UsageError(
        f"run {run} can't go on from event {at} with {file}: what it holds does not fit there\n{rows}",
        f"nothing can be put at {lost} here: fork at an earlier checkpoint, or let the file allow it" if lost else hint,
    )


def refuse_foreign(live: Live) -> None:
    """Raises StoreError when a run has something open that its own workflow does not have: its record was made up."""
    try:
        foreign = next(_foreign(live), "")
    except IMPOSSIBLE as error:
        raise not_ours(live.run, error) from error
    if foreign:
        raise not_ours(live.run, foreign)


def _foreign(live: Live) -> Iterator[str]:
    """What is open and stands for nothing in the workflow."""
    state = live.state
    for frame in state.frames.values():
        nodes = live.body(frame).nodes
        owner = state.steps[frame.owner]
        if (frame.at is not None and frame.at not in nodes) or owner.open.get(frame.key) != frame.path:
            yield f"the frame '{frame.path}' is none of it"
    for step in state.steps.values():
        if step.frame is None or step.path == ROOT:
            continue
        expected = live.step_path(live.frame_of(step), step.node, step.visit)
        if expected != step.path or live.node(step).verb != step.verb:
            yield f"the step '{step.path}' is none of it"
