"""Which environment variables make a program load other code."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from runner.workflow.loader_variables import LOADER_VARIABLES, STEP_VARIABLES, is_loader_variable

NAMES = [name for names in LOADER_VARIABLES.values() for name in names]


@given(name=some.sampled_from(NAMES), ending=some.from_regex(r"[A-Z0-9_]{1,8}", fullmatch=True))
def test_each_entry_of_the_table_counts_with_any_ending_where_it_says_so(name: str, ending: str) -> None:
    assert is_loader_variable(name.replace("*", ending))
    assert is_loader_variable(name.replace("*", ""))


@pytest.mark.parametrize("name", ["NPM_CONFIG_SCRIPT_SHELL", "npm_config_node_options", "Npm_Config_x"])
def test_npm_takes_its_own_in_any_case(name: str) -> None:
    assert is_loader_variable(name)


@pytest.mark.parametrize("name", ["GREETING", "PATHS", "MY_PATH", "path", "LANG", "TOKEN", "GOAL", "NODE_ENV", "TZ"])
def test_ordinary_names_are_free(name: str) -> None:
    assert not is_loader_variable(name)


def test_no_entry_stands_twice_and_none_is_a_steps_own() -> None:
    assert len(NAMES) == len(set(NAMES))
    assert not any(map(is_loader_variable, STEP_VARIABLES))
