"""A step with all that it has opened. Part of the fold."""

from __future__ import annotations

from runner.record.run_state import RunState, Step


def discard(run: RunState, step: Step) -> None:
    """Drop a step and all below it, as if it had never been opened."""
    run.halt(step)
    strays = step.invocation.strays if step.invocation is not None else {}
    for path in (*step.open.values(), *strays):
        frame = run.frames.get(path)
        if frame is None or frame.owner != step.path:
            discard(run, run.steps[path])
            continue
        for inner in [other for other in run.steps.values() if other.frame == path and not other.detached]:
            discard(run, inner)
        run.frames.pop(path)
        run.ready.pop(path, None)
    run.hold(step)
    run.steps.pop(step.path)
    run.homes.pop(step.path, None)
