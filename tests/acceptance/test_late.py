"""What comes after a deadline is refused; what others send harms nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.command_line import wf, write

LATE = """
wf: 1
name: frost
nodes:
  cover: {human: {prompt: "Cover the beds?", choices: ["yes", "no"]OTHERWISE}, timeout: 300ms, on_error: exit}
outputs: {o: "{{ nodes.cover.output }}", e: "{{ nodes.cover.error.type if nodes.cover.error else none }}"}
"""


def passed(folder: Path, text: str) -> None:
    """Run a workflow as `r` until it waits; come back once its deadline has passed."""
    write(folder, "flow.yaml", text)
    wf(folder, "run", "flow.yaml", "--no-input", "--run-id", "r", "--wait-limit", "1ms", code=3)
    while wf(folder, "show", "r", "--json").document["waiting"][0]["command"] != "wf resume r":
        pass


@pytest.mark.parametrize("resuming", [(), ("--resume",), ("--resume", "--json")])
def test_an_answer_after_the_deadline_is_refused_and_not_recorded(tmp_path: Path, resuming: tuple[str, ...]) -> None:
    passed(tmp_path, LATE.replace("OTHERWISE", ', otherwise: "no"'))
    done = wf(tmp_path, "answer", "r", "cover", "yes", *resuming, code=2)
    assert "error: the time to answer 'cover' passed at 20" in done.stderr
    assert "  help: the run goes on without it: wf resume r\n" in done.stderr
    assert wf(tmp_path, "show", "r", "--json").document["status"] == "paused"
    assert wf(tmp_path, "resume", "r", "--json").document["outputs"] == {"o": "no", "e": None}


def test_a_signal_that_came_after_the_time_of_its_wait_is_told_to_have(tmp_path: Path) -> None:
    passed(tmp_path, "wf: 1\nname: w\nnodes: {w: {wait: {signal: rain}, timeout: 300ms}}\n")
    wf(tmp_path, "signal", "r", "rain", "1")
    assert "          is kept: w: it came after the time of the wait\n" in wf(tmp_path, "show", "r").stdout


def test_an_answer_given_with_resume_after_the_deadline_is_refused(tmp_path: Path) -> None:
    passed(tmp_path, LATE.replace("OTHERWISE", ', otherwise: "no"'))
    done = wf(tmp_path, "resume", "r", "--answer", "cover=yes", code=2)
    beforehand, words = done.stderr.split(": the time ")
    assert beforehand == "error: --answer cover=…"
    assert words in wf(tmp_path, "answer", "r", "cover", "yes", code=2).stderr
    assert words.endswith("\n  help: the run goes on without it: wf resume r\n")
    assert wf(tmp_path, "resume", "r", "--json").document["outputs"] == {"o": "no", "e": None}


def test_an_answer_given_with_resume_after_another_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", LATE.replace("OTHERWISE", "").replace("300ms", "1h"))
    wf(tmp_path, "run", "flow.yaml", "--no-input", "--run-id", "r", code=3)
    wf(tmp_path, "answer", "r", "cover", "no")
    said = wf(tmp_path, "resume", "r", "--answer", "cover=yes", code=2).stderr
    words = "'cover' has been answered already\n  help: the run goes on with that: wf resume r\n"
    assert said == f"error: --answer cover=…: {words}"
    assert wf(tmp_path, "answer", "r", "cover", "yes", code=2).stderr == f"error: {words}"
    assert wf(tmp_path, "resume", "r", "--json").document["outputs"] == {"o": "no", "e": None}


def test_an_answer_after_the_deadline_is_refused_where_nothing_stands_for_it(tmp_path: Path) -> None:
    passed(tmp_path, LATE.replace("OTHERWISE", ""))
    assert "passed at" in wf(tmp_path, "answer", "r", "cover", "yes", "--resume", code=2).stderr
    assert wf(tmp_path, "resume", "r", "--json").document["outputs"] == {"o": None, "e": "human_timeout"}


def test_a_wrong_answer_after_the_deadline_is_told_what_is_wrong_with_it(tmp_path: Path) -> None:
    passed(tmp_path, LATE.replace("OTHERWISE", ""))
    assert "'maybe' is no answer" in wf(tmp_path, "answer", "r", "cover", "maybe", code=2).stderr


def test_an_answer_in_time_counts_when_it_is_given_once_more_later(tmp_path: Path) -> None:
    text = LATE.replace("OTHERWISE", ', otherwise: "no"').replace("300ms", "3s")
    write(tmp_path, "flow.yaml", text)
    wf(tmp_path, "run", "flow.yaml", "--no-input", "--run-id", "r", "--wait-limit", "1ms", code=3)
    wf(tmp_path, "answer", "r", "cover", "yes")
    while wf(tmp_path, "show", "r", "--json").document["waiting"][0]["command"] != "wf resume r":
        pass
    done = wf(tmp_path, "answer", "r", "cover", "yes", "--resume", "--json")
    assert done.document["outputs"] == {"o": "yes", "e": None}


def test_nothing_waits_for_a_signal_once_the_time_of_its_wait_has_passed(tmp_path: Path) -> None:
    passed(
        tmp_path,
        "wf: 1\nname: w\nnodes: {w: {parallel: {a: {wait: {signal: rain}, timeout: 300ms, on_error: exit}}}}\n"
        "outputs: {s: '{{ nodes.w.results.a.status }}'}\n",
    )
    wf(tmp_path, "signal", "r", "rain")
    assert "a [wait] failed" in wf(tmp_path, "resume", "r").stdout + wf(tmp_path, "show", "r").stdout


FOREIGN = """
wf: 1
name: scale
inputs: {key: {type: string, default: ""}}
nodes:
  w:
    wait:
      any:
        heavy: {signal: weight, match: data.kg > 5}
        named: {signal: weight, match: 'data.name.startsWith("b")'}
outputs: {by: "{{ nodes.w.output.by }}"}
"""


@pytest.mark.parametrize("data", ['{"kg": 1}', '{"kg": "6"}', "[6]", "null", '"kg"', "6", '{"name": 6}', "{}"])
def test_a_signal_that_match_cannot_be_asked_of_is_kept_and_told(tmp_path: Path, data: str) -> None:
    write(tmp_path, "flow.yaml", FOREIGN)
    wf(tmp_path, "run", "flow.yaml", "--no-input", "--run-id", "r", code=3)
    wf(tmp_path, "signal", "r", "weight", data, "--resume", code=3)
    shown = wf(tmp_path, "show", "r")
    assert f"signal    weight {data}, sent 20" in shown.stdout
    assert "          is kept: w: match " in shown.stdout
    [kept] = wf(tmp_path, "show", "r", "--json").document["signals"]
    assert kept["name"] == "weight"
    assert wf(tmp_path, "signal", "r", "weight", '{"name": "box"}', "--resume").stdout == "by: named\n"


def test_of_a_run_with_secrets_the_data_of_a_signal_are_not_shown(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", FOREIGN.replace('{type: string, default: ""}', "{type: string, secret: true}"))
    wf(tmp_path, "run", "flow.yaml", "--no-input", "--run-id", "r", "-i", "key=a-long-secret", code=3)
    wf(tmp_path, "signal", "r", "weight", '{"kg": "a-long-secret"}')
    shown = wf(tmp_path, "show", "r").stdout + wf(tmp_path, "show", "r", "--json").stdout
    assert "is kept: no wait has taken it" in shown
    assert "a-long-secret" not in shown
