"""The frames that open: from which state, and with which names in scope."""

from __future__ import annotations

from runner.record.events import ASK, FrameOpened
from runner.record.merging import starting_state
from runner.record.node_records import nodes_around
from runner.record.run_state import Frame, Nodes, RunState, Step


def shared_frame(run: RunState, owner: Step, event: FrameOpened) -> Frame:
    """The frame of a workflow's own body, which works on the workflow's state."""
    invocation = owner.invocation
    assert invocation is not None, "only a workflow's own bodies share its state"
    if event.key == "body":
        invocation.nodes.body = event.body
        return Frame(event.frame, owner.path, event.key, event.body, owner.path, invocation.state, invocation.nodes)
    invocation.steps = 0
    invocation.active_since = run.active
    invocation.ending = event.ending
    if event.ending is not None:
        run.hold(owner)
    nodes = Nodes(outer=invocation.nodes, body=event.body)
    variables = event.variables
    return Frame(
        event.frame, owner.path, event.key, event.body, owner.path, invocation.state, nodes, variables=variables
    )


def branch_frame(run: RunState, owner: Step, event: FrameOpened) -> Frame:
    """The frame of a branch, which begins with a state of its own."""
    if event.home is not None:
        return _frame_apart(run, owner, event, event.home)
    outer = _around(run, owner)
    state = starting_state(owner, outer, event)
    nodes = Nodes((), nodes_around(owner, event.after, outer.nodes), event.body)
    variables = {**outer.variables, **event.variables}
    return Frame(
        event.frame,
        owner.path,
        event.key,
        event.body,
        outer.home,
        state,
        nodes,
        variables=variables,
        writes={},
        follows=event.follows,
    )


def _around(run: RunState, owner: Step) -> Frame:
    """The frame that a step stands in, or that the composite does whose call it is. KeyError where there is none."""
    while owner.frame is None:
        inner, owner = owner, run.steps[owner.owner]
        if len(owner.path) >= len(inner.path):  # in a foreign record: the way upwards has no end
            raise KeyError(inner.path)
    return owner.base or run.frames[owner.frame]


def _frame_apart(run: RunState, owner: Step, event: FrameOpened, home: str) -> Frame:
    """The frame of a body that belongs to a workflow, and to no place in it: it sees its own names alone."""
    invocation = run.steps[home].invocation
    assert invocation is not None, "a frame's home is a workflow step"
    state, nodes = invocation.state.branch(), Nodes(body=event.body)
    return Frame(
        event.frame, owner.path, event.key, event.body, home, state, nodes, variables=event.variables, writes={}
    )


def place_below(run: RunState, owner: Step, step: Step) -> None:
    """Put a composite's own call, question or step below it; a step of its own counts as one."""
    owner.open[step.key] = step.path
    step.home = owner.home
    if step.composite and step.verb != ASK:
        run.count_steps(step, 1)
