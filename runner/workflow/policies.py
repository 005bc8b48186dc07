"""How a step is bounded and tried again, and what a run may use: what stands in a workflow beside its graph."""

from __future__ import annotations

from typing import Literal

import msgspec

from runner.ground.errors import RETRYABLE
from runner.language.template import Template
from runner.workflow.money import Budget

Seconds = float

CALL_TIMEOUT: Seconds = 120.0
IDLE_TIMEOUT: Seconds = 60.0

OnCrash = Literal["retry", "fail", "check"]


class Duration(msgspec.Struct, frozen=True):
    """A length of time: seconds, or a template that gives a duration's text."""

    seconds: Seconds | None = None
    template: Template | None = None


class Retry(msgspec.Struct, frozen=True):
    """How often and when a failed attempt is tried again, after the errors that the policy takes.

    `max_attempts` are those of the step, the first included. `errors` is None where every type that may pass is taken.
    With `exit_codes` a `tool_failed` is taken where a program ended with one of these alone.
    """

    max_attempts: int = 3
    initial_interval: Duration = Duration(1.0)
    backoff: float = 2.0
    max_interval: Duration = Duration(30.0)
    jitter: bool = True
    errors: frozenset[str] | None = RETRYABLE
    exit_codes: frozenset[int] = frozenset()


class Limits(Budget, frozen=True):
    """What the runner enforces. The defaults are the documented ones. `timeout` may depend on the inputs."""

    max_steps: int = 1000
    timeout: Duration | None = None
    max_concurrency: int = 8
    max_depth: int = 10
