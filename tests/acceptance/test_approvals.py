"""Calls that a model has chosen and a person approves: this call, and no other."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from runner.engine.scheduler import seal
from tests.acceptance.command_line import Done, lines_until, started, wf

TOOL = """
import pathlib

def pay(amount: int, to: str = "nobody") -> str:
    with pathlib.Path("paid.txt").open("a") as paid:
        paid.write(f"{amount} {to}\\n")
    return f"paid {amount}"
"""

FLOW = """
wf: 1
name: paying
permissions: {python: [tools.py], commands: [touch, sleep]}
tools:
  pay: {python: "tools.py:pay", APPROVAL}
  nap: {command: [sleep, "{{ inputs.seconds }}"], inputs: {seconds: {type: string}}, dangerous: true}
agents: {clerk: {model: openai/gpt-4o-mini, tools: [pay, nap]}}
nodes: {go: {agent: clerk, prompt: Pay.}}
outputs: {said: "{{ nodes.go.output }}"}
"""


def pay(*amounts: int, **more: Any) -> dict[str, Any]:
    """A reply that calls the tool, once for each amount."""
    return {"tool_calls": [{"tool": "pay", "with": {"amount": amount, **more}} for amount in amounts]}


def project(folder: Path, *replies: Any, approval: str = "approval: always") -> None:
    (folder / "tools.py").write_text(TOOL)
    (folder / "flow.yaml").write_text(FLOW.replace("APPROVAL", approval))
    (folder / "mock.yaml").write_text(json.dumps({"clerk": [*replies, "done"]}))


def begun(folder: Path, run: str = "r") -> Done:
    """Run until a person is asked."""
    return wf(folder, "run", "flow.yaml", "--mock", "mock.yaml", "--no-input", "--run-id", run, code=3)


def answer(folder: Path, step: str, value: str, *options: str, run: str = "r", code: int = 0) -> Done:
    return wf(folder, "answer", run, step, value, *options, code=code)


def paid(folder: Path) -> list[str]:
    """What was paid, in order."""
    file = folder / "paid.txt"
    return file.read_text().splitlines() if file.exists() else []


def told(folder: Path, run: str = "r") -> list[str]:
    """What the model was told of its calls, in order."""
    steps = wf(folder, "show", run, "--json", code=None).document["steps"]
    messages = [message for step in steps for message in step["request"].get("messages", ())]
    return [message["content"] for message in messages if message["role"] == "tool"]


def events(folder: Path, kind: str, run: str = "r") -> list[dict[str, Any]]:
    lines = wf(folder, "logs", run, "--json").stdout.splitlines()
    return [event for line in lines if (event := json.loads(line))["type"] == kind]


def test_a_call_waits_for_a_person_who_sees_it_as_it_will_be_made(tmp_path: Path) -> None:
    project(tmp_path, {"tool_calls": [{"tool": "nap", "with": {"seconds": "0\u200b\u00a0\u001b[1m"}}]})

    done = begun(tmp_path)

    seen = r"0\u200b\u00a0\u001b[1m"
    assert f"agent 'clerk' wants to call tool 'nap' with {{\"seconds\": \"{seen}\"}}" in done.stderr
    assert f'which runs ["sleep", "{seen}"]' in done.stderr
    assert "wf answer r 'go/ask#2' approve --resume" in done.stderr


def test_what_waits_is_in_the_document(tmp_path: Path) -> None:
    project(tmp_path, pay(5))

    done = wf(tmp_path, "run", "flow.yaml", "--mock", "mock.yaml", "--no-input", "--run-id", "r", "--json", code=3)

    [waiting] = done.document["waiting"]
    assert waiting["approval"] == {"tool": "pay", "arguments": {"amount": 5, "to": "nobody"}}
    assert waiting["command"] == "wf answer r 'go/ask#2' approve --resume"


def test_an_approved_call_is_made_and_the_conversation_goes_on(tmp_path: Path) -> None:
    project(tmp_path, pay(5))
    begun(tmp_path)

    done = answer(tmp_path, "go/ask#2", "approve", "--resume")

    assert "said: done" in done.stdout
    assert (paid(tmp_path), told(tmp_path)) == (["5 nobody"], ["paid 5"])


def test_a_denial_goes_back_to_the_model_with_its_reason(tmp_path: Path) -> None:
    project(tmp_path, pay(5))
    begun(tmp_path)

    answer(tmp_path, "go/ask#2", '{"deny": "too much"}', "--resume")

    assert (paid(tmp_path), told(tmp_path)) == (
        [],
        ["error: permission_denied: a person denied this call: too much"],
    )


@pytest.mark.parametrize("value", ["yes", "deny", '{"deny": 3}', '{"approve": "x"}', "{}", "Approve", '["approve"]'])
def test_what_neither_approves_nor_denies_is_refused(tmp_path: Path, value: str) -> None:
    project(tmp_path, pay(5))
    begun(tmp_path)

    answer(tmp_path, "go/ask#2", value, "--resume", code=2)

    assert paid(tmp_path) == []


def test_an_approval_is_used_once(tmp_path: Path) -> None:
    """The same call again is another call: the answer to the first one does not fit it, however it is named."""
    project(tmp_path, pay(5), pay(5))
    begun(tmp_path)
    answer(tmp_path, "go/ask#2", "approve", "--resume", code=3)

    again = answer(tmp_path, "go/ask#2", "approve", "--resume", code=2)
    assert "step 'go/ask#2' does not wait for an answer" in again.stderr
    partly = answer(tmp_path, "go/ask", "approve", "--resume", code=2)
    assert "'go/ask' does not say which call is meant: 'go/ask#4' waits now" in partly.stderr

    assert paid(tmp_path) == ["5 nobody"]


def test_each_call_of_a_reply_is_approved_by_itself(tmp_path: Path) -> None:
    project(tmp_path, pay(5, 50))
    begun(tmp_path)

    answer(tmp_path, "go/ask#3", "approve", "--resume", code=3)
    assert paid(tmp_path) == ["50 nobody"]
    answer(tmp_path, "go/ask#2", '{"deny": "no"}', "--resume")

    assert told(tmp_path)[1:] == ["paid 50"]
    assert paid(tmp_path) == ["50 nobody"]


def test_nothing_can_be_approved_beforehand(tmp_path: Path) -> None:
    project(tmp_path, pay(5))

    for key in ("go/ask#2", "ask", "/go/ask"):
        done = wf(tmp_path, "run", "flow.yaml", "--mock", "mock.yaml", "--answer", f"{key}=approve", code=2)
        assert "a call can't be approved before anybody has seen it" in done.stderr

    (tmp_path / "flow.yaml").write_text(
        FLOW.replace("APPROVAL", "approval: always").replace(
            "nodes: {go:", "nodes: {ask: {human: {prompt: x}, next: go}, go:"
        )
    )
    done = wf(tmp_path, "run", "flow.yaml", "--mock", "mock.yaml", "--answer", "ask=approve", "--no-input", code=3)
    assert "go/ask#2 waits for a person" in done.stderr


def test_the_first_approval_frees_the_later_calls_of_the_tool(tmp_path: Path) -> None:
    nap = {"tool_calls": [{"tool": "nap", "with": {"seconds": "0"}}]}
    project(tmp_path, pay(1, 2), pay(3), nap, approval="approval: first")
    asked = begun(tmp_path)
    assert "go/ask#3" not in asked.stderr

    done = answer(tmp_path, "go/ask#2", "approve", "--resume", code=3)

    assert sorted(paid(tmp_path)) == ["1 nobody", "2 nobody", "3 nobody"]
    assert "wants to call tool 'nap'" in done.stderr


def test_a_denied_first_call_frees_nothing(tmp_path: Path) -> None:
    project(tmp_path, pay(1, 2), approval="approval: first")
    begun(tmp_path)

    done = answer(tmp_path, "go/ask#2", '{"deny": "no"}', "--resume", code=3)

    assert "go/ask#3 waits" in done.stderr
    assert paid(tmp_path) == []


@pytest.mark.parametrize(
    ("when", "asks"),
    [("args.amount > 50", False), ("args.amount > 4", True), ('args.to == "nobody"', True), ("false", False)],
)
def test_a_condition_says_which_calls_are_asked_for(tmp_path: Path, when: str, asks: bool) -> None:
    project(tmp_path, pay(5), approval=f"approval: {{when: '{when}'}}")

    wf(tmp_path, "run", "flow.yaml", "--mock", "mock.yaml", "--no-input", code=3 if asks else 0)

    assert paid(tmp_path) == ([] if asks else ["5 nobody"])


@pytest.mark.parametrize("when", ["args.amount / 0 > 1", 'args.to + 1 == "x"', "args.amount"])
def test_a_condition_that_fails_asks(tmp_path: Path, when: str) -> None:
    project(tmp_path, pay(5), approval=f"approval: {{when: '{when}'}}")

    begun(tmp_path)

    assert paid(tmp_path) == []


def test_a_late_answer_is_refused_and_the_call_denied(tmp_path: Path) -> None:
    project(tmp_path, pay(5), approval="approval: {when: true, timeout: 1ms}")
    wf(
        tmp_path,
        "run",
        "flow.yaml",
        "--mock",
        "mock.yaml",
        "--no-input",
        "--wait-limit",
        "0s",
        "--run-id",
        "r",
        code=None,
    )

    late = answer(tmp_path, "go/ask#2", "approve", "--resume", code=2)
    assert "does not wait for an answer" in late.stderr or "the time to answer" in late.stderr or "ended" in late.stderr
    wf(tmp_path, "resume", "r", code=None)

    assert paid(tmp_path) == []
    assert told(tmp_path) == ["error: permission_denied: nobody approved this call in time"]


def test_a_call_that_nobody_approves_in_time_can_fail_the_step(tmp_path: Path) -> None:
    project(tmp_path, pay(5), approval="approval: {when: true, timeout: 1ms, otherwise: fail}")

    done = wf(tmp_path, "run", "flow.yaml", "--mock", "mock.yaml", "--no-input", code=1)

    assert "human_timeout at go: nobody approved the call in time" in done.stderr


def edit(folder: Path, old: str, new: str, file: str = "flow.yaml") -> None:
    path = folder / file
    path.write_text(path.read_text().replace(old, new))


def test_an_edited_tool_is_not_what_was_approved(tmp_path: Path) -> None:
    """What runs is what was recorded; the edited file can't be taken over, and in a fork the call is asked for anew."""
    project(tmp_path, pay(5))
    begun(tmp_path)
    edit(tmp_path, "{amount} {to}", "{amount * 1000} {to}", "tools.py")

    refused = wf(tmp_path, "resume", "r", "--workflow", "flow.yaml", "--no-input", code=2)
    assert "'go', which it has begun, is not the same there" in refused.stderr
    answer(tmp_path, "go/ask#2", "approve", "--resume")

    assert paid(tmp_path) == ["5 nobody"]


