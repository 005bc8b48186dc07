"""What branches write: how it is gathered at their join, merged into a state, and seen by a branch that comes after."""

from __future__ import annotations

from collections.abc import Iterable

from runner.record.event_parts import Write
from runner.record.events import FrameOpened
from runner.record.reducers import State, contribute
from runner.record.run_state import Child, Frame, Step


def starting_state(owner: Step, outer: Frame, event: FrameOpened) -> State:
    """What a branch that is opened so in frame `outer` starts from."""
    if event.follows:
        final = owner.children[event.follows].final
        assert final is not None, "a sequential branch keeps its final state"
        return final.branch()
    state = outer.state.branch()
    if event.after:
        merge(state, contributions(owner.children[key] for key in event.after))
    return state


def contributions(children: Iterable[Child]) -> dict[str, list[Write]]:
    """What branches contributed to each state key, one branch after another; of plain writes only the last counts."""
    gathered: dict[str, list[Write]] = {}
    for child in children:
        for key, writes in child.writes.items():
            gathered.setdefault(key, []).extend(writes)
    return {key: writes[-1:] if writes[0].how == "set" else writes for key, writes in gathered.items()}


def merge(state: State, contributed: dict[str, list[Write]]) -> None:
    """Apply contributions to `state`, in place: a key's all at once, or a list of many would be copied for each."""
    for key, writes in contributed.items():
        contribute(state, key, writes[0].how, [write.value for write in writes])
