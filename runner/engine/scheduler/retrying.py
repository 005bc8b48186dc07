"""Whether a step that failed is tried again, and after how long."""

from __future__ import annotations

import hashlib

from runner.engine.scheduler.live import Live
from runner.engine.scheduler.view import StepView
from runner.ground.json_value import Json
from runner.nodes import KINDS
from runner.nodes.contract import Failed
from runner.record.events import AttemptFailed
from runner.record.run_state import Step
from runner.workflow.model import Node


def will_try_again(live: Live, node: Node, step: Step, failed: Failed, error: dict[str, Json]) -> bool:
    """Whether a failed step is tried again, by its node's policy; when is recorded then. Raises StepFailed.

    The wait grows by `backoff` with each failure, up to `max_interval`; with jitter it is between half of that and all
    of it. What the provider asked for (`Retry-After`) is waited for in any case.
    """
    policy, failure = node.retry, failed.failure
    if failure.type not in policy.errors or step.failures + 1 >= policy.max_attempts:
        return False
    if step.composite and not KINDS[node.verb].retried_as_whole:
        return False
    view = StepView.of(live, step)
    wait = min(view.seconds(policy.initial_interval) * policy.backoff**step.failures, view.seconds(policy.max_interval))
    if policy.jitter:
        wait *= 0.5 + draw(live.run, step.path, step.attempt) / 2
    if failure.retry_after is not None:
        wait = max(wait, failure.retry_after)
    live.emit(AttemptFailed(step.path, step.attempt, error, live.state.at + wait, failed.usage))
    return True


def draw(*parts: object) -> float:
    """A number in [0, 1) that depends on nothing but its arguments: the jitter of a retry, the same at every replay."""
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:7], "big") / (1 << 56)