def test_an_answer_that_was_sent_counts_for_no_other_version(tmp_path: Path) -> None:
    """The answer was recorded, and before it was taken another version of the file came."""
    project(tmp_path, pay(5))
    begun(tmp_path)
    answer(tmp_path, "go/ask#2", "approve")
    edit(tmp_path, "nodes.go.output }}", "nodes.go.output }}!")

    done = wf(tmp_path, "resume", "r", "--workflow", "flow.yaml", "--no-input", code=3)

    assert "was not taken: it approves another call than the one that waits now" in done.stderr
    assert paid(tmp_path) == []
    answer(tmp_path, "go/ask#2", "approve", "--resume")
    assert paid(tmp_path) == ["5 nobody"]


def test_a_fork_asks_anew(tmp_path: Path) -> None:
    """Both for what still waits, and for what was approved and is about to be done."""
    project(tmp_path, {"tool_calls": [{"tool": "nap", "with": {"seconds": "600"}}]}, pay(5))
    begun(tmp_path)
    waits = wf(tmp_path, "fork", f"r@{last(tmp_path)}", "--no-input", "--run-id", "f", code=3)
    assert "go/ask#2 waits for a person" in waits.stderr

    killed_in_the_call(tmp_path)
    again = wf(tmp_path, "fork", f"r@{last(tmp_path)}", "--no-input", "--run-id", "g", code=3)

    assert "go/ask#2 waits for a person" in again.stderr
    assert [event["step"] for event in events(tmp_path, "step_waiting", "g")][-1:] == ["go/ask#2"]
    denied = answer(tmp_path, "go/ask#2", '{"deny": "no"}', "--resume", run="g", code=3)
    assert "go/ask#4 waits" in denied.stderr


