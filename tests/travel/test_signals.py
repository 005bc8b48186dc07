"""Signals and pauses from other processes, to runs that live and runs that do not."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from tests.acceptance import command_line
from tests.travel.test_retries import WF, document, flow, wf

WAITING = """
wf: 1
name: waiting
inputs: {version: {type: string, default: "1"}}
nodes:
  first: {wait: {signal: deployed, match: data.version == inputs.version}, next: second}
  second: {wait: {any: {ack: {signal: ack}, late: {for: 1h}}}, next: third}
  third: {wait: {signal: gone}, timeout: 1ms, on_error: [{when: error.type == 'signal_timeout', to: done}]}
  done: {}
outputs: {first: "{{ nodes.first.output }}", second: "{{ nodes.second.output }}"}
"""


@pytest.fixture
def paused(tmp_path: Path) -> Path:
    """A folder with the run `r`, which waits for its first signal."""
    flow(tmp_path, WAITING)
    result = document(tmp_path, "run", "flow.yaml", "--run-id", "r", "--no-input", code=3)
    assert result["waiting"] == [
        {"step": "first", "kind": "signal", "prompt": "", "command": "wf signal r deployed --resume"}
    ]
    return tmp_path


def test_signals_are_kept_and_taken_oldest_first_by_the_wait_that_they_match(paused: Path) -> None:
    wf(paused, "signal", "r", "ack", '{"by": "early"}')
    wf(paused, "signal", "r", "ack", '{"by": "later"}')
    wf(paused, "signal", "r", "deployed", '{"version": "0"}')
    assert document(paused, "resume", "r", "--no-input", code=3)["waiting"][0]["step"] == "first"
    result = document(paused, "signal", "r", "deployed", '{"version": "1"}', "--resume")
    assert result["outputs"] == {
        "first": {"by": "signal", "data": {"version": "1"}},
        "second": {"by": "ack", "data": {"by": "early"}},
    }


def test_a_signal_that_match_can_not_be_asked_of_is_kept(paused: Path) -> None:
    result = document(paused, "signal", "r", "deployed", "1", "--resume", code=3)
    assert "first" in [wait["step"] for wait in result["waiting"]]
    assert "is kept: first: " in wf(paused, "show", "r")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("r", "deployed", "{"), "is no JSON"),
        (("r", ""), "a signal's name has 1 to 200 characters"),
        (("nope", "deployed"), "no run 'nope'"),
    ],
)
def test_a_signal_that_can_not_be_sent_is_refused(paused: Path, words: tuple[str, ...], said: str) -> None:
    assert said in wf(paused, "signal", *words, code=2)


def test_nothing_is_sent_to_a_run_that_has_ended(tmp_path: Path) -> None:
    flow(tmp_path, "wf: 1\nname: ended\nnodes: {a: {}}\n")
    wf(tmp_path, "run", "flow.yaml")
    assert "has ended: completed" in wf(tmp_path, "signal", "last", "x", code=2)
    assert "is completed" in wf(tmp_path, "pause", "last", code=2)


LIVE = """
wf: 1
name: live
permissions: {commands: [sh]}
nodes:
  both:
    parallel:
      loud: {script: "echo started; exec 3<gate; read line <&3"}
      quiet: {wait: {signal: go}}
    next: after
  after: {}
outputs: {by: "{{ nodes.both.output.quiet.by }}"}
"""


@contextmanager
def live_run(folder: Path) -> Iterator[IO[str]]:
    """The events of the live run `r`, whose first branch waits for somebody to write into the pipe `gate`."""
    flow(folder, LIVE)
    subprocess.run(["mkfifo", folder / "gate"], check=True)
    command = [str(WF), "run", "flow.yaml", "--run-id", "r", "--events"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        until(run.stdout, "step_waiting")
        yield run.stdout


def until(events: IO[str], type_: str) -> None:
    """Read on until an event of that type."""
    for line in events:
        if json.loads(line)["type"] == type_:
            return
    raise AssertionError(f"no {type_} came")


def test_a_signal_that_nothing_waits_for_is_kept_and_that_is_said(paused: Path) -> None:
    sent = command_line.wf(paused, "signal", "r", "deploied").stderr
    assert sent.splitlines() == [
        "nothing waits for 'deploied' now, but for: deployed; it is kept until something does",
        "the signal 'deploied' for run r is recorded; go on with: wf resume r",
    ]
    told = document(paused, "signal", "r", "deployed", '{"version": "0"}')
    assert (told["status"], told["waiting"][0]["step"]) == ("paused", "first")


def test_a_live_run_takes_a_signal_by_itself(tmp_path: Path) -> None:
    with live_run(tmp_path) as events:
        wf(tmp_path, "signal", "r", "go")
        until(events, "step_ended")
        (tmp_path / "gate").write_text("on\n")
        until(events, "run_ended")
    assert document(tmp_path, "show", "r")["outputs"] == {"by": "signal"}


def test_a_live_run_pauses_once_what_is_in_flight_has_ended(tmp_path: Path) -> None:
    with live_run(tmp_path) as events:
        wf(tmp_path, "pause", "r")
        (tmp_path / "gate").write_text("on\n")
        until(events, "run_paused")
    shown = document(tmp_path, "show", "r")
    assert shown["status"] == "paused"
    assert {row["step"]: row["status"] for row in shown["steps"]}["both/loud"] == "completed"
    assert "run r is paused" in wf(tmp_path, "pause", "r", code=2)
    assert document(tmp_path, "signal", "r", "go", "--resume")["outputs"] == {"by": "signal"}
