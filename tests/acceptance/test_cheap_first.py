"""The pattern `cheap-first`: the dear model is asked exactly where a check fails that is no model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.ground.json_value import Json
from tests.acceptance.command_line import wf, write

CHEAP, DEAR = "openai/gpt-4o-mini", "openai/gpt-4o"
COSTS = {CHEAP: 0.25, DEAR: 8.0}
TEXT = "a total of 40 euros"

PASSES = {"answer": "40", "quote": "40 euros"}
FAILURES: dict[str, Json] = {
    "a quote that the text does not have": {"answer": "40", "quote": "forty euros"},
    "a quote in other letters": {"answer": "40", "quote": "40 Euros"},
    "an answer of another form": {"answer": "40 euros", "quote": "40 euros"},
    "an answer of the form in another line": {"answer": "about\n40", "quote": "40 euros"},
    "no answer": {"answer": "", "quote": "40 euros"},
    "no quote": {"answer": "40", "quote": ""},
    "no object": "It is 40.",
    "more than was asked for": {**PASSES, "confidence": 1},
}
OUTCOMES: dict[str, Json] = {"passes": PASSES, **FAILURES}


def replies(outcome: str, model: str) -> list[Json]:
    """What a model says, as often as it may be asked to mend it."""
    return [{"reply": OUTCOMES[outcome], "usage": {"prompt_tokens": 1, "cost_usd": COSTS[model]}}] * 3


def run(folder: Path, *outcomes: tuple[str, str]) -> tuple[Json, list[tuple[str, str, float]]]:
    """The outputs, and for each model call its step, model and cost; of each text both models' outcomes are given."""
    said = {}
    for place, (cheap, dear) in enumerate(outcomes):
        said[f"answer[{place}]/ask"] = replies(cheap, CHEAP)
        said[f"answer[{place}]/ask#2"] = replies(dear, DEAR)
    write(folder, "mock.json", json.dumps(said))
    given = ("-i", "question=How much?", "-i", f"texts={json.dumps([TEXT] * len(outcomes))}", "-i", "form=[0-9]+")
    done = wf(folder, "run", "pattern:cheap-first", *given, "--mock", "mock.json", "--json").document
    shown: Any = wf(folder, "show", done["run"], "--json").document
    calls = [(call["step"].rpartition("/")[0], call["model"], call["cost_usd"]) for call in shown["model_calls"]]
    assert done["cost_usd"] == sum(cost for *_, cost in calls)
    return done["outputs"], calls


def steps_of(model: str, calls: list[tuple[str, str, float]]) -> set[str]:
    return {step for step, asked, cost in calls if asked == model and cost == COSTS[model]}


@pytest.mark.parametrize("failure", FAILURES)
def test_the_dear_model_is_asked_where_the_check_fails_and_nowhere_else(tmp_path: Path, failure: str) -> None:
    outputs, calls = run(tmp_path, ("passes", "passes"), (failure, "passes"), ("passes", "passes"))
    assert [(told["text"], told["by"]) for told in outputs["answers"]] == [(0, "cheap"), (1, "dear"), (2, "cheap")]
    assert steps_of(CHEAP, calls) == {"answer[0]/ask", "answer[1]/ask", "answer[2]/ask"}
    assert steps_of(DEAR, calls) == {"answer[1]/ask#2"}


@pytest.mark.parametrize("failure", FAILURES)
def test_an_answer_of_the_dear_model_is_checked_too_and_asked_for_once(tmp_path: Path, failure: str) -> None:
    outputs, calls = run(tmp_path, (failure, failure), ("passes", "passes"))
    assert outputs == {"answers": [{"text": 1, **PASSES, "by": "cheap"}], "unanswered": [0]}
    assert steps_of(DEAR, calls) == {"answer[0]/ask#2"}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(*[st.sampled_from(sorted(OUTCOMES))] * 2), min_size=1, max_size=6))
def test_whatever_the_models_say_each_text_is_answered_by_the_first_that_passes(
    tmp_path: Path, outcomes: list[tuple[str, str]]
) -> None:
    outputs, calls = run(tmp_path, *outcomes)
    first = ["cheap" if cheap == "passes" else "dear" if dear == "passes" else None for cheap, dear in outcomes]
    assert [(told["text"], told["by"]) for told in outputs["answers"]] == [
        (place, by) for place, by in enumerate(first) if by
    ]
    assert outputs["unanswered"] == [place for place, by in enumerate(first) if by is None]
    assert steps_of(DEAR, calls) == {f"answer[{place}]/ask#2" for place, by in enumerate(first) if by != "cheap"}


def test_a_cheap_model_that_can_not_be_asked_is_no_reason_to_ask_the_dear_one(tmp_path: Path) -> None:
    write(tmp_path, "mock.json", json.dumps({"cheap": [{"error": "authentication"}], "dear": [{"reply": PASSES}]}))
    given = ("-i", "question=How much?", "-i", f"texts={json.dumps([TEXT])}")
    done = wf(tmp_path, "run", "pattern:cheap-first", *given, "--mock", "mock.json", "--json", code=1).document
    assert (done["error"]["type"], done["error"]["step"]) == ("authentication", "answer[0]/ask")
