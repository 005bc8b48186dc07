"""How an edit or a new version changes a run's states, and the copies of them that branches have. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from runner.ground.json_value import Json, same_json
from runner.record.address import ROOT
from runner.record.event_parts import Adapted, Write
from runner.record.open_states import Holder, Nesting, own_states
from runner.record.reducers import State
from runner.record.run_state import RunState, Step


class _Edit(msgspec.Struct, frozen=True):
    """An edit of one key: its value before and now, and whether a `first` reducer takes it for the first value."""

    key: str
    before: Json
    value: Json
    settles: bool

    def put(self, state: State) -> None:
        state[self.key] = self.value
        if self.settles:
            state.written |= {self.key}

    def concerns(self, state: State) -> bool:
        """Whether a copy still holds the value from before the edit."""
        return same_json(state.get(self.key), self.before)


def adapt(run: RunState, home: str, adapted: Adapted) -> None:
    """Give an open workflow, and its branches, the inputs and state keys of another version. In place."""
    invocation = run.steps[home].invocation
    assert invocation is not None, "only a workflow has inputs and a state of its own"
    inputs = {**invocation.inputs, **adapted.inputs}
    invocation.inputs = {name: value for name, value in inputs.items() if name not in adapted.dropped_inputs}
    for state in (invocation.state, *_copies(run, home)):
        for key, value in adapted.state.items():
            if key not in state or same_json(state[key], value):
                state[key] = value
        for key in adapted.dropped:
            state.pop(key, None)
        state.written -= set(adapted.dropped)
    for writes in _logs(run, home):
        for key in adapted.dropped:
            writes.pop(key, None)


def _copies(run: RunState, home: str) -> Iterator[State]:
    """Every copy of a workflow's state: of open branches, of ended ones, and those that coming branches start from."""
    yield from (frame.state for frame in run.frames.values() if frame.home == home and frame.writes is not None)
    for step in run.steps.values():
        if step.home == home and step.path != ROOT:
            yield from (child.final for child in step.children.values() if child.final is not None)
        if step.base is not None and step.base.home == home:
            yield step.base.state


def _logs(run: RunState, home: str) -> Iterator[dict[str, list[Write]]]:
    """The contributions of a workflow's branches that are not merged yet."""
    yield from (frame.writes for frame in run.frames.values() if frame.home == home and frame.writes is not None)
    for step in run.steps.values():
        if step.home == home and step.path != ROOT:
            yield from (child.writes for child in step.children.values())


def edit(run: RunState, address: str, values: Mapping[str, Json], contributed: Sequence[Write] = ()) -> None:
    """Put values into one of a run's states, in place, past all reducers.

    A branch's copy takes the new value too, if the branch has not written the key and its copy still holds the value
    from before. `contributed` replaces what an edited branch had contributed to these keys; the reducer `first` takes
    its value from there. Raises LookupError when no open state has that address.
    """
    holder = own_states(run)[address]
    nesting = Nesting(run)
    for key, value in values.items():
        writes = [write for write in contributed if write.key == key]
        made = _Edit(key, holder.state.get(key), value, any(write.how == "first" for write in writes))
        made.put(holder.state)
        if holder.frame is not None and holder.frame.writes is not None:
            holder.frame.writes.pop(key, None)
            holder.frame.writes.update({key: writes} if writes else {})
        _pass_on(nesting, holder, made)


def _pass_on(nesting: Nesting, holder: Holder, made: _Edit) -> None:
    """Pass an edit on to the copies below. The stack is a list: branches may be nested deeper than Python recurses."""
    holders = [holder]
    while holders:
        for step in nesting.composites(holders.pop()):
            _change_starts(step, made)
            holders += [branch for branch in nesting.branches(step) if _follows(branch, made)]


def _follows(branch: Holder, made: _Edit) -> bool:
    """Change a branch's copy, unless the branch has written the key itself. Returns whether the copy was changed."""
    wrote = branch.frame is not None and made.key in (branch.frame.writes or {})
    if wrote or not made.concerns(branch.state):
        return False
    made.put(branch.state)
    return True


def _change_starts(step: Step, made: _Edit) -> None:
    """Change the states from which a composite's coming branches may start."""
    starts = [child.final for child in step.children.values() if made.key not in child.writes]
    starts.append(None if step.base is None else step.base.state)
    for state in starts:
        if state is not None and made.concerns(state):
            made.put(state)
