"""What needs the clock: when a step is due, how long an attempt and a workflow may take."""

from __future__ import annotations

from runner.engine.scheduler.live import Live
from runner.engine.scheduler.view import StepView, time_limit
from runner.record.run_state import Step
from runner.world.calls import AnyCall, ModelCall


def due_time(step: Step) -> float | None:
    """When a step next needs the clock (epoch s); None when it does not."""
    times = (step.retry_at, step.due, step.waiting.until if step.waiting is not None else None)
    return min((time for time in times if time is not None), default=None)


def attempt_timeout(live: Live, step: Step, call: AnyCall) -> float | None:
    """Seconds that one attempt may take.

    A model call is bounded as its model says; what else a composite calls is bounded with the composite.
    """
    if isinstance(call, ModelCall):
        return call.timeout
    duration = live.node(step).timeout if step.frame is not None else None
    return None if duration is None else StepView.as_begun(live, step).seconds(duration)


def time_left(live: Live, now: float) -> list[tuple[str, float]]:
    """For each workflow with `limits.timeout`, while the run works: its step, and the seconds it has left."""
    state = live.state
    if not state.works:
        return []
    active = state.active + max(0.0, now - state.at)
    left = []
    for path in state.homes:
        home = state.steps[path]
        limit = _time_limit(live, home)
        if limit is not None and home.invocation is not None and _may_be_stopped(live, home):
            left.append((path, limit - (active - home.invocation.active_since)))
    return left


def _time_limit(live: Live, home: Step) -> float | None:
    """Rendered once; that it can be was seen before the workflow began, for it depends on the inputs alone."""
    key = home.path, home.attempt
    if key not in live.time_limits and home.invocation is not None:
        live.time_limits[key] = time_limit(live.callee(home), home.invocation.inputs)
    return live.time_limits[key]


def _may_be_stopped(live: Live, home: Step) -> bool:
    """Whether a workflow does more than wait for the `finally` of what was cut off in it."""
    assert home.invocation is not None, "a workflow has its invocation while it runs"
    return bool(home.open) or any(live.state.steps[path].invocation is None for path in home.invocation.strays)
