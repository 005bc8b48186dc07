"""The events' JSON Schema: up to date with the types, and true of what is recorded."""

from __future__ import annotations

from random import Random

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.ground.json_value import Json
from runner.ground.resources import data
from runner.record.event_schema import FILE, event_schema, schema_text
from runner.record.events import encode
from tests.record.store.legal import legal_commits

VALIDATOR = jsonschema.Draft202012Validator(event_schema())


def test_the_file_is_what_the_types_say() -> None:
    found = (data("schemas") / FILE).read_text("utf-8")
    assert found == schema_text(), "run `.venv/bin/python -m runner.record.event_schema`"


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(event_schema())


@given(st.randoms(use_true_random=False))
def test_what_is_recorded_fits_it(random: Random) -> None:
    for commit in legal_commits(random, 12):
        VALIDATOR.validate(msgspec.json.decode(encode(commit.events)))


@pytest.mark.parametrize(
    "events",
    [
        {},
        [{}],
        [{"type": "unknown"}],
        [{"type": "run_ended", "status": "maybe"}],
        [{"type": "run_paused"}],
        [{"type": "step_ended", "step": 1, "status": "completed"}],
    ],
)
def test_what_is_no_list_of_events_does_not_fit_it(events: Json) -> None:
    assert not VALIDATOR.is_valid(events)
