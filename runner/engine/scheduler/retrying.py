"""Whether a step that failed is tried again, and after how long."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from runner.engine.scheduler.live import Live
from runner.engine.scheduler.view import StepView
from runner.ground.json_value import Json
from runner.nodes import KINDS
from runner.nodes.contract import Failed
from runner.record.events import AttemptFailed
from runner.record.run_state import Step
from runner.workflow.model import Node
from runner.workflow.policies import Retry

PASSES_NEVER = frozenset(
    {
        "permission_denied",
        "cancelled",
        "template_error",
        "condition_error",
        "input_invalid",
        "state_invalid",
        "no_route",
        "loop_limit",
    }
)
"""What `errors: all` does not take: what was refused or stopped, and what the file itself got wrong."""


def will_try_again(live: Live, node: Node, step: Step, failed: Failed, error: dict[str, Json]) -> bool:
    """Whether a failed step is tried again, by its node's policies; when is recorded then. Raises StepFailed.

    The first policy that takes the error counts. The wait grows by `backoff` with each failure, up to `max_interval`;
    with jitter it is between half of that and all of it. What the provider asked for (`Retry-After`) is waited for in
    any case.
    """
    policies = node.retry or (_OF_MODEL_CALLS if step.agent else ())
    policy = next((policy for policy in policies if takes(policy, error)), None)
    if policy is None or step.failures + 1 >= policy.max_attempts:
        return False
    if not _is_meant(node, step, error["type"]) or (step.composite and _is_out_of_time(node, step, error)):
        return False
    view = StepView.of(live, step)
    wait = min(view.seconds(policy.initial_interval) * policy.backoff**step.failures, view.seconds(policy.max_interval))
    if policy.jitter:
        wait *= 0.5 + draw(live.run, step.path, step.attempt) / 2
    if failed.failure.retry_after is not None:
        wait = max(wait, failed.failure.retry_after)
    live.emit(AttemptFailed(step.path, step.attempt, error, live.state.at + wait, failed.usage))
    return True


_OF_MODEL_CALLS = (Retry(),)
"""What model calls get whose node says nothing."""


def _is_meant(node: Node, step: Step, type_: str) -> bool:
    """Whether a node's policies are for this failure of it: of the step itself, or of a call of it."""
    kind = KINDS[node.verb]
    if step.frame is None:
        return type_ not in kind.anew_after
    return not step.composite or kind.retried_as_whole or type_ in kind.anew_after


def takes(policy: Retry, error: dict[str, Json]) -> bool:
    """Whether a policy takes an error: that of a workflow that failed, or the one that made it fail."""
    if policy.errors is None:
        *_, cause = _causes(error)
        return cause["type"] not in PASSES_NEVER and _has_its_exit_code(policy, cause)
    return any(_names(policy, cause) for cause in _causes(error))


def _names(policy: Retry, error: dict[str, Json]) -> bool:
    if error["type"] == "tool_failed" and policy.exit_codes:
        return _has_its_exit_code(policy, error)
    return policy.errors is not None and error["type"] in policy.errors


def _has_its_exit_code(policy: Retry, error: dict[str, Json]) -> bool:
    codes = policy.exit_codes
    return not codes or error["type"] != "tool_failed" or error["details"].get("exit_code") in codes


def _causes(error: dict[str, Json]) -> Iterator[dict[str, Json]]:
    """An error, and where that is a workflow's, the one that made it fail, and so on."""
    while True:
        yield error
        inner = error["details"].get("error") if error["type"] == "workflow_failed" else None
        if not (isinstance(inner, dict) and {"type", "details"} <= inner.keys()):
            return
        error = inner


def _is_out_of_time(node: Node, step: Step, error: dict[str, Json]) -> bool:
    """Whether the `timeout` of the whole step has passed, which leaves no time for another attempt."""
    return KINDS[node.verb].timed_as_whole and (error["type"], error["step"]) == ("timeout", step.path)


def draw(*parts: object) -> float:
    """A number in [0, 1) that depends on nothing but its arguments: the jitter of a retry, the same at every replay."""
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:7], "big") / (1 << 56)
