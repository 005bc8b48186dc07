"""Which failures are tried again, and after how long: random policies and failures against a plain reference."""

from __future__ import annotations

import json
from typing import Any, get_args

from hypothesis import given
from hypothesis import strategies as st

from runner.ground.errors import ErrorType, Failure
from runner.record.run_state import Step
from runner.world.calls import AnyCall, CallFailed, Outcome
from tests.simulation import simulate, started, succeed

FIVE = {"timeout", "network", "rate_limit", "llm_down", "provider_unavailable"}
NEVER = {
    *("permission_denied", "cancelled", "template_error", "condition_error"),
    *("input_invalid", "state_invalid", "no_route", "loop_limit"),
}
TYPES = st.sampled_from([*get_args(ErrorType), *["tool_failed"] * 10])
CODES = st.sampled_from([1, 2, 75])

POLICIES = st.fixed_dictionaries(
    {},
    optional={
        "max_attempts": st.integers(1, 5),
        "initial_interval": st.sampled_from(["1s", "3s"]),
        "backoff": st.sampled_from([1, 2, 3]),
        "max_interval": st.sampled_from(["2s", "20s"]),
        "errors": st.one_of(st.just("all"), st.lists(TYPES, unique=True, max_size=4)),
        "exit_codes": st.lists(CODES, unique=True, min_size=1, max_size=2),
    },
).map(lambda policy: {**policy, "jitter": False})
RETRIES = st.one_of(st.integers(1, 4), POLICIES, st.lists(POLICIES, min_size=1, max_size=3))
FAILURES = st.lists(st.tuples(TYPES, CODES), max_size=6)


def expected(own: Any, shared: Any, failures: list[tuple[str, int]]) -> tuple[int, float]:
    """How many attempts are made, and how many seconds lie between the first and the last. A number has jitter."""
    written = shared if own is None else own
    usual = FIVE if own is None else {*FIVE, "tool_failed"}
    policies = [] if written is None else written if isinstance(written, list) else [written]
    policies = [{"max_attempts": entry} if isinstance(entry, int) else entry for entry in policies]
    waited = 0.0
    for attempt, (type_, code) in enumerate(failures, 1):
        policy = next((entry for entry in policies if is_taken(entry, usual, type_, code)), None)
        if policy is None or attempt >= policy.get("max_attempts", 3):
            return attempt, waited
        first = float(policy.get("initial_interval", "1s")[:-1])
        longest = float(policy.get("max_interval", "30s")[:-1])
        waited += min(first * policy.get("backoff", 2) ** (attempt - 1), longest)
    return len(failures) + 1, waited


def is_taken(policy: dict[str, Any], usual: set[str], type_: str, code: int) -> bool:
    codes = policy.get("exit_codes")
    if type_ == "tool_failed" and codes is not None:
        return code in codes
    if "errors" not in policy:
        return codes is None and type_ in usual
    return type_ not in NEVER if policy["errors"] == "all" else type_ in policy["errors"]


@given(own=st.none() | RETRIES, shared=st.none() | RETRIES, failures=FAILURES)
def test_attempts_are_as_many_as_the_policies_say_and_as_far_apart(
    own: Any, shared: Any, failures: list[tuple[Any, int]]
) -> None:
    node = {"command": ["x"], "on_error": "continue", **({} if own is None else {"retry": own})}
    defaults = {} if shared is None else {"retry": shared}
    left = list(failures)

    def reply(call: AnyCall, step: Step) -> Outcome:
        if not left:
            return succeed(call, step)
        type_, code = left.pop(0)
        return CallFailed(Failure(type_, "failed", {"exit_code": code}))

    run = simulate(f"defaults: {json.dumps(defaults)}\nnodes: {json.dumps({'a': node})}\n", reply=reply)
    attempts, waited = expected(own, shared, failures)
    assert started(run) == ["a"] * attempts
    if not isinstance(shared if own is None else own, int):
        assert round(run.now - 1000.0, 6) == waited
