"""What is read of a run afterwards, and of the machine: show, logs, state, runs, doctor."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest

from runner.record.history import read_table
from runner.record.store.sqlite import open_store
from tests.acceptance.command_line import wf, write

STORY = """
wf: 1
name: story
version: 1.2.0
inputs: {items: {type: array, default: [1, 2]}}
state: {count: {type: integer, default: 0}, all: {type: array, default: [], reducer: append}}
permissions: {commands: [sh]}
nodes:
  flaky:
    script: 'if [ -e mark ]; then echo ok; else touch mark; echo "no luck" >&2; exit 3; fi'
    retry: {max_attempts: 2, initial_interval: 1ms, errors: [tool_failed]}
    next: again
  again:
    set: {count: "{{ state.count + 1 }}"}
    next: [{when: state.count < 2, to: again}, {to: each}]
  each:
    for_each: inputs.items
    do:
      steps:
      - {id: work, set: {all: "{{ item }}"}}
      - {id: check, if: item > 1, script: "exit 1", on_error: continue}
    next: approve
  approve: {human: {prompt: "Ship\\e[31m it?", choices: ["yes", "no"]}, timeout: 24h, next: boom}
  boom: {script: 'echo bad >&2; exit 7'}
finally: {script: echo bye}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with run `r`, which has failed after a person's answer."""
    write(tmp_path, "story.yaml", STORY)
    wf(tmp_path, "run", "story.yaml", "--run-id", "r", "--no-input", code=3)
    wf(tmp_path, "answer", "r", "approve", "yes", "--resume", code=1)
    return tmp_path


def without_times(text: str) -> list[str]:
    """The words of each line, without times."""
    return [" ".join(re.sub(r"\d+\.\d\d s", "", line).split()) for line in text.splitlines()]


def test_show_tells_attempts_errors_routes_items_and_outputs(folder: Path) -> None:
    lines = without_times(wf(folder, "show", "r").stdout)
    assert lines[:2] == ["run r: story 1.2.0", "status failed"]
    assert lines[lines.index("steps") :] == [
        "steps",
        "✓ flaky [script] completed attempt 2 → again",
        "attempt 1 failed after : tool_failed: 'sh' ended with exit code 3: no luck",
        "✓ again completed → again",
        "✓ again#2 completed → each",
        "✓ each [for_each] completed → approve",
        "✓ each[0]/work completed → check",
        "- each[0]/check [script] skipped",
        "✓ each[1]/work completed → check",
        "✗ each[1]/check [script] failed",
        "tool_failed: 'sh' ended with exit code 1",
        "✓ approve [human] completed → boom",
        "✗ boom [script] failed",
        "tool_failed: 'sh' ended with exit code 7: bad",
        "✓ finally [script] completed",
        "error tool_failed at boom: 'sh' ended with exit code 7: bad",
    ]


def test_logs_tell_every_event_that_a_person_may_care_for(folder: Path) -> None:
    lines = [line.split(maxsplit=3)[3] for line in wf(folder, "logs", "r").stdout.splitlines()]
    assert lines[0] == "run r: story 1.2.0"
    assert lines[1] == "▸ flaky [script]"
    assert lines[2] == "! flaky: tool_failed: 'sh' ended with exit code 3: no luck; again in 0.0 s"
    assert "▸ flaky attempt 2" in lines
    assert "✓ again#2 → each" in lines
    assert "- each[0]/check skipped" in lines
    [waiting] = [line for line in lines if "waits for a person" in line]
    assert waiting.startswith("… approve waits for a person: Ship it? (until 20")
    assert lines[-1] == "run failed"
    assert "run paused (waiting)" in lines
    assert "run r: resumed" in lines


def test_state_is_shown_now_and_at_a_checkpoint(folder: Path) -> None:
    assert wf(folder, "state", "r", "--json").document == {"all": [1, 2], "count": 2}
    first = next(line for line in wf(folder, "logs", "r").stdout.splitlines() if "✓ again →" in line)
    seq = first.split("@")[1].split()[0]
    assert wf(folder, "state", f"r@{seq}").stdout == "all: []\ncount: 1\n"
    assert "has no checkpoint 2" in wf(folder, "state", "r@2", code=2).stderr
    assert "has no checkpoint 0" in wf(folder, "state", "r@0", code=2).stderr
    assert "is not of the form RUN@N" in wf(folder, "state", "r@x", code=2).stderr
    assert "'@3' is not of the form RUN@N" in wf(folder, "state", "@3", code=2).stderr
    assert "a run has to be named" in wf(folder, "show", "", code=2).stderr
    assert "help: wf retry r goes on from the step that failed" in wf(folder, "resume", "r", code=2).stderr


