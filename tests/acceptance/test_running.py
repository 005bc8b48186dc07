"""`wf run`: inputs, choices, what is printed where, exit codes."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command_line import wf, write

ECHO = """
wf: 1
name: echo
permissions: {env: [ECHO_GIVEN]}
inputs:
  text: {type: string, default: a}
  number: {type: integer, default: 1}
  ratio: {type: number, default: 0.5}
  things: {type: array, default: []}
  anything: {default: null}
  level: {enum: [low, high], default: low}
  nullable: {type: [string, "null"], default: null}
  given: {type: integer, env: ECHO_GIVEN, default: 0}
nodes:
  only: {}
outputs: {all: "{{ inputs }}"}
"""
ASKING = """
wf: 1
name: asking
nodes:
  approve: {human: {prompt: "Ship it?", choices: ["yes", "no"]}}
outputs: {answer: "{{ nodes.approve.output }}"}
"""
WRITER = """
wf: 1
name: writer
inputs: {topic: {type: string, default: tea}}
models: {fast: openai/gpt-4o-mini, smart: anthropic/claude-sonnet-4-5}
agents:
  writer: {model: fast, instructions: Write.}
nodes:
  write: {agent: writer, prompt: "About {{ inputs.topic }}"}
outputs: {text: "{{ nodes.write.output }}"}
"""
REPLIES = "write: [one, two]\n"


def given(folder: Path, *words: str, stdin: str = "") -> Any:
    """The inputs that a run of ECHO had."""
    return wf(folder, "run", "echo.yaml", "--json", *words, stdin=stdin).document["outputs"]["all"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "echo.yaml", ECHO)
    write(tmp_path, "asking.yaml", ASKING)
    write(tmp_path, "writer.yaml", WRITER)
    write(tmp_path, "replies.yaml", REPLIES)
    return tmp_path


@pytest.mark.parametrize(
    ("pair", "value"),
    [
        ("text=7", "7"),
        ("text=", ""),
        ('text="quoted"', '"quoted"'),
        ("text=a=b", "a=b"),
        ("number=7", 7),
        ("ratio=2", 2.0),
        ('things=["a", 1, null]', ["a", 1, None]),
        ("anything=7", 7),
        ("anything=seven", "seven"),
        ('anything="seven"', "seven"),
        ('anything={"a": {"b": [1]}}', {"a": {"b": [1]}}),
        ("level=high", "high"),
        ("nullable=null", None),
        ("nullable=x", "x"),
        ('nullable="x"', "x"),
    ],
)
def test_an_input_is_text_if_its_type_is_string_else_json(folder: Path, pair: str, value: object) -> None:
    assert given(folder, "-i", pair)[pair.partition("=")[0]] == value


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        ("number=seven", "is of type integer, and 'seven' is no JSON"),
        ("number=", "'' is no JSON"),
        ("number=1.5", "input 'number' does not fit its schema"),
        ("number=99999999999999999999", "does not fit 64 bits"),
        ("ratio=NaN", "NaN is no JSON number"),
        ('things=[{"a": 1, "a": 2}]', "the key 'a' is given twice"),
        ('things=["\\ud800"]', "half of a character pair"),
        ("level=medium", "input 'level' does not fit its schema"),
        ("txet=a", "unknown input 'txet'; did you mean 'text'?"),
        ("text", "'text' is not of the form -i NAME=VALUE"),
        ("=x", "is not of the form -i NAME=VALUE"),
    ],
)
def test_a_bad_input_is_refused_and_no_run_is_made(folder: Path, pair: str, words: str) -> None:
    done = wf(folder, "run", "echo.yaml", "-i", pair, code=2)
    assert words in done.stderr
    assert done.stdout == ""
    assert not (folder / ".wf").exists()


def test_inputs_come_from_a_file_or_stdin_and_single_ones_win(folder: Path) -> None:
    content = '{"text": "file", "number": 2}'
    write(folder, "inputs.json", content)
    from_file = given(folder, "--inputs", "inputs.json", "-i", "number=3")
    assert (from_file["text"], from_file["number"]) == ("file", 3)
    assert given(folder, "--inputs", "-", "-i", "number=3", stdin=content) == from_file


@pytest.mark.parametrize("content", ["[1]", "{", '{"text": 1}', '{"nope": 1}', '{"number": "1"}', '{"ratio": NaN}'])
def test_a_bad_file_of_inputs_is_refused(folder: Path, content: str) -> None:
    done = wf(folder, "run", "echo.yaml", "--inputs", "-", "--json", stdin=content, code=2)
    assert done.document["status"] == "invalid"
    assert not (folder / ".wf").exists()


def test_an_input_is_taken_from_the_environment_unless_it_is_given(folder: Path) -> None:
    def value(*words: str, given: str) -> object:
        done = wf(folder, "run", "echo.yaml", "--json", *words, environment={"ECHO_GIVEN": given})
        return done.document["outputs"]["all"]["given"]

    assert value(given="5") == 5
    assert value("-i", "given=6", given="no number") == 6
    assert "input 'given'" in wf(folder, "run", "echo.yaml", code=2, environment={"ECHO_GIVEN": "x"}).stderr


def test_json_is_one_document_and_nothing_else(folder: Path) -> None:
    done = wf(folder, "run", "writer.yaml", "--mock", "replies.yaml", "--json", "--run-id", "r1")
    assert done.stderr == ""
    assert done.document == {
        "run": "r1",
        "workflow": "writer",
        "status": "completed",
        "outputs": {"text": "one"},
        "error": None,
        "waiting": [],
        "cost_usd": 0.0,
        "tokens": 0,
    }


def test_json_of_a_failed_run_has_its_error(folder: Path) -> None:
    write(folder, "failing.yaml", "wf: 1\nname: failing\nnodes: {stop: {end: failed, message: no luck}}\n")
    document = wf(folder, "run", "failing.yaml", "--json", code=1).document
    assert (document["status"], document["error"]["message"], document["outputs"]) == ("failed", "no luck", {})


def test_json_of_a_waiting_run_has_what_answers(folder: Path) -> None:
    document = wf(folder, "run", "asking.yaml", "--json", "--run-id", "r1", code=3).document
    command = "wf answer r1 approve yes --resume"
    assert document["waiting"] == [{"step": "approve", "kind": "human", "prompt": "Ship it?", "command": command}]


@pytest.mark.parametrize(
    ("words", "code", "status"),
    [
        (["run", "broken.yaml"], 2, "invalid"),
        (["run", "missing.yaml"], 2, "invalid"),
        (["run", "pattern:missing"], 2, "invalid"),
        (["run", "echo.yaml", "-i", "nope=1"], 2, "invalid"),
        (["run", "echo.yaml", "--nope"], 2, "invalid"),
        (["run"], 2, "invalid"),
        (["run", "echo.yaml", "--mock", "missing.yaml"], 2, "invalid"),
        (["run", "echo.yaml", "--wait-limit", "soon"], 2, "invalid"),
        (["run", "echo.yaml", "--concurrency", "0"], 2, "invalid"),
        (["run", "echo.yaml", "--run-id", "../x"], 2, "invalid"),
        (["run", "echo.yaml", "--events"], 2, "invalid"),
        (["run", "echo.yaml", "--db", "echo.yaml"], 5, "error"),
        (["resume", "missing"], 2, "invalid"),
        (["show", "missing"], 2, "invalid"),
        (["nope"], 2, "invalid"),
    ],
)
def test_json_says_why_nothing_was_run(folder: Path, words: list[str], code: int, status: str) -> None:
    write(folder, "broken.yaml", "wf: 1\nname: broken\nnodes: {a: {next: b}}\n")
    done = wf(folder, *words, "--json", code=code)
    assert done.document["status"] == status
    assert [problem["severity"] for problem in done.document["errors"]] == ["error"]
    assert done.document["errors"][0]["message"] in done.stderr


def test_the_errors_of_a_broken_file_have_their_places(folder: Path) -> None:
    write(folder, "broken.yaml", "wf: 1\nname: broken\nnodes:\n  a: {next: b}\n  c: {}\n")
    errors = wf(folder, "run", "broken.yaml", "--json", code=2).document["errors"]
    assert (errors[0]["file"], errors[0]["line"], errors[0]["column"]) == ("broken.yaml", 4, 13)


def test_warnings_are_told_and_the_run_goes_on(folder: Path) -> None:
    write(folder, "replies.yaml", "wirte: [a]\nwriter: [text]\n")
    done = wf(folder, "run", "writer.yaml", "--mock", "replies.yaml", "--json")
    assert "replies.yaml:1:1: warning: 'wirte' is no step, node or agent" in done.stderr
    assert done.document["status"] == "completed"


def test_outputs_are_printed_on_stdout_and_progress_on_stderr(folder: Path) -> None:
    done = wf(folder, "run", "writer.yaml", "--mock", "replies.yaml", "--run-id", "r1")
    assert done.stdout == "text: one\n"
    assert re.sub(r" \(\d+\.\d s\)", "", done.stderr).splitlines() == [  # what took long says so
        "run r1: writer",
        "✓ write/call#1",
        "✓ write",
        "run r1 completed: 1 step",
    ]


def test_a_quiet_run_prints_outputs_and_errors_alone(folder: Path) -> None:
    done = wf(folder, "run", "writer.yaml", "--mock", "replies.yaml", "--quiet")
    assert (done.stdout, done.stderr) == ("text: one\n", "")
    assert "wf answer" in wf(folder, "run", "asking.yaml", "--quiet", code=3).stderr


def test_events_are_lines_of_json_and_the_command_that_answers_is_still_told(folder: Path) -> None:
    done = wf(folder, "run", "asking.yaml", "--events", "--run-id", "r1", code=3)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["type"] == "run_paused"
    assert "wf answer r1 approve yes --resume" in done.stderr


def test_another_model_takes_the_place_of_an_alias(folder: Path) -> None:
    replies = ("--mock", "replies.yaml", "--run-id", "r1", "--quiet")
    wf(folder, "run", "writer.yaml", *replies, "--model", "fast=ollama/llama3.2")
    assert "(ollama/llama3.2)" in wf(folder, "show", "r1").stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model", "fsat=openai/x"], "'fsat' is no model here; did you mean 'fast'?"),
        (["--model", "fast=smrt"], "there is no model 'smrt'"),
        (["--model", "fast"], "not of the form --model ALIAS=MODEL"),
        (["--agent", "wirter=poet.yaml"], "there is no agent 'wirter' to replace; did you mean 'writer'?"),
        (["--agent", "writer=missing.yaml"], "can't read missing.yaml"),
        (["--agent", "writer=bad.yaml"], "bad.yaml:2:1: error: unknown key 'modle' in agent 'writer'"),
        (["--agent", "writer=tool.yaml"], "tool.yaml:1:9: error: tool 'search' does not exist"),
        (["--answer", "write=yes"], "'write' asks nobody"),
        (["--allow", "programs:git"], "not of the form KIND:VALUE"),
        (["--inputs", "missing.json"], "can't read missing.json"),
    ],
)
def test_a_part_that_the_workflow_does_not_have_is_refused(folder: Path, words: list[str], message: str) -> None:
    write(folder, "bad.yaml", "instructions: Write.\nmodle: fast\n")
    write(folder, "tool.yaml", "tools: [search]\nmodel: fast\n")
    assert message in wf(folder, "run", "writer.yaml", *words, code=2).stderr
    assert not (folder / ".wf").exists()


def test_an_agent_file_replaces_an_agent_for_this_run_and_its_resumption(folder: Path) -> None:
    write(
        folder,
        "flow.yaml",
        WRITER.replace("nodes:", "nodes:\n  ask: {human: {prompt: Go on?}, next: write}"),
    )
    (folder / "agents").mkdir()
    write(folder / "agents", "poet.yaml", "model: smart\ninstructions: {file: rhyme.md}\n")
    write(folder / "agents", "rhyme.md", "Rhyme about {{ inputs.topic }}.")
    words = ("--mock", "replies.yaml", "--agent", "writer=agents/poet.yaml", "--run-id", "r1", "--no-input")
    wf(folder, "run", "flow.yaml", *words, code=3)
    (folder / "agents" / "poet.yaml").unlink()
    wf(folder, "answer", "r1", "ask", "go", "--resume")
    [call] = wf(folder, "show", "r1", "--json").document["model_calls"]
    assert call["model"] == "anthropic/claude-sonnet-4-5"
    asked = wf(folder, "logs", "r1", "--json").stdout
    assert "Rhyme about tea." in asked


def test_what_is_allowed_for_a_run_is_allowed_when_it_goes_on_elsewhere(folder: Path) -> None:
    write(folder, "note.txt", "noted")
    write(
        folder,
        "flow.yaml",
        "wf: 1\nname: flow\nsteps:\n- human: {prompt: Go on?}\n- {id: note, read: note.txt}\n"
        'outputs: {text: "{{ nodes.note.output.text }}"}\n',
    )
    wf(folder, "run", "flow.yaml", "--allow", "read:.", "--run-id", "r1", "--no-input", code=3)
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    db = str(folder / ".wf" / "wf.db")
    assert wf(elsewhere, "answer", "r1", "s1", "go", "--resume", "--db", db).stdout == "text: noted\n"


def test_a_run_may_be_named_and_a_taken_id_is_refused(folder: Path) -> None:
    wf(folder, "run", "echo.yaml", "--run-id", "r1", "--quiet")
    assert "run 'r1' exists already" in wf(folder, "run", "echo.yaml", "-i", "given=1", "--run-id", "r1", code=2).stderr
    for bad in ("last", "-x", "a/b", "a" * 65, ""):
        assert "can't be a run's id" in wf(folder, "run", "echo.yaml", f"--run-id={bad}", code=2).stderr


def test_a_setting_is_a_flag_else_the_environment_else_the_config(folder: Path) -> None:
    (folder / ".wf").mkdir()
    write(folder / ".wf", "config.toml", 'db = "config.db"\nwait_limit = "1s"\ndurability = "normal"\n')
    wf(folder, "run", "echo.yaml", "--quiet")
    wf(folder, "run", "echo.yaml", "--quiet", environment={"WF_DB": "environment.db"})
    wf(folder, "run", "echo.yaml", "--quiet", "--db", "flag.db", environment={"WF_DB": "environment.db"})
    assert {path.name for path in folder.glob("*.db")} == {"config.db", "environment.db", "flag.db"}
    assert not (folder / ".wf" / "wf.db").exists()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("wait_limit = 60", "wait_limit = 60 can't be used\n  help: it is a text in quotes, as in wait_limit = "),
        ('wait_limit = "60"', "wait limit '60' is no duration"),
        ('durability = "some"', "durability 'some' is neither full nor normal"),
        ("concurrency = 0", "concurrency '0' is no number from 1 on"),
        ("nope = 1", "unknown setting 'nope'"),
        ("db =", ".wf/config.toml"),
    ],
)
def test_a_bad_setting_is_refused(folder: Path, config: str, message: str) -> None:
    (folder / ".wf").mkdir()
    write(folder / ".wf", "config.toml", config)
    assert message in wf(folder, "run", "echo.yaml", code=2).stderr


def test_the_printed_command_names_the_database_that_was_named(folder: Path) -> None:
    [waiting] = wf(folder, "run", "asking.yaml", "--json", "--db", "my runs.db", code=3).document["waiting"]
    words = shlex.split(waiting["command"])
    assert words[-2:] == ["--db", "my runs.db"]
    assert "completed" in wf(folder, *words[1:]).stderr
    done = wf(folder, "run", "asking.yaml", "--no-input", code=3, environment={"WF_DB": "other.db"})
    assert "--resume --db other.db" in done.stderr


def test_foreign_text_steers_no_terminal_and_json_says_it_all_the_same(folder: Path) -> None:
    hostile = "a\x1b[31mb\x9b2Jc\u202ed\x07e\r\nf"
    write(
        folder,
        "said.yaml",
        'wf: 1\nname: said\ninputs: {text: {type: string}}\nnodes: {a: {}}\noutputs: {text: "{{ inputs.text }}"}\n',
    )
    done = wf(folder, "run", "said.yaml", "-i", f"text={hostile}")
    assert done.stdout == "text: abc<U+202E>de\nf\n"
    assert not set(done.stdout + done.stderr) & set("\x1b\x9b\u202e\x07\r")
    document = wf(folder, "run", "echo.yaml", "--json", "-i", f"text={hostile}")
    assert document.document["outputs"]["all"]["text"] == hostile
    assert not set(document.stdout) & set("\x1b\x9b\u202e\x07\r")


def test_only_debugging_shows_where_an_error_came_from(folder: Path) -> None:
    with pytest.raises(Exception, match="there is no such file"):
        wf(folder, "run", "missing.yaml", "--debug")
