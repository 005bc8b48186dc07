"""Random edits of random runs' states: as a fork takes them, and as the reference interpreter does."""

from __future__ import annotations

from random import Random

from runner.engine.scheduler import Live
from runner.engine.scheduler.settling import branch_of
from runner.ground.errors import UsageError
from runner.ground.json_value import Json
from runner.record.events import RunForked
from runner.record.history import load_state
from runner.record.open_states import Holder, own_states
from runner.record.run_state import Frame, Step
from runner.travel.forks import edited, openings
from runner.travel.given_edits import Given
from tests.torture.reference import Edit
from tests.torture.simulated import Simulated

NUMBERS = (-1, 0, 1, 2, 5, 50)
COMPOSITES = ("parallel", "for_each")


def random_edit(run: Simulated, at: int, random: Random) -> tuple[Given, Edit] | None:
    """A value for a random key of a random open state; None if that is refused: a branch may only add to some keys."""
    live = Live(run.name, run.loaded.workflow, load_state(run.store, run.name, at))
    holder = random.choice([*own_states(live.state).values()])
    home = live.state.steps[holder.home]
    if home.detached or not home.open:
        return None  # it only finishes: of what is left of it nothing is told
    key = random.choice([*holder.state])
    value = _value(holder.state[key], random)
    given = {holder.address: {key: value}}
    workflow = run.loaded.workflow
    try:
        edited(
            RunForked(run.name, at, "", "", run.loaded.hash),
            live,
            workflow,
            given,
            openings(run.store, run.name, at),
        )
    except UsageError:
        return None
    frames = live.state.frames.values()
    places = {frame.path: _place(live, frame) for frame in frames}
    return given, Edit(_frame_of(live, holder).path, key, value, places, _begun(live))


def _value(old: Json, random: Random) -> Json:
    if not isinstance(old, list):
        return random.choice(NUMBERS)
    more = random.sample(["p", "q", "r"], random.randint(0, 2))
    return [*old, *(item for item in more if item not in old)] if random.random() < 0.7 else more


def _frame_of(live: Live, holder: Holder) -> Frame:
    """The frame that works on a state: a branch, or of a workflow the body that is open."""
    if holder.frame is not None:
        return holder.frame
    [path] = live.state.steps[holder.home].open.values()
    return live.state.frames[path]


def _place(live: Live, frame: Frame) -> tuple[str, int]:
    """At which step a frame is, and at which attempt; at 0 when it has not arrived there."""
    if frame.path in live.state.ready or frame.at is None:
        node = frame.at or live.body(frame).start
        return live.step_path(frame, node, frame.visits.get(node, 0) + 1), 0
    step = live.state.steps[live.step_path(frame, frame.at, frame.visits[frame.at])]
    if step.verb not in COMPOSITES:
        return step.path, 1
    return step.path, step.attempt if step.retry_at is None else step.attempt + 1


def _begun(live: Live) -> set[str]:
    """The branches of open composites that are open, or have ended."""
    composites = [step for step in live.state.steps.values() if step.verb in COMPOSITES]
    return {_branch(step, key) for step in composites for key in (*step.open, *step.children)}


def _branch(step: Step, key: str) -> str:
    return branch_of(step, key)