def last(folder: Path, run: str = "r") -> int:
    """The last checkpoint of a run."""
    return int(wf(folder, "checkpoints", run, "--json").document[-1]["seq"])


def killed_in_the_call(folder: Path) -> None:
    """Approve the call of run `r`, and kill the process that makes it."""
    with started(folder, "answer", "r", "go/ask#2", "approve", "--resume", stderr=subprocess.STDOUT) as running:
        lines_until(running, "go/ask#2")
        running.kill()
        running.wait()


def test_a_call_that_runs_again_after_a_kill_keeps_its_approval(tmp_path: Path) -> None:
    project(tmp_path, {"tool_calls": [{"tool": "nap", "with": {"seconds": "3"}}]})
    begun(tmp_path)
    killed_in_the_call(tmp_path)

    done = wf(tmp_path, "resume", "r", "--no-input")

    assert "said: done" in done.stdout


def test_a_call_that_is_not_the_approved_one_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each attempt is compared with what was approved as it begins, whatever led to it."""
    project(tmp_path, pay(5))
    begun(tmp_path)
    monkeypatch.setattr("runner.engine.attempts.seal", lambda live, step, call: seal(live, step, replace(call, cwd="")))

    answer(tmp_path, "go/ask#2", "approve", "--resume")

    assert paid(tmp_path) == []
    assert told(tmp_path) == ["error: this is not the call that a person has approved"]


def test_a_call_too_long_to_be_read_is_not_asked_for(tmp_path: Path) -> None:
    project(tmp_path, pay(5, to="x" * 30_000))

    wf(tmp_path, "run", "flow.yaml", "--mock", "mock.yaml", "--no-input", "--run-id", "r")

    assert told(tmp_path) == ["error: permission_denied: a person can't approve a call of more than 20000 characters"]
    assert paid(tmp_path) == []


def test_what_a_tool_is_given_in_secret_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(
        "wf: 1\nname: secret\ninputs: {key: {type: string, secret: true}}\npermissions: {commands: [echo]}\n"
        'tools: {say: {command: [echo, "{{ inputs.what }}"], inputs: {what: {type: string}}, dangerous: true}}\n'
        "agents: {clerk: {model: openai/gpt-4o-mini, tools: [say]}}\n"
        'nodes: {go: {agent: clerk, prompt: "{{ inputs.key }}"}}\n'
    )
    reply = {"tool_calls": [{"tool": "say", "with": {"what": "it is hunter2hunter2"}}]}
    (tmp_path / "mock.yaml").write_text(json.dumps({"clerk": [reply, "done"]}))
    (tmp_path / "key").write_text("hunter2hunter2")

    words = ("run", "flow.yaml", "--mock", "mock.yaml", "-i", "key=@key", "--no-input", "--json", "--run-id", "r")
    done = wf(tmp_path, *words, code=3)

    assert "hunter2" not in done.stdout + done.stderr
    assert "secret:key" in done.document["waiting"][0]["prompt"]
    ended = wf(tmp_path, "answer", "r", "go/ask#2", "approve", "--resume", "-i", "key=@key")
    assert "hunter2" not in ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("approval", "words"),
    [
        ("approval: sometimes", "expected never, always, first, or {when: CONDITION, timeout: 24h, otherwise: deny}"),
        ("approval: {when: inputs.amount > 5}", "'inputs.amount' is not known to the approval of 'pay'"),
        ("approval: {when: args.price > 5}", "write args.NAME; its arguments are: amount, to"),
        ("approval: {when: 'true', otherwise: deny}", "timeout"),
        ("approval: {when: 'true', timeout: 1h, otherwise: approve}", "approve"),
        ("approval: {when: 'args.amount >'}", "error"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(tmp_path: Path, approval: str, words: str) -> None:
    project(tmp_path, approval=approval)

    done = wf(tmp_path, "validate", "flow.yaml", code=2)

    assert words in done.stderr


def test_what_the_author_calls_is_not_asked_for(tmp_path: Path) -> None:
    """A `tool` node is the author's own call: its arguments stand in the file, or come by its templates."""
    project(tmp_path)
    edit(tmp_path, "{agent: clerk, prompt: Pay.}", "{tool: pay, with: {amount: 7}}")

    wf(tmp_path, "run", "flow.yaml", code=0)

    assert paid(tmp_path) == ["7 nobody"]


