"""Calls that wait for their turn to ask a model, and that have it: the fold of what is recorded of them."""

from __future__ import annotations

from runner.record.paces import count_call, new_pace, settle_call
from runner.record.run_state import RunState, Step
from runner.record.usage import Usage


def join_line(run: RunState, step: Step, model: str) -> None:
    """A step's call waits for its turn to ask a model, behind those that wait already."""
    run.halt(step)
    step.paced = model
    step.queued_at, step.retry_at = step.retry_at or step.queued_at, None
    run.lines.setdefault(model, {})[step.path] = None


def begin_call(run: RunState, step: Step, model: str, tokens: int) -> None:
    """A call of a model begins that counts for its bounds."""
    step.paced = model
    count_call(run.paces.setdefault(model, new_pace()), step.path, step.attempt, run.at, tokens)


def settle_pace(run: RunState, step: Step, usage: Usage | None, *, is_known: bool) -> None:
    """Count what a call has taken, for its model's bounds; `is_known`: without a usage it has taken nothing."""
    tokens = (0 if is_known else None) if usage is None else usage.tokens if usage.counted else None
    if step.paced and tokens is not None and step.paced in run.paces:
        settle_call(run.paces[step.paced], step.path, step.attempt, tokens)
