"""The engine from Python, as its users write it: typed, which the type checker sees here."""

from __future__ import annotations

import asyncio
import inspect
from pathlib import Path

import pytest

import runner
from runner import InvalidWorkflow, RunResult, UsageError, arun, load, run
from tests.acceptance.command_line import wf, write

FLOW = """
wf: 1
name: flow
inputs: {topic: {type: string}}
models: {fast: openai/gpt-4o-mini}
agents: {writer: {model: fast}}
nodes:
  write: {agent: writer, prompt: "{{ inputs.topic }}", next: approve}
  approve: {human: {prompt: "Good?", choices: ["yes", "no"]}}
outputs: {text: "{{ nodes.write.output }}", good: "{{ nodes.approve.output }}"}
"""


@pytest.fixture
def flow(tmp_path: Path) -> Path:
    write(tmp_path, "replies.yaml", "write: [a text]\n")
    return write(tmp_path, "flow.yaml", FLOW)


def test_a_workflow_is_run_and_its_result_is_typed(flow: Path) -> None:
    result: RunResult = run(flow, {"topic": "tea"}, mock=flow.parent / "replies.yaml", answers={"approve": "yes"})
    assert (result.status, dict(result.outputs), result.error) == ("completed", {"text": "a text", "good": "yes"}, None)
    assert (result.workflow, result.tokens, result.cost_usd, result.refused) == ("flow", 0, 0.0, "")


def test_a_loaded_workflow_is_run_again_and_again_within_a_loop_of_ones_own(flow: Path) -> None:
    loaded = load(flow)

    async def twice() -> list[str]:
        runs = (arun(loaded, {"topic": topic}, mock=flow.parent / "replies.yaml") for topic in ("tea", "salt"))
        return [result.status for result in await asyncio.gather(*runs)]

    assert asyncio.run(twice()) == ["paused", "paused"]


def test_a_waiting_run_is_kept_and_goes_on_from_the_command_line(flow: Path) -> None:
    folder = flow.parent
    result = run(flow, {"topic": "tea"}, mock=folder / "replies.yaml", db=folder / "x.db", run_id="r")
    assert [waiting.step for waiting in result.waiting] == ["approve"]
    assert "good: no" in wf(folder, "answer", "r", "approve", "no", "--resume", "--db", "x.db").stdout


def test_a_wrong_answer_makes_no_run(flow: Path) -> None:
    with pytest.raises(UsageError, match="'maybe' is no answer to 'approve'"):
        run(
            flow,
            {"topic": "tea"},
            mock=flow.parent / "replies.yaml",
            answers={"approve": "maybe"},
            db=flow.parent / "x",
        )
    assert not (flow.parent / "x").exists()


def test_a_failed_run_is_a_result(flow: Path) -> None:
    failing = write(flow.parent, "failing.yaml", "wf: 1\nname: failing\nnodes: {a: {end: failed, message: no}}\n")
    result = run(failing)
    assert result.error is not None
    assert (result.status, result.error["message"]) == ("failed", "no")


def test_what_can_not_run_raises(flow: Path) -> None:
    with pytest.raises(UsageError, match="input 'topic' is required"):
        run(flow)
    with pytest.raises(UsageError, match="'fsat' is no model here"):
        run(flow, {"topic": "tea"}, models={"fsat": "openai/x"})
    with pytest.raises(UsageError, match="'aprove' asks nobody"):
        run(flow, {"topic": "tea"}, answers={"aprove": "yes"})
    with pytest.raises(InvalidWorkflow) as invalid:
        load(write(flow.parent, "broken.yaml", "wf: 1\nname: broken\nnodes: {a: {next: b}, c: {next: d}}\n"))
    assert [problem.place is not None and problem.place.line for problem in invalid.value.problems] == [3] * len(
        invalid.value.problems
    )


def test_programs_may_be_allowed_for_one_use(flow: Path) -> None:
    gated = write(flow.parent, "gated.yaml", 'wf: 1\nname: gated\nnodes: {a: {command: [sh, -c, "exit 0"]}}\n')
    with pytest.raises(InvalidWorkflow, match="sh"):
        load(gated)
    assert run(gated, allow={"commands": ["sh"]}).status == "completed"


@pytest.mark.parametrize("name", runner.__all__)
def test_every_public_name_is_there_and_says_what_it_is(name: str) -> None:
    assert inspect.getdoc(getattr(runner, name))


def test_the_synchronous_door_takes_what_the_other_takes() -> None:
    assert inspect.signature(run) == inspect.signature(arun)
