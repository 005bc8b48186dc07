"""The commands that messages advise work where they are pasted: they name the database that the command was given."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.acceptance.command_line import wf, write

DB = ("--db", "kept runs/shop.db")
ASKS = """\
wf: 1
name: shop
permissions: {commands: [sh]}
nodes:
  size: {human: {prompt: "Size?", choices: ["-1", large]}, next: cut}
  cut: {script: "test -e cloth", next: pay}
  pay: {human: {prompt: "Pay?"}}
"""
_ADVISED = re.compile(r"wf [a-z]+ [^`;:\n]*?--db '[^']+'(?: -- \S+)?")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A run that waits for a person, in a database that has to be named."""
    (tmp_path / DB[1]).parent.mkdir()
    write(tmp_path, "my shop.yaml", ASKS)
    wf(tmp_path, "run", "my shop.yaml", "--run-id", "r", "--no-input", *DB, code=3)
    return tmp_path


def advised(folder: Path, *words: str, code: int = 2) -> list[list[str]]:
    """The commands that a command advises: each as its words. One that names no database is none of them."""
    said = wf(folder, *words, *DB, code=code)
    return [shlex.split(found)[1:] for found in _ADVISED.findall(said.stderr + said.stdout)]


def failed(folder: Path) -> None:
    """Let the run go on to the step that fails."""
    wf(folder, "answer", "r", "size", "large", "--resume", "--no-input", *DB, code=1)


def test_a_run_that_waits_names_the_database_before_an_answer_that_begins_with_a_dash(shop: Path) -> None:
    [command] = advised(shop, "show", "r", code=0)
    assert command == ["answer", "r", "size", "--resume", *DB, "--", "-1"]
    wf(shop, *command[:4], "--no-input", *command[4:], code=1)


def test_a_paused_run_is_not_retried_but_resumed(shop: Path) -> None:
    assert advised(shop, "retry", "r") == [["resume", "r", *DB]]
    wf(shop, "resume", "r", *DB, "--no-input", code=3)


def test_a_failed_run_is_not_resumed_but_retried(shop: Path) -> None:
    failed(shop)
    [command] = advised(shop, "resume", "r")
    assert command == ["retry", "r", *DB]
    write(shop, "cloth", "")
    wf(shop, *command, "--no-input", code=3)


def test_a_question_that_is_not_the_same_names_the_checkpoint_before_it(shop: Path) -> None:
    write(shop, "my shop.yaml", ASKS.replace('"Size?"', '"Which size?"'))
    [command] = advised(shop, "resume", "r", "--workflow", "my shop.yaml")
    assert command[0] == "fork"
    assert command[2:] == ["--workflow", "my shop.yaml", *DB]
    wf(shop, *command, "--no-input", code=3)


def test_a_step_that_is_not_the_same_names_the_checkpoint_to_fork_at(shop: Path) -> None:
    failed(shop)
    write(shop, "cloth", "")
    wf(shop, "retry", "r", "--run-id", "again", "--no-input", *DB, code=3)
    write(shop, "my shop.yaml", ASKS.replace("test -e cloth", "true"))
    [command] = advised(shop, "resume", "again", "--workflow", "my shop.yaml")
    assert command == ["fork", command[1], "--workflow", "my shop.yaml", *DB]
    wf(shop, *command, "--no-input", code=3)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("show", "nobody"), ["runs"]),
        (("show", ""), ["runs"]),
        (("pause", "r"), ["show r"]),
        (("fork", "@1"), ["checkpoints RUN"]),
        (("fork", "r@900"), ["checkpoints r"]),
        (("fork", "r@1", "--set", "size=1"), ["state RUN@N"]),
        (("state", "no@such@place"), ["checkpoints RUN"]),
        (("diff", "nothing@1", "other@1"), ["runs", "workflows"]),
    ],
)
def test_a_refusal_names_the_database_in_each_command(shop: Path, words: tuple[str, ...], expected: list[str]) -> None:
    assert [" ".join(command) for command in advised(shop, *words)] == [" ".join([some, *DB]) for some in expected]


def test_a_run_that_ended_names_the_database_in_what_can_be_done(shop: Path) -> None:
    wf(shop, "cancel", "r", *DB)
    assert advised(shop, "retry", "r") == [["fork", "r@N", *DB], ["checkpoints", "r", *DB]]


def test_a_database_that_the_environment_names_is_named_too(shop: Path) -> None:
    said = wf(shop, "retry", "r", code=2, environment={"WF_DB": DB[1]}).stderr
    assert f"wf resume r --db '{DB[1]}' goes on with it" in said


def test_a_database_that_every_command_finds_is_not_named(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", ASKS)
    wf(tmp_path, "run", "flow.yaml", "--run-id", "r", "--no-input", code=3)
    assert "help: wf resume r goes on with it" in wf(tmp_path, "retry", "r", code=2).stderr
