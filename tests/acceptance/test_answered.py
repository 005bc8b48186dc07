"""Who answered: a person, or nobody in time; an answer that is recorded; a signal that no wait takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.command_line import wf, write

ASKS = """\
wf: 1
name: harvest
nodes:
  pick: {human: {prompt: "Pick?", choices: ["yes", "no"], otherwise: "no"}, timeout: TIME, next: rest}
  rest: {human: {prompt: "Rest?"}}
"""


def waiting(folder: Path, text: str) -> None:
    """A run `r` that waits."""
    write(folder, "flow.yaml", text)
    wf(folder, "run", "flow.yaml", "--run-id", "r", "--no-input", code=3)


def told(folder: Path, run: str = "r") -> dict[str, bool]:
    """By step, whether the document of a run says that nobody answered it in time."""
    steps = wf(folder, "show", run, "--json").document["steps"]
    return {step["step"]: step.get("unanswered", False) for step in steps}


def test_an_answer_that_came_by_itself_is_told_from_a_persons(tmp_path: Path) -> None:
    waiting(tmp_path, ASKS.replace("TIME", "1ms"))
    assert told(tmp_path) == {"pick": True, "rest": False}
    shown = wf(tmp_path, "show", "r").stdout
    assert "    nobody answered in time: no is what `otherwise` says\n" in shown
    assert "nobody answered in time" in wf(tmp_path, "logs", "r").stdout


def test_a_persons_no_is_told_as_theirs(tmp_path: Path) -> None:
    waiting(tmp_path, ASKS.replace("TIME", "1h"))
    wf(tmp_path, "answer", "r", "pick", "no", "--resume", "--no-input", code=3)
    assert told(tmp_path) == {"pick": False, "rest": False}
    assert "nobody answered" not in wf(tmp_path, "show", "r").stdout + wf(tmp_path, "logs", "r").stdout


def test_a_fork_tells_what_came_by_itself_in_its_past(tmp_path: Path) -> None:
    waiting(tmp_path, ASKS.replace("TIME", "1ms"))
    wf(tmp_path, "fork", "r", "--run-id", "later", "--no-input", code=3)
    assert told(tmp_path, "later")["pick"]


def test_a_recorded_answer_is_told_until_the_run_takes_it(tmp_path: Path) -> None:
    waiting(tmp_path, ASKS.replace("TIME", "1h"))
    sent = wf(tmp_path, "answer", "r", "pick", "yes", "--json").document["waiting"]
    assert sent == [
        {"step": "pick", "kind": "human", "prompt": "Pick?", "command": "wf resume r", "answered": True},
    ]
    assert wf(tmp_path, "show", "r", "--json").document["waiting"] == sent
    shown = wf(tmp_path, "show", "r").stdout
    assert (
        ": Pick?\n          its answer is recorded; the run takes it as it goes on:\n          wf resume r\n" in shown
    )
    assert "wf answer" not in shown
    wf(tmp_path, "resume", "r", "--no-input", code=3)
    shown = wf(tmp_path, "show", "r").stdout
    assert "recorded" not in shown
    assert "wf answer r rest VALUE --resume" in shown
    assert "answered" not in wf(tmp_path, "show", "r", "--json").document["waiting"][0]


WAITS = """\
wf: 1
name: harvest
HEAD
nodes: {w: {wait: {signal: weighed, match: MATCH}}}
"""


@pytest.mark.parametrize(
    ("match", "data", "why"),
    [
        ("data.kilos > 4", '{"kilos": 3}', "w: match does not hold"),
        ("data.kilos > 4", "7", "w: match can't be asked of it: "),
        ("data == run.id", '"other"', "w: match does not hold"),
    ],
)
def test_a_signal_that_match_refuses_is_recorded_and_the_sender_told(
    tmp_path: Path, match: str, data: str, why: str
) -> None:
    waiting(tmp_path, WAITS.replace("MATCH", match).replace("HEAD\n", ""))
    said = wf(tmp_path, "signal", "r", "weighed", data).stderr
    assert said.startswith(f"what waits for 'weighed' does not take it: {why}")
    assert "; it is kept until something does\n" in said
    assert len(wf(tmp_path, "show", "r", "--json").document["signals"]) == 1


@pytest.mark.parametrize(
    ("head", "match", "data"),
    [
        ("", "data.kilos > 4", '{"kilos": 5}'),
        ("inputs: {word: {type: string, secret: true}}\n", "data == inputs.word", '"hunter2-hunter2"'),
    ],
)
def test_nothing_is_said_of_a_signal_that_may_be_taken(tmp_path: Path, head: str, match: str, data: str) -> None:
    write(tmp_path, "flow.yaml", WAITS.replace("MATCH", match).replace("HEAD\n", head))
    given = ("-i", "word=hunter2-hunter2") if head else ()
    wf(tmp_path, "run", "flow.yaml", "--run-id", "r", "--no-input", *given, code=3)
    assert "does not take" not in wf(tmp_path, "signal", "r", "weighed", data).stderr
    assert wf(tmp_path, "resume", "r", *given).code == 0
