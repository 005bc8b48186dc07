"""When a call that a model has chosen waits for a person: the rule that a tool's `approval:` says."""

from __future__ import annotations

from typing import Literal

import msgspec

from runner.language.expression import Expression


class ApprovalRule(msgspec.Struct, frozen=True):
    """Ask a person before a call is made: always, unless `when` is there and does not hold for its arguments.

    `once`: an approval frees the tool's later calls in the run. `timeout` (s) bounds the wait; then the call is denied,
    or the step fails.
    """

    when: Expression | None = None
    once: bool = False
    timeout: float | None = None
    otherwise: Literal["deny", "fail"] = "deny"
