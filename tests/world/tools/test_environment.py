"""What a child is told of its surroundings."""

from __future__ import annotations

import pytest

from runner.workflow.model import Permissions
from runner.world.calls import Attempt, CommandCall, Context
from runner.world.tools.environment import DEFAULT_PATH, child_environment, minimal, passed
from runner.world.tools.refusal import Refusal
from tests.clock import FixedClock


def test_a_variable_that_is_not_permitted_is_refused_with_the_line_to_add() -> None:
    with pytest.raises(Refusal) as refused:
        passed(["GITHUB_TOKEN"], {"GITHUB_TOKENS", "CI"}, {"GITHUB_TOKEN": "secret"})
    assert refused.value.failure.type == "permission_denied"
    assert refused.value.message == (
        "environment variable 'GITHUB_TOKEN' may not be passed on; did you mean 'GITHUB_TOKENS'?; "
        "to allow it, add it under permissions: env: [CI, GITHUB_TOKENS, GITHUB_TOKEN]"
    )


def test_a_permitted_variable_that_is_not_set_stays_absent() -> None:
    assert passed(["A", "B"], {"A", "B"}, {"B": ""}) == {"B": ""}


def test_programs_are_found_even_where_no_path_is_set() -> None:
    assert minimal({}) == {"PATH": DEFAULT_PATH}


def test_no_call_takes_the_place_of_its_steps_identity() -> None:
    call = CommandCall(("true",), "/")
    attempt = Attempt("r1", "build", "build", "", 1, (0, 0, 0), call, Permissions())
    context = Context(FixedClock(), {}, mark="m")
    seen = child_environment(context, {"WF_STEP": "other", "WF_IDEMPOTENCY_KEY": "x", "PATH": "/mine"}, {}, attempt)
    step = {"WF_RUN_ID": "r1", "WF_STEP": "build", "WF_ATTEMPT": "1", "WF_IDEMPOTENCY_KEY": "r1/build"}
    assert seen == {"PATH": "/mine", "WF_RUN_MARK": "m", **step}
