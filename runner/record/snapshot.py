"""A run's state as JSON, and back, exactly: what is shared in memory is written once, and shared again when read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from runner.ground.advice import ask_doctor
from runner.ground.errors import StoreError
from runner.ground.json_value import Json
from runner.record.address import ROOT
from runner.record.event_parts import Write, branches_of
from runner.record.events import RunStarted
from runner.record.reducers import State
from runner.record.run_state import Child, Frame, Invocation, Nodes, RunState, Step

Thing = TypeVar("Thing")

VERSION = 4
"""The version of this format; a newer one is refused.

Of version 1 steps did not say whether they are composites; of version 2 scripted replies were counted otherwise;
of version 3 the time of a composite went on while its run was paused, and a fork had what its past had left running.
"""

FLOOR = 8 * 1024
"""Bytes of events below which no snapshot is worth its transaction."""

_APART = ("steps", "frames", "started", "final")
"""What of a run is not plain JSON, or no longer wanted."""

_OUTWEIGHED = 4
"""How many times the bytes of the last snapshot there are in events before the next."""

_PLACE = 128
"""Bytes that a frame or a step takes in a snapshot, about."""

_OLD = "asked"
"""How versions 1 and 2 counted scripted replies."""

_UNREADABLE = (msgspec.MsgspecError, ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""What reading raises when the JSON is not what was written."""

_RECORD_VALUES = ("output", "error", "results")


def should_snapshot(bytes_since: int, last_snapshot_bytes: int, places: int) -> bool:
    """Whether the events since the last snapshot outweigh it, several times, and the one that would be taken now.

    Snapshots then take a quarter of what the events do at most; reading needs the bytes of one and those events.
    `places` are the frames and steps that it would hold, and the branches that have ended.
    """
    return bytes_since > max(FLOOR, _OUTWEIGHED * max(last_snapshot_bytes, places * _PLACE))


class _Version(msgspec.Struct):
    """What every version of the format starts with."""

    version: int


class _Written(msgspec.Struct):
    """A run's state on paper. Steps and frames name values, states and node records by their place in these lists.

    `states` hold values by key, and what is `written`; `nodes` records by node, the place of the enclosing ones, and
    the body's key.
    """

    version: int
    run: dict[str, Json]
    started: RunStarted | None
    values: list[Json]
    states: list[tuple[dict[str, int], list[str]]]
    nodes: list[tuple[dict[str, dict[str, Json]], int | None, str | None]]
    steps: Json
    frames: Json


def encode_state(run: RunState) -> Json:
    """A run's state as JSON."""
    shared = _Shared()
    steps = [shared.step(step) for step in run.steps.values()]
    frames = [shared.frame(frame) for frame in run.frames.values()]
    plain = {name: value for name, value in vars(run).items() if name not in _APART}
    written = _Written(VERSION, plain, run.started, shared.values, shared.states, shared.nodes, steps, frames)
    return msgspec.to_builtins(written)


def decode_state(written: Json, what: str = "a snapshot") -> RunState:
    """The inverse of `encode`. Raises StoreError, naming `what`, when it is damaged or of a newer version."""
    try:
        version = msgspec.convert(written, _Version).version
        if version > VERSION:
            raise StoreError(f"{what} was written by a newer wf", "update wf to read it")
        run = _read(msgspec.convert(written, _Written))
        if version == 1:
            _complete(run)
    except _UNREADABLE as error:
        raise StoreError(f"{what} is damaged", ask_doctor()) from error
    return run


def is_complete(written: Json) -> bool:
    """Whether a snapshot says all that its run's events do; one that is damaged counts as complete.

    One of version 1 does not where a node's step waits for its next attempt: a call, or a composite. One before
    version 4 does not in a run with scripted replies, nor where a composite has a time or steps left something running.
    The first of version 4 do not say of which items results are, nor what model calls have taken.
    """
    version = written.get("version") if isinstance(written, dict) else None
    if not isinstance(version, int) or version > VERSION:
        return True
    if _lacks_items(written) or _lacks_accounts(written):
        return False
    if version == VERSION:
        return True
    run = decode_state(written)
    is_timed = any(step.due is not None for step in run.steps.values())
    is_timed |= any(run.steps[path].composite for path in run.retrying)
    if run.options.get("mock") is not None or is_timed or run.left:
        return False
    return version > 1 or all(run.steps[path].frame is None for path in run.retrying)


def _lacks_items(written: Json) -> bool:
    """Whether there are results of a list that do not name their items; not in what is damaged."""
    try:
        places = {record["results"] for records, *_ in written["nodes"] for record in records.values()}
        listed = [values for place in places if isinstance(values := written["values"][place], list)]
        return any(values and "item" not in values[0] for values in listed)
    except _UNREADABLE:
        return False


def _lacks_accounts(written: Json) -> bool:
    """Whether models were asked, and no step says what that took; not in what is damaged, nor of a run that ended."""
    try:
        was_asked = written["run"]["tokens"] or written["run"]["uncounted"]
        return bool(was_asked and written["steps"]) and not any(step.get("account") for step in written["steps"])
    except _UNREADABLE:
        return False


def _complete(run: RunState) -> None:
    """Put into a state of version 1 what its steps did not say. A node's step without an attempt is a composite."""
    for step in run.steps.values():
        in_flight = step.path in run.running or step.path in run.queued
        step.composite = step.path == ROOT or (step.frame is not None and not in_flight)
        step.branches = branches_of(None, step.memory)
    if ROOT in run.steps:
        run.steps[ROOT].verb = ""


def same(one: RunState, other: RunState) -> bool:
    """Whether two states are the same, but for what no snapshot keeps, and for what is shared in memory."""
    return bool(_kept(one) == _kept(other))


