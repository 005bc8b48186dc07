"""The mock file or the cassette in use: no run writes over it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import runner
from tests.acceptance.command_line import wf

FLOW = """
wf: 1
name: over
permissions: {read: [.], write: [.]}
nodes:
  write: {write: "out/tape.yaml", content: "taken over", on_error: continue, next: edit}
  edit: {tool: files/write, with: {path: "tape.yaml", content: "taken over"}}
"""
ASKING = FLOW.replace("nodes:", "nodes:\n  ask: {human: {prompt: Go on?}, next: write}")
MOCK = "{}\n"
TAPE = "cassette: 1\nworkflow: over\ncalls: []\n"
WORDS = "'tape.yaml' may not be written: it is this run's mock file or cassette"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "flow.yaml").write_text(FLOW)
    (tmp_path / "out").mkdir()
    return tmp_path


def refusals(project: Path) -> list[str]:
    """Why what the run last begun wanted to write was not written."""
    events = map(json.loads, wf(project, "logs", "last", "--json").stdout.splitlines())
    return [event["error"]["message"] for event in events if event["type"] == "step_ended" and event.get("error")]


@pytest.mark.parametrize(("option", "text"), [("--mock", MOCK), ("--replay", TAPE), ("--record", TAPE)])
def test_no_run_writes_over_its_mock_file_or_cassette(project: Path, option: str, text: str) -> None:
    (project / "tape.yaml").write_text(text)
    (project / "out/tape.yaml").symlink_to("../tape.yaml")

    wf(project, "run", "flow.yaml", option, "tape.yaml", code=1)

    by_link, by_name = refusals(project)
    assert "it is this run's mock file or cassette" in by_link
    assert by_name == WORDS
    assert "taken over" not in (project / "tape.yaml").read_text()


@pytest.mark.parametrize(
    ("begun", "resumed"),
    [
        ((), ("--mock", "tape.yaml")),
        ((), ("--replay", "tape.yaml")),
        ((), ("--record", "tape.yaml")),
        (("--record", "tape.yaml"), ()),
    ],
)
def test_nor_once_it_is_resumed(project: Path, begun: tuple[str, ...], resumed: tuple[str, ...]) -> None:
    (project / "flow.yaml").write_text(ASKING)
    (project / "tape.yaml").write_text(MOCK if "--mock" in resumed else TAPE)
    wf(project, "run", "flow.yaml", *begun, "--no-input", code=3)

    wf(project, "resume", "last", *resumed, "--answer", "ask=yes", code=1)

    assert refusals(project)[-1] == WORDS
    assert "taken over" not in (project / "tape.yaml").read_text()


def test_nor_is_the_mock_file_that_a_program_names_written(project: Path) -> None:
    (project / "tape.yaml").write_text(MOCK)

    result = runner.run(project / "flow.yaml", mock=project / "tape.yaml")

    assert result.error is not None
    assert result.error["message"] == WORDS
