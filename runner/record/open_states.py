"""The open states of a run, by address: the run's own, and those of open branches and called workflows."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from runner.record.address import own_frame
from runner.record.reducers import State
from runner.record.run_state import Frame, RunState, Step


class Holder(msgspec.Struct, frozen=True):
    """A workflow under way or an open branch: each has a state of its own. `frame` is the branch's frame.

    `home` is the step of the workflow whose file declares the state's keys.
    """

    address: str
    home: str
    state: State
    frame: Frame | None = None


def own_states(run: RunState) -> dict[str, Holder]:
    """Each open state by its address. The run's own state is at ROOT, a branch's at the address of its frame.

    A called workflow's state is at the address of its step. Where a branch has the same address, a slash at the end
    means the workflow.
    """
    found: dict[str, Holder] = {}
    for step in run.steps.values():
        if step.invocation is not None:
            address = own_frame(step.path) if step.path in run.frames else step.path
            found[address] = Holder(address, step.path, step.invocation.state)
    for frame in run.frames.values():
        if frame.writes is not None:
            found[frame.path] = Holder(frame.path, frame.home, frame.state, frame)
    return found


class Nesting:
    """Which composites are nested in a holder of a state, and which branches these have open."""

    def __init__(self, run: RunState) -> None:
        self._run = run
        self._by_frame: dict[str, list[Step]] = {}
        for step in run.steps.values():
            if step.frame is not None and step.invocation is None:
                self._by_frame.setdefault(step.frame, []).append(step)

    def composites(self, holder: Holder) -> Iterator[Step]:
        """The open steps whose branches began with the holder's state, or still may."""
        frames = [holder.frame.path] if holder.frame is not None else self._run.steps[holder.home].open.values()
        return (step for path in frames for step in self._by_frame.get(path, ()))

    def branches(self, step: Step) -> Iterator[Holder]:
        """The open branches of a composite."""
        for path in step.open.values():
            frame = self._run.frames.get(path)
            if frame is not None and frame.owner == step.path and frame.writes is not None:
                yield Holder(path, frame.home, frame.state, frame)
