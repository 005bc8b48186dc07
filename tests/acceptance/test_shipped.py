"""The bundled patterns and examples do what they say, with scripted replies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from runner import run
from runner.engine.runs import RunResult
from runner.ground.json_value import Json
from tests.acceptance.command_line import wf
from tests.project import ROOT, make_repository


def executed(folder: Path, pattern: str, inputs: Mapping[str, Json], replies: Mapping[str, Json]) -> RunResult:
    mock = folder / "mock.json"
    mock.write_text(json.dumps(replies), encoding="utf-8")
    return run(f"pattern:{pattern}", inputs, mock=mock)


def review(score: float) -> Json:
    return {"reply": {"score": score, "feedback": f"{score} is what it is worth"}}


def vote(choice: str) -> Json:
    return {"reply": {"vote": choice, "reason": f"I {choice}"}}


@pytest.mark.parametrize(
    ("scores", "outputs"),
    [
        ([0.9], {"draft": "first", "score": 0.9, "rounds": 1, "accepted": True}),
        ([0.5, 0.8], {"draft": "second", "score": 0.8, "rounds": 2, "accepted": True}),
        ([0.5, 0.6, 0.4], {"draft": "second", "score": 0.6, "rounds": 3, "accepted": False}),
    ],
)
def test_review_refine_ends_when_a_draft_is_good_or_after_its_rounds_and_keeps_the_best(
    tmp_path: Path, scores: list[float], outputs: Json
) -> None:
    replies = {"generator": ["first"], "refiner": ["second", "third"], "critic": [review(score) for score in scores]}
    result = executed(tmp_path, "review-refine", {"task": "a haiku"}, replies)
    assert (result.error, result.outputs) == (None, outputs)


@pytest.mark.parametrize(
    ("votes", "threshold", "tally"),
    [
        (["approve", "approve", "approve"], 0.75, ("approved", 3, 0, 1)),
        (["approve", "abstain", "abstain"], 1.0, ("approved", 1, 0, 1)),
        (["reject", "reject", "approve", "reject", "reject", "reject"], 0.75, ("rejected", 0, 3, 2)),
        (["approve", "reject", "abstain"] * 3, 0.5, ("none", 1, 1, 3)),
        (["abstain"] * 9, 0.5, ("none", 0, 0, 3)),
    ],
)
def test_consensus_counts_the_votes_that_are_no_abstentions(
    tmp_path: Path, votes: list[str], threshold: float, tally: Json
) -> None:
    replies = {"participant": ["I think so"] * 9, "voter": [vote(choice) for choice in votes]}
    result = executed(tmp_path, "consensus-building", {"proposal": "ship", "threshold": threshold}, replies)
    outputs = result.outputs
    assert result.error is None
    assert (outputs["decision"], outputs["approvals"], outputs["rejections"], outputs["rounds"]) == tally
    assert [cast["vote"] for cast in outputs["votes"]] == votes


def test_sequential_planning_adds_what_is_missing_until_nothing_is(tmp_path: Path) -> None:
    verdicts = [{"complete": False, "missing": ["a budget"]}, {"complete": True, "missing": []}]
    replies = {"planner": ["one", "two", "three"], "validator": [{"reply": verdict} for verdict in verdicts]}
    result = executed(tmp_path, "sequential-planning", {"goal": "ship", "phases": ["what", "how"]}, replies)
    phases = [(part["phase"], part["text"]) for part in result.outputs["plan"]]
    assert phases == [("what", "one"), ("how", "two"), ("revision 1", "three")]
    assert (result.outputs["complete"], result.outputs["revisions"]) == (True, 1)


def test_sequential_planning_gives_up_after_its_revisions(tmp_path: Path) -> None:
    replies = {"planner": ["text"] * 3, "validator": [{"reply": {"complete": False, "missing": ["more"]}}] * 3}
    result = executed(tmp_path, "sequential-planning", {"goal": "ship", "phases": ["all"]}, replies)
    assert (result.error, result.outputs["missing"], result.outputs["revisions"]) == (None, ["more"], 2)


def test_parallel_analysis_joins_what_its_analysts_found(tmp_path: Path) -> None:
    replies = {"analyst": ["safe", "dear"], "converger": ["safe but dear"]}
    result = executed(tmp_path, "parallel-analysis", {"subject": "it", "perspectives": ["security", "cost"]}, replies)
    found = [{"perspective": "security", "analysis": "safe"}, {"perspective": "cost", "analysis": "dear"}]
    assert (result.error, result.outputs) == (None, {"analysis": "safe but dear", "findings": found})


def triaged(tmp_path: Path, replies: Mapping[str, Json], *words: str) -> tuple[Json, str]:
    """The outcome of the bug triage, with these replies in the place of the shipped ones, and its report."""
    make_repository(tmp_path, ROOT / "workflows")
    shipped: Json = YAML(typ="safe").load(tmp_path / "workflows" / "bug_triage" / "mock.yaml")
    (tmp_path / "mock.json").write_text(json.dumps({**shipped, **replies}), encoding="utf-8")
    result = wf(tmp_path, "run", "workflows/bug_triage.yaml", "--mock", "mock.json", *words, "--json").document
    return result, (tmp_path / "workflows" / "out" / "triage.md").read_text(encoding="utf-8")


def triage(score: float, confidence: float, severity: str = "medium") -> Json:
    facts = {"severity": severity, "score": score, "confidence": confidence, "keyword": "wait", "reason": "It may."}
    return {"reply": facts}


def most_mentioning(word: str) -> str:
    """The file of the package with the most lines that hold a word."""
    files = [(str(path.relative_to(ROOT)), path.read_text("utf-8")) for path in (ROOT / "runner").rglob("*.py")]
    counts = {path: sum(word in line for line in text.splitlines()) for path, text in files}
    return min(counts, key=lambda path: (-counts[path], path))


def test_bug_triage_looks_into_real_code_and_history_and_asks_a_person(tmp_path: Path) -> None:
    result, report = triaged(tmp_path, {}, "--answer", "ask=no")
    outputs = result["outputs"]
    assert (outputs["lane"], outputs["risk"], outputs["incident"], outputs["accepted"]) == ("normal", 6.0, "no", True)
    suspect = most_mentioning("wait")
    assert outputs["suspects"][0] == suspect
    assert f"1. `{suspect}`: " in report
    assert "lines mention 'wait'; last changed by " in report
    assert "Start" in report  # the one commit of the repository


def test_bug_triage_puts_a_small_risk_into_the_backlog_without_asking(tmp_path: Path) -> None:
    result, report = triaged(tmp_path, {"triage": [triage(7.0, 0.5, "low")]})
    assert (result["outputs"]["lane"], result["outputs"]["incident"]) == ("backlog", "not asked")
    assert "None: nobody looked into it." in report


def test_bug_triage_stops_revising_a_fix_after_its_rounds(tmp_path: Path) -> None:
    refusal = {"reply": {"approved": True, "score": 0.7, "comment": "not yet"}}
    replies = {"triage": [triage(9.5, 0.9)], "propose": ["wait", "lock", "both"], "review": [refusal] * 3}
    result, report = triaged(tmp_path, replies, "--answer", "ask=yes")
    assert (result["outputs"]["lane"], result["outputs"]["accepted"]) == ("urgent", False)
    assert "## Proposed fix (not accepted after 3 reviews)\n\nboth" in report
