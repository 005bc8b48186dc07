"""`--deny`: what a run may not do, whatever its files allow."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.command_line import wf

FLOW = """
wf: 1
name: denied
permissions: {commands: [cat, echo], read: [.], write: [out], env: [WF_TEST_VARIABLE], python: [.]}
inputs: {program: {type: string, default: cat}}
tools: {count: {python: "sub/tools.py:count"}}
nodes:
  ask: {human: {prompt: x, choices: [go]}, next: look}
  look: {read: notes/a.txt, next: keep}
  keep: {write: out/b.txt, content: x, next: start}
  start: {command: ["{{ inputs.program }}", notes/a.txt], next: count}
  count: {tool: count, with: {text: x}, next: pass}
  pass: {command: [echo, x], env: {SET: "1"}, next: inner}
  inner: {workflow: inner.yaml}
"""
INNER = "wf: 1\nname: inner\npermissions: {read: [.]}\nnodes: {look: {read: notes/inner.txt}}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("notes", "sub"):
        (tmp_path / name).mkdir()
    for name in ("a", "inner"):
        (tmp_path / "notes" / f"{name}.txt").write_text(name)
    (tmp_path / "sub" / "tools.py").write_text("def count(text: str) -> int:\n    return len(text)\n")
    (tmp_path / "flow.yaml").write_text(FLOW)
    (tmp_path / "inner.yaml").write_text(INNER)
    return tmp_path


def test_without_it_all_of_it_is_done(folder: Path) -> None:
    wf(folder, "run", "flow.yaml", "--answer", "ask=go", "--no-input")


@pytest.mark.parametrize(
    ("denied", "words"),
    [
        ("read:notes", "permission_denied at look: 'notes/a.txt' may not be read; it is denied by --deny"),
        ("read:notes/a.txt", "permission_denied at look: 'notes/a.txt' may not be read; it is denied by --deny"),
        ("write:out", "permission_denied at keep: 'out/b.txt' may not be written; it is denied by --deny"),
        ("commands:cat", "permission_denied at start: program 'cat' is not permitted"),
        ("read:notes/inner.txt", "'notes/inner.txt' may not be read; it is denied by --deny"),
    ],
)
@pytest.mark.parametrize("paused", [False, True])
def test_what_is_denied_is_refused_whatever_allows_it(folder: Path, denied: str, words: str, *, paused: bool) -> None:
    kind, _, value = denied.partition(":")
    options = ("--deny", denied, "--allow", f"{kind}:{value}", "--run-id", "r", "--no-input")
    if paused:
        wf(folder, "run", "flow.yaml", *options, code=3)
        done = wf(folder, "answer", "r", "ask", "go", "--resume", code=1)
    else:
        done = wf(folder, "run", "flow.yaml", *options, "--answer", "ask=go", code=1)

    assert words in done.stderr
    assert "denied by --deny" in done.stderr


@pytest.mark.parametrize("denied", ["commands:echo", "python:sub", "python:sub/tools.py"])
def test_what_can_be_seen_in_the_file_is_refused_before_the_run(folder: Path, denied: str) -> None:
    done = wf(folder, "run", "flow.yaml", "--deny", denied, code=2)

    assert "it is denied by --deny" in done.stderr
    assert wf(folder, "runs").stderr.startswith("no runs")


def test_a_program_is_denied_by_name_and_by_place(folder: Path) -> None:
    """The name stands for the place where PATH finds it."""
    path = next(place for place in ("/usr/bin/cat", "/bin/cat") if Path(place).exists())
    options = ("--answer", "ask=go", "--no-input")

    by_name = wf(folder, "run", "flow.yaml", *options, "-i", f"program={path}", "--deny", "commands:cat", code=1)
    by_place = wf(folder, "run", "flow.yaml", *options, "--deny", f"commands:{path}", code=1)

    assert "is not permitted; it is denied by --deny" in by_name.stderr + by_place.stderr


def test_a_variable_is_denied(folder: Path) -> None:
    (folder / "flow.yaml").write_text(FLOW.replace('env: {SET: "1"}', "env: [WF_TEST_VARIABLE]"))

    done = wf(folder, "run", "flow.yaml", "--deny", "env:WF_TEST_VARIABLE", code=2)

    assert "it is denied by --deny" in done.stderr


def test_forks_and_retries_keep_it(folder: Path) -> None:
    wf(folder, "run", "flow.yaml", "--deny", "read:notes", "--answer", "ask=go", "--no-input", "--run-id", "r", code=1)

    for words in (("retry", "r"), ("retry", "r", "--workflow", "flow.yaml"), ("retry", "r", "--allow", "read:notes")):
        assert "denied by --deny" in wf(folder, *words, "--no-input", code=1).stderr


@pytest.mark.parametrize("pair", ["x", "files:x", "read:", "read"])
def test_what_is_no_pair_is_refused(folder: Path, pair: str) -> None:
    done = wf(folder, "run", "flow.yaml", "--deny", pair, code=2)

    assert f"--deny {pair}: not of the form KIND:VALUE" in done.stderr


@pytest.mark.parametrize(
    "value", ["network:*", "network:*.", "network:http://shop.example", "network:127.0.0.0/8", "env:A=b"]
)
@pytest.mark.parametrize("option", ["--allow", "--deny"])
def test_what_no_file_could_list_is_refused(folder: Path, option: str, value: str) -> None:
    """Who denies what stands for nothing would believe that it is denied."""
    done = wf(folder, "run", "flow.yaml", option, value, code=2)

    assert f"{option} {value}: expected" in done.stderr
    assert wf(folder, "runs").stderr.startswith("no runs")
