"""What a child is told of its surroundings."""

from __future__ import annotations

import pytest

from runner.workflow.loader_variables import STEP_VARIABLES
from runner.workflow.permissions import Permissions
from runner.world.calls import Attempt, CommandCall, Context
from runner.world.tools.environment import DEFAULT_PATH, child_environment, minimal, passed
from runner.world.tools.refusal import Refusal
from tests.clock import FixedClock


def test_a_variable_that_is_not_permitted_is_refused_with_the_line_to_add() -> None:
    with pytest.raises(Refusal) as refused:
        passed(["GITHUB_TOKEN"], Permissions(env=frozenset({"GITHUB_TOKENS", "CI"})), {"GITHUB_TOKEN": "secret"})
    assert refused.value.failure.type == "permission_denied"
    assert refused.value.message == (
        "environment variable 'GITHUB_TOKEN' may not be passed on; did you mean 'GITHUB_TOKENS'?; "
        "to allow it, add it under permissions: env: [CI, GITHUB_TOKENS, GITHUB_TOKEN]"
    )


def test_a_permitted_variable_that_is_not_set_stays_absent() -> None:
    assert passed(["A", "B"], Permissions(env=frozenset({"A", "B"})), {"B": ""}) == {"B": ""}


def test_programs_are_found_even_where_no_path_is_set() -> None:
    assert minimal({}) == {"PATH": DEFAULT_PATH}


def child(given: dict[str, str], *permitted: str) -> dict[str, str]:
    call = CommandCall(("true",), "/")
    attempt = Attempt("r1", "build", "build", "", 1, call, Permissions(env=frozenset(permitted)))
    return child_environment(Context(FixedClock(), {}, mark="m"), given, {}, attempt)


def test_a_child_is_told_its_step() -> None:
    step = {"WF_RUN_ID": "r1", "WF_STEP": "build", "WF_ATTEMPT": "1", "WF_IDEMPOTENCY_KEY": "r1/build"}
    assert child({"PATH": "/mine"}, "PATH") == {"PATH": "/mine", "WF_RUN_MARK": "m", **step}


@pytest.mark.parametrize("name", sorted(STEP_VARIABLES))
def test_no_call_takes_the_place_of_its_steps_identity(name: str) -> None:
    with pytest.raises(Refusal, match=f"environment variable '{name}' is wf's own") as refused:
        child({name: "other"}, name)
    assert refused.value.failure.type == "permission_denied"


def test_a_loader_variable_is_set_only_if_it_is_listed() -> None:
    with pytest.raises(Refusal) as refused:
        child({"COLOUR": "red", "NODE_OPTIONS": "--require ./x.js"}, "CI")
    assert refused.value.failure.type == "permission_denied"
    assert refused.value.message == (
        "environment variable 'NODE_OPTIONS' may not be set: it can make a program run other code; "
        "to allow it, add it under permissions: env: [CI, NODE_OPTIONS]"
    )
    assert child({"COLOUR": "red", "NODE_OPTIONS": "x"}, "NODE_OPTIONS")["NODE_OPTIONS"] == "x"