def test_a_dangerous_tool_may_be_freed_by_its_author(tmp_path: Path) -> None:
    project(tmp_path, pay(5), approval="dangerous: true, approval: never")

    wf(tmp_path, "run", "flow.yaml", "--mock", "mock.yaml", "--no-input")

    assert paid(tmp_path) == ["5 nobody"]


def test_a_retry_asks_anew(tmp_path: Path) -> None:
    """A retry is a fork: what was approved for the run that failed is not approved for it."""
    project(tmp_path, pay(5), {"error": "authentication"}, approval="approval: first")
    begun(tmp_path)
    answer(tmp_path, "go/ask#2", "approve", "--resume", code=1)
    (tmp_path / "mock.yaml").write_text(json.dumps({"clerk": [*["used"] * 2, pay(6), "done"]}))

    done = wf(tmp_path, "retry", "r", "--mock", "mock.yaml", "--no-input", "--run-id", "again", code=3)

    assert "wants to call tool 'pay' with" in done.stderr
    assert paid(tmp_path) == ["5 nobody"]


def test_the_question_shows_which_file_runs_by_its_path(tmp_path: Path) -> None:
    """Another file of that name may lie where a person would look."""
    project(tmp_path, {"tool_calls": [{"tool": "pay", "with": {"amount": 5}}]})
    (tmp_path / "sub").mkdir()
    for name in ("flow.yaml", "tools.py"):
        (tmp_path / "sub" / name).write_text((tmp_path / name).read_text())
    (tmp_path / "outer.yaml").write_text("wf: 1\nname: outer\nPERMITTED\nnodes: {in: {workflow: sub/flow.yaml}}\n")
    text = (tmp_path / "outer.yaml").read_text()
    permitted = "permissions: {python: [sub/tools.py], commands: [touch, sleep]}"
    (tmp_path / "outer.yaml").write_text(text.replace("PERMITTED", permitted))
    done = wf(tmp_path, "run", "outer.yaml", "--mock", "mock.yaml", "--no-input", code=None)
    assert 'which runs "sub/tools.py:pay"' in done.stderr
