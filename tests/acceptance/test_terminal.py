"""`wf run` in a terminal: progress, questions, keys; and what a terminal must never be sent."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect

from tests.acceptance.command_line import PATIENCE, WF, wf, write

ASKING = """
wf: 1
name: asking
permissions: {commands: [sh]}
nodes:
  work: {script: "echo begun > began; read line < gate", next: approve}
  approve: {human: {prompt: "Ship\\e[31m it?\\e]0;title\\a", choices: ["yes", "no"]}}
outputs: {answer: "{{ nodes.approve.output }}"}
"""
TOGETHER = """
wf: 1
name: together
permissions: {commands: [sh]}
nodes:
  both:
    parallel:
      ask: {human: {prompt: "Name?"}}
      work: {steps: [{id: first, script: "read line < gate"}, {id: second, script: "echo begun > began"}]}
outputs: {name: "{{ nodes.both.output.ask }}"}
"""
SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


@contextmanager
def terminal(folder: Path, *words: str, **environment: str) -> Iterator[pexpect.spawn]:
    """A command in a terminal of its own."""
    shown = {**os.environ, "TERM": "xterm", **environment}
    child = pexpect.spawn(
        str(WF), list(words), cwd=folder, env=shown, encoding="utf-8", dimensions=(30, 100), timeout=PATIENCE
    )
    try:
        yield child
    finally:
        child.close(force=True)


def gates(folder: Path, text: str) -> None:
    write(folder, "flow.yaml", text)
    for name in ("began", "gate"):
        os.mkfifo(folder / name)


def begun(folder: Path) -> None:
    (folder / "began").read_text(encoding="utf-8")


def go(folder: Path) -> None:
    (folder / "gate").write_text("go\n", encoding="utf-8")


def code(child: pexpect.spawn) -> int:
    """How the command ended."""
    child.expect(pexpect.EOF)
    child.close()
    return int(child.exitstatus)


def test_progress_is_live_and_a_person_is_asked_until_an_answer_fits(tmp_path: Path) -> None:
    gates(tmp_path, ASKING)
    with terminal(tmp_path, "run", "flow.yaml") as child:
        begun(tmp_path)
        child.expect("▸.*work.*1 s")  # the clock goes on while nothing happens
        go(tmp_path)
        child.expect("approve> ")
        before = child.before
        child.sendline("maybe")
        child.expect("answer one of: yes, no")
        child.expect("approve> ")
        child.sendline("2")
        child.expect("answer: no")
        child.expect("completed: 2 steps")
        assert code(child) == 0
    said = SEQUENCE.sub("", before)
    assert "✓ work (" in said
    assert "Ship it?\r\n" in said
    assert "  1. yes\r\n  2. no\r\n" in said
    assert "title" not in before


def test_a_question_is_asked_at_once_and_progress_is_held_back_meanwhile(tmp_path: Path) -> None:
    gates(tmp_path, TOGETHER)
    with terminal(tmp_path, "run", "flow.yaml") as child:
        child.expect("both/ask> ")
        go(tmp_path)
        begun(tmp_path)
        child.send("An")
        child.sendline("n")
        child.expect("✓ both/ask")
        between = SEQUENCE.sub("", child.before)
        child.expect("name: Ann")
        assert code(child) == 0
    assert between.strip().startswith("Ann")


def test_a_closed_terminal_leaves_the_run_waiting_with_the_command_that_answers(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", "wf: 1\nname: asks\nnodes: {ask: {human: {prompt: Name?}}}\n")
    with terminal(tmp_path, "run", "flow.yaml", "--run-id", "r") as child:
        child.expect("ask> ")
        child.sendeof()
        child.expect("wf answer r ask VALUE --resume")
        assert code(child) == 3


def test_a_key_stops_a_run_that_asks(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", "wf: 1\nname: asks\nnodes: {ask: {human: {prompt: Name?}}}\n")
    with terminal(tmp_path, "run", "flow.yaml", "--run-id", "r") as child:
        child.expect("ask> ")
        child.sendintr()
        child.expect("stopping")
        assert code(child) == 130
    assert wf(tmp_path, "answer", "r", "ask", "Ann", "--resume").code == 0


def test_a_question_that_is_answered_elsewhere_is_asked_no_longer(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", "wf: 1\nname: asks\nnodes: {ask: {human: {prompt: Name?}}}\n")
    with terminal(tmp_path, "run", "flow.yaml", "--run-id", "r") as child:
        child.expect("ask> ")
        wf(tmp_path, "answer", "r", "ask", "Ann")
        child.expect("✓ ask")
        assert code(child) == 0


def test_an_answer_that_is_not_taken_is_told_in_the_terminal(tmp_path: Path) -> None:
    race = "{parallel: {ann: {human: {prompt: Ann?}}, bob: {human: {prompt: Bob?}}}, join: any}"
    write(tmp_path, "flow.yaml", f"wf: 1\nname: asks\nnodes: {{both: {race}}}\n")
    wf(tmp_path, "run", "flow.yaml", "--run-id", "r", code=3)
    wf(tmp_path, "answer", "r", "ann", "me")
    wf(tmp_path, "answer", "r", "bob", "\x1b[31mno, me")
    with terminal(tmp_path, "resume", "r") as child:
        child.expect("warning: the answer 'no, me' for step both/bob was not taken")
        assert code(child) == 0


def test_without_colours_there_are_none(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", "wf: 1\nname: plain\nnodes: {a: {end: failed}}\n")
    with terminal(tmp_path, "run", "flow.yaml", NO_COLOR="1") as child:
        assert code(child) == 1
        assert not re.search(r"\x1b\[[0-9;]*3[0-9]", child.before)


def test_a_terminal_that_can_do_nothing_gets_plain_lines(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", "wf: 1\nname: plain\npermissions: {commands: [sh]}\nnodes: {a: {script: 'true'}}\n")
    with terminal(tmp_path, "run", "flow.yaml", TERM="dumb") as child:
        assert code(child) == 0
        assert "\x1b" not in child.before
        assert "✓ a" in child.before


def test_nobody_is_asked_where_nobody_wants_to_be(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", "wf: 1\nname: asks\nnodes: {ask: {human: {prompt: Name?}}}\n")
    for words in (["--no-input"], ["--json"], ["--events"]):
        with terminal(tmp_path, "run", "flow.yaml", *words) as child:
            assert code(child) == 3


def test_a_quiet_run_asks_and_shows_nothing_else(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", "wf: 1\nname: asks\nnodes: {a: {next: ask}, ask: {human: {prompt: Name?}}}\n")
    with terminal(tmp_path, "run", "flow.yaml", "--quiet") as child:
        child.expect("ask> ")
        assert SEQUENCE.sub("", child.before).strip() == "Name?"
        child.sendline("Ann")
        assert code(child) == 0