def _kept(run: RunState) -> Json:
    plain = {name: value for name, value in vars(run).items() if name != "final"}
    invocations = [step.invocation for step in run.steps.values() if step.invocation is not None]
    places: list[Frame | Invocation] = [*run.frames.values(), *invocations]
    return plain, [(place.state.written, list(_line(place.nodes))) for place in places]


def _line(nodes: Nodes | None) -> Iterator[Json]:
    """Node records with those that enclose them, which a comparison of the records alone would not see."""
    while nodes is not None:
        yield nodes.body, nodes
        nodes = nodes.outer


class _Shared:
    """Takes down what steps and frames refer to, each thing once however many refer to it."""

    def __init__(self) -> None:
        self.values: list[Json] = []
        self.states: list[tuple[dict[str, int], list[str]]] = []
        self.nodes: list[tuple[dict[str, dict[str, Json]], int | None, str | None]] = []
        self._places: dict[int, int] = {}

    def value(self, value: Json) -> int:
        place = self._places.get(id(value))
        if place is None:
            place = self._places[id(value)] = len(self.values)
            self.values.append(value)
        return place

    def state(self, state: State) -> int:
        place = self._places.get(id(state))
        if place is None:
            self.states.append(({key: self.value(value) for key, value in state.items()}, sorted(state.written)))
            place = self._places[id(state)] = len(self.states) - 1
        return place

    def node_records(self, nodes: Nodes) -> int:
        place = self._places.get(id(nodes))
        if place is None:
            outer = None if nodes.outer is None else self.node_records(nodes.outer)
            self.nodes.append(({name: self._record(record) for name, record in nodes.items()}, outer, nodes.body))
            place = self._places[id(nodes)] = len(self.nodes) - 1
        return place

    def _record(self, record: dict[str, Json]) -> dict[str, Json]:
        return {**record, **{name: self.value(record[name]) for name in _RECORD_VALUES}}

    def step(self, step: Step) -> Step:
        """The step, with numbers in the place of what it refers to."""
        invocation = step.invocation and replace(
            step.invocation,
            state=self.state(step.invocation.state),
            nodes=self.node_records(step.invocation.nodes),
        )
        children = {key: self._child(child) for key, child in step.children.items()}
        return replace(step, invocation=invocation, children=children, base=step.base and self.frame(step.base))

    def frame(self, frame: Frame) -> Frame:
        """The frame, with numbers in the place of what it refers to."""
        return replace(
            frame,
            state=self.state(frame.state),
            nodes=self.node_records(frame.nodes),
            variables={name: self.value(value) for name, value in frame.variables.items()},
            writes=None if frame.writes is None else self._writes(frame.writes),
            output=self.value(frame.output),
        )

    def _child(self, child: Child) -> Child:
        final = None if child.final is None else self.state(child.final)
        return replace(child, output=self.value(child.output), writes=self._writes(child.writes), final=final)

    def _writes(self, writes: dict[str, list[Write]]) -> dict[str, list[Write]]:
        return _each_value(writes, self.value)


def _each_value(writes: dict[str, list[Write]], change: Any) -> dict[str, list[Write]]:
    return {key: [Write(write.key, write.how, change(write.value)) for write in log] for key, log in writes.items()}


def _read(written: _Written) -> RunState:
    run = RunState()
    vars(run).update((name, value) for name, value in written.run.items() if name != _OLD)
    run.started = written.started
    reader = _Reader(written)
    run.steps = {step.path: reader.step(step) for step in reader.things(written.steps, list[Step])}
    run.frames = {frame.path: reader.frame(frame) for frame in reader.things(written.frames, list[Frame])}
    _share_again(run.steps.values(), run.frames)
    return run


class _Reader:
    """Puts what is shared back into the place of its number."""

    def __init__(self, written: _Written) -> None:
        self._values = written.values
        self._states = [self._state(values, keys) for values, keys in written.states]
        self._nodes: list[Nodes] = []
        for records, outer, body in written.nodes:
            whole = ((name, self._record(record)) for name, record in records.items())
            self._nodes.append(Nodes(whole, None if outer is None else self._nodes[outer], body))

    def _value(self, place: int) -> Json:
        return self._values[place]

    def _state(self, values: dict[str, int], written: list[str]) -> State:
        state = State({key: self._value(place) for key, place in values.items()})
        state.written = frozenset(written)
        return state

    def _record(self, record: dict[str, Json]) -> dict[str, Json]:
        return {**record, **{name: self._value(record[name]) for name in _RECORD_VALUES}}

    def things(self, written: Json, kind: type[Thing]) -> Thing:
        return msgspec.convert(written, kind, dec_hook=self._look_up)

    def _look_up(self, kind: type, place: int) -> State | Nodes:
        return self._states[place] if kind is State else self._nodes[place]

    def step(self, step: Step) -> Step:
        for child in step.children.values():
            child.output = self._value(child.output)
            child.writes = _each_value(child.writes, self._value)
        if step.base is not None:
            self.frame(step.base)
        return step

    def frame(self, frame: Frame) -> Frame:
        frame.variables = {name: self._value(place) for name, place in frame.variables.items()}
        frame.writes = None if frame.writes is None else _each_value(frame.writes, self._value)
        frame.output = self._value(frame.output)
        return frame


def _share_again(steps: Iterable[Step], frames: dict[str, Frame]) -> None:
    """A step that has left children keeps a copy of its frame as it was, which shares what the copying did not part."""
    for step in steps:
        frame = frames.get(step.frame) if step.base is not None and step.frame is not None else None
        if step.base is not None and frame is not None:
            step.base.visits, step.base.writes = frame.visits, frame.writes
