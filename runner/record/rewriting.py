"""Changes the texts that a run's state holds, wherever they stand, and leaves its shape as it is. Pure, in place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from msgspec.structs import replace

from runner.ground.json_value import Json
from runner.record.address import ROOT
from runner.record.event_parts import Write
from runner.record.events import StepWaiting
from runner.record.run_state import Child, Frame, Invocation, Nodes, RunState, Step

Change = Callable[[Json], Json]
"""Gives a JSON value with other texts in it."""


def change_texts(run: RunState, change: Change) -> None:
    """Change every value that came from outside, or was made of such. What is shared stays shared."""
    rewriter = _Rewriter(change)
    run.outputs = change(run.outputs)
    run.error = change(run.error)
    run.overrides = _with_replies(run.overrides, change)
    if run.started is not None:
        started = run.started
        run.started = replace(started, inputs=change(started.inputs), options=_with_replies(started.options, change))
    for step in run.steps.values():
        rewriter.step(step)
    for frame in run.frames.values():
        rewriter.frame(frame)


def hide(run: RunState, hidden: Mapping[str, str]) -> None:
    """Put references in the place of inputs that are secret from now on, and of their values wherever they stand."""
    if not hidden:
        return
    root = run.steps[ROOT].invocation
    assert root is not None, "the run itself is a workflow"
    for name, reference in hidden.items():
        value = root.inputs.get(name)
        if value:
            change_texts(run, partial(_replaced, str(value), reference))
        root.inputs = {**root.inputs, name: reference}


def _replaced(old: str, new: str, value: Json) -> Json:
    if isinstance(value, str):
        return value.replace(old, new)
    if isinstance(value, list | tuple):
        return type(value)(_replaced(old, new, item) for item in value)
    if isinstance(value, dict):
        return {key.replace(old, new): _replaced(old, new, item) for key, item in value.items()}
    return value


def _with_replies(options: dict[str, Json], change: Change) -> dict[str, Json]:
    return options | {name: change(options[name]) for name in ("mock", "replay") if options.get(name)}


class _Rewriter:
    """Changes each value once, however many refer to it."""

    def __init__(self, change: Change) -> None:
        self._change = change
        self._values: dict[int, tuple[Json, Json]] = {}
        self._places: dict[int, object] = {}

    def value(self, value: Json) -> Json:
        known = self._values.get(id(value))
        if known is None:
            known = self._values[id(value)] = (value, self._change(value))
        return known[1]

    def inside(self, values: dict[str, Json]) -> None:
        """Change the values of a state, or of the records of nodes."""
        if id(values) not in self._places:
            self._places[id(values)] = values
            for key, value in values.items():
                values[key] = self.value(value)

    def nodes(self, nodes: Nodes | None) -> None:
        """Change the records of nodes, also of the enclosing bodies."""
        while nodes is not None:
            if id(nodes) not in self._places:
                self._places[id(nodes)] = nodes
                for name, record in nodes.items():
                    nodes[name] = {key: self.value(value) for key, value in record.items()}
            nodes = nodes.outer

    def writes(self, writes: dict[str, list[Write]]) -> dict[str, list[Write]]:
        return {key: [replace(one, value=self.value(one.value)) for one in log] for key, log in writes.items()}

    def step(self, step: Step) -> None:
        step.memory = self._change(step.memory)
        step.waiting = None if step.waiting is None else self._waiting(step.waiting)
        for child in step.children.values():
            self._child(child)
        if step.invocation is not None:
            self._invocation(step.invocation)
        if step.base is not None:
            self.frame(step.base)

    def frame(self, frame: Frame) -> None:
        if id(frame) in self._places:
            return
        self._places[id(frame)] = frame
        self.inside(frame.state)
        self.nodes(frame.nodes)
        frame.variables = {name: self.value(value) for name, value in frame.variables.items()}
        frame.writes = None if frame.writes is None else self.writes(frame.writes)
        frame.output = self.value(frame.output)

    def _invocation(self, invocation: Invocation) -> None:
        invocation.inputs = self._change(invocation.inputs)
        self.inside(invocation.state)
        self.nodes(invocation.nodes)
        if (ending := invocation.ending) is not None:
            invocation.ending = replace(ending, outputs=self._change(ending.outputs), error=self._change(ending.error))

    def _child(self, child: Child) -> None:
        child.output = self.value(child.output)
        child.error = self._change(child.error)
        child.writes = self.writes(child.writes)
        if child.final is not None:
            self.inside(child.final)

    def _waiting(self, waiting: StepWaiting) -> StepWaiting:
        shown = {name: self._change(getattr(waiting, name)) for name in ("prompt", "choices", "schema", "signals")}
        return replace(waiting, **shown)