def test_runs_are_found_by_id_by_its_beginning_and_as_last(folder: Path) -> None:
    wf(folder, "run", "story.yaml", "--run-id", "r2", "--no-input", code=3)
    wf(folder, "run", "story.yaml", "--run-id", "s", "--no-input", code=3)
    assert [line.split()[:2] for line in wf(folder, "runs").stdout.splitlines()] == [
        ["s", "paused"],
        ["r2", "paused"],
        ["r", "failed"],
    ]
    assert wf(folder, "runs", "--status", "failed", "--workflow", "story").stdout.startswith("r ")
    assert wf(folder, "show", "last").stdout.startswith("run s:")
    assert wf(folder, "show", "r").stdout.startswith("run r:")
    wf(folder, "run", "story.yaml", "--run-id", "r33", "--no-input", code=3)
    assert "'r3' begins" not in wf(folder, "show", "r3").stdout
    wf(folder, "run", "story.yaml", "--run-id", "r34", "--no-input", code=3)
    assert "'r3' begins several runs" in wf(folder, "show", "r3", code=2).stderr


def test_where_nothing_was_run_nothing_is_found_and_nothing_is_made(tmp_path: Path) -> None:
    assert wf(tmp_path, "runs").stderr == "no runs\n"
    assert wf(tmp_path, "runs", "--json").document == []
    for command in ("show", "logs", "state", "resume", "cancel", "graph"):
        assert "help:" in wf(tmp_path, command, "last", code=2).stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\x00" + b"\xff" * 500])
def test_a_foreign_or_damaged_database_is_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    write(tmp_path, "flow.yaml", "wf: 1\nname: flow\nnodes: {a: {}}\n")
    database = tmp_path / "x.db"
    database.write_bytes(content)
    for command in (["run", "flow.yaml"], ["runs"], ["show", "last"], ["doctor"], ["resume", "last"]):
        wf(tmp_path, *command, "--db", "x.db", code=5)
        assert database.read_bytes() == content
    assert {path.name for path in tmp_path.iterdir()} == {"flow.yaml", "x.db"}


def test_doctor_finds_the_machine_in_order(tmp_path: Path) -> None:
    assert "ok     sqlite" in wf(tmp_path, "doctor").stdout


PAID = """
wf: 1
name: paid
models: {small: openai/gpt-4o-mini}
agents: {helper: {model: small}}
nodes:
  ask:
    agent: helper
    prompt: Hello
    retry: {max_attempts: 4, initial_interval: 50ms, backoff: 1, jitter: false, errors: [rate_limit]}
"""

PRICED = """
ask:
  - {error: rate_limit, usage: {prompt_tokens: 5, reply_tokens: 1, cost_usd: 0.5}}
  - {error: rate_limit}
  - {error: rate_limit, usage: {prompt_tokens: 7, reply_tokens: 2, cost_usd: 0.25}}
  - {reply: hello, usage: {prompt_tokens: 11, reply_tokens: 3, cost_usd: 1.0}}
"""


@pytest.mark.parametrize("pauses", [False, True])
def test_what_a_call_has_used_is_that_of_all_its_attempts(tmp_path: Path, *, pauses: bool) -> None:
    write(tmp_path, "paid.yaml", PAID)
    write(tmp_path, "mock.yaml", PRICED)
    limit = ("--wait-limit", "1ms") if pauses else ()
    done = wf(tmp_path, "run", "paid.yaml", "--run-id", "r", "--mock", "mock.yaml", *limit, code=3 if pauses else 0)
    while done.code:
        done = wf(tmp_path, "resume", "r", *limit, code=None)

    shown = wf(tmp_path, "show", "r", "--json").document
    [call] = shown["model_calls"]
    assert (call["prompt_tokens"], call["reply_tokens"], call["cost_usd"]) == (23, 6, 1.75)
    assert (shown["tokens"], shown["cost_usd"]) == (29, 1.75)
    assert "29 tokens" in wf(tmp_path, "show", "r").stdout


TALKING = """
wf: 1
name: talking
permissions: {commands: ["true"]}
models: {fast: {model: a/b}}
tools: {t: {command: ["true"], inputs: {x: {type: string}}}}
agents: {bot: {model: fast, tools: [t], instructions: Be brief.}}
nodes: {ask: {agent: bot, prompt: Why?}}
"""


def test_the_table_of_messages_tells_a_conversation_in_order(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", TALKING)
    write(tmp_path, "script.yaml", 'bot: [{tool_calls: [{tool: t, with: {x: "1"}}]}, Because.]\n')
    wf(tmp_path, "run", "flow.yaml", "--mock", "script.yaml", "--run-id", "r", "--quiet")
    with contextlib.closing(open_store(tmp_path / ".wf/wf.db", create=False)) as store:
        said = [(row["step"], row["role"], row["content"]) for row in read_table(store, "r", "messages")]
    assert [(step, role) for step, role, _ in said] == [
        ("ask/call#1", "system"),
        ("ask/call#1", "user"),
        ("ask/call#1", "assistant"),
        ("ask/call#3", "tool"),
        ("ask/call#3", "assistant"),
    ]
    assert [call["tool"] for call in said[2][2]["tool_calls"]] == ["t"]
    assert said[4][2] == {"role": "assistant", "content": "Because."}
