"""Scripted replies through the command line: which reply a call is given, and what happens where one is missing."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from runner import run as run_workflow
from runner.ground.clock import SystemClock
from runner.ground.errors import InvalidWorkflow
from runner.ground.json_value import Json
from tests.acceptance.command_line import Done, wf, write

TWO = """
wf: 1
name: two
models: {m: openai/gpt-4o-mini}
agents: {poet: {model: m, instructions: You rhyme.}}
nodes:
  both:
    parallel:
      left: {agent: poet, prompt: moon}
      right: {agent: poet, prompt: sun, on_error: continue}
outputs: {said: "{{ nodes.both.output }}"}
"""
AGAIN = """
wf: 1
name: again
models: {m: openai/gpt-4o-mini}
permissions: {commands: [sh]}
nodes:
  fan:
    parallel:
      one:
        nodes:
          ask:
            agent: {model: m, instructions: You rhyme.}
            prompt: moon
            next: [{when: visits < 3, to: ask}, {to: exit}]
outputs: {said: "{{ nodes.fan.output.one }}"}
"""


def begin(folder: Path, flow: str, mock: str, code: int = 0) -> Done:
    write(folder, "flow.yaml", flow)
    write(folder, "mock.yaml", mock)
    return wf(folder, "run", "flow.yaml", "--mock", "mock.yaml", "--run-id", "r", "--json", code=code)


def test_a_missing_reply_pauses_the_run_and_nothing_in_the_file_takes_it(tmp_path: Path) -> None:
    done = begin(tmp_path, TWO, "both/left: [boon]\n", code=3)

    assert done.document["status"] == "paused"
    waiting = done.document["waiting"]
    assert [(one["kind"], one["step"]) for one in waiting] == [("mock", "both/right/call#1")]
    missing = (
        "mock.yaml has no replies for 'both/right/call#1': add them under 'both/right' or 'right' or 'poet'; "
        "did you mean 'both/left'?"
    )
    assert waiting[0]["prompt"] == missing
    assert waiting[0]["command"] == "wf resume r --mock FILE"
    assert f"waiting   both/right/call#1: {missing}" in wf(tmp_path, "show", "r").stdout
    told = wf(tmp_path, "resume", "r", code=3).stderr
    assert f"both/right/call#1 waits for a scripted reply: {missing}\n  wf resume r --mock FILE\n" in told


def test_a_run_goes_on_once_the_reply_is_there(tmp_path: Path) -> None:
    begin(tmp_path, TWO, "both/left: [boon]\n", code=3)
    write(tmp_path, "more.yaml", "poet: [fun]\n")

    done = wf(tmp_path, "resume", "r", "--mock", "more.yaml", "--json")

    assert done.document["outputs"] == {"said": {"left": "boon", "right": "fun"}}


def test_a_fork_of_a_run_that_waits_for_a_reply_asks_again(tmp_path: Path) -> None:
    begin(tmp_path, TWO, "both/left: [boon]\n", code=3)
    last = wf(tmp_path, "checkpoints", "r", "--json").document[-1]["seq"]
    write(tmp_path, "more.yaml", "right: [fun]\n")

    done = wf(tmp_path, "fork", f"r@{last}", "--mock", "more.yaml", "--json")

    assert done.document["outputs"] == {"said": {"left": "boon", "right": "fun"}}


def test_a_reply_that_is_needed_is_told_by_its_number_where_those_before_it_lack(tmp_path: Path) -> None:
    begin(tmp_path, AGAIN, "ask: [a, b]\n", code=3)
    write(tmp_path, "only.yaml", "ask: [c]\n")

    said = wf(tmp_path, "resume", "r", "--mock", "only.yaml", code=3).stderr

    assert "needs reply 3 under 'ask', and there is 1: those that were used before count too" in said


def test_what_got_no_reply_has_used_none_up(tmp_path: Path) -> None:
    begin(tmp_path, AGAIN, "ask: [a, b]\n", code=3)
    write(tmp_path, "more.yaml", "ask: [a, b, c]\n")

    assert wf(tmp_path, "resume", "r", "--mock", "more.yaml", "--json").document["outputs"] == {"said": "c"}


@pytest.mark.parametrize(
    ("mock", "said"),
    [
        ("fan/one/ask: [a, b, c]", "c"),
        ("{fan/one/ask: [a, b], 'fan/one/ask#2': [x]}", "b"),
        ("{ask: [a, b], 'fan/one/ask#2': [x]}", "b"),
        ("ask: [a, {repeat: {reply: z}}]", "z"),
    ],
)
def test_a_path_serves_all_visits_that_have_no_key_of_their_own(tmp_path: Path, mock: str, said: str) -> None:
    assert begin(tmp_path, AGAIN, mock).document["outputs"] == {"said": said}


def test_a_reply_from_one_key_uses_up_none_of_another(tmp_path: Path) -> None:
    done = begin(tmp_path, TWO, "both/left: [boon]\npoet: [fun]\n")

    assert done.document["outputs"] == {"said": {"left": "boon", "right": "fun"}}


def test_a_command_that_has_no_further_reply_is_waited_for_too(tmp_path: Path) -> None:
    flow = """
    wf: 1
    name: twice
    permissions: {commands: [sh]}
    nodes:
      build:
        script: "echo real"
        on_crash: fail
        next: [{when: visits < 2, to: build}, {to: exit}]
    outputs: {text: "{{ nodes.build.output.text }}"}
    """
    done = begin(tmp_path, textwrap.dedent(flow), "build: [one]\n", code=3)
    words = "mock.yaml: 'build#2' needs one more reply under 'build': its 1 reply is used up"
    assert done.document["waiting"][0]["prompt"] == words
    write(tmp_path, "more.yaml", "build: [one, two]\n")

    assert wf(tmp_path, "resume", "r", "--mock", "more.yaml", "--json").document["outputs"] == {"text": "two"}


def test_the_timeout_of_a_composite_takes_no_missing_reply(tmp_path: Path) -> None:
    flow = TWO.replace("  both:\n", "  both:\n    timeout: 40s\n    on_error: continue\n")

    assert begin(tmp_path, flow, "both/left: [boon]\n", code=3).document["waiting"][0]["kind"] == "mock"


def test_a_call_that_got_no_reply_goes_on_with_the_same_attempt(tmp_path: Path) -> None:
    begin(tmp_path, TWO, "both/left: [boon]\n", code=3)
    assert attempts(tmp_path, "both/right/call#1") == [(1, "waiting")]
    wf(tmp_path, "resume", "r", code=3)
    assert attempts(tmp_path, "both/right/call#1") == [(1, "waiting")]
    write(tmp_path, "more.yaml", "poet: [fun]\n")
    wf(tmp_path, "resume", "r", "--mock", "more.yaml")

    assert attempts(tmp_path, "both/right/call#1") == [(1, "completed")]
    assert "attempt" not in wf(tmp_path, "show", "r").stdout
    assert "runs: 1, whole" in wf(tmp_path, "doctor", code=None).stdout


def attempts(folder: Path, step: str) -> list[tuple[int, str]]:
    found = wf(folder, "show", "r", "--json").document["attempts"]
    return [(attempt["attempt"], attempt["status"]) for attempt in found if attempt["step"] == step]


@pytest.mark.parametrize("again", ["resume", "fork"])
def test_the_time_of_a_composite_stands_still_while_a_reply_is_missing_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: str
) -> None:
    begin(tmp_path, TWO.replace("  both:\n", "  both:\n    timeout: 40s\n"), "both/left: [boon]\n", code=3)
    last = wf(tmp_path, "checkpoints", "r", "--json").document[-1]["seq"]
    write(tmp_path, "more.yaml", "poet: [fun]\n")
    tomorrow(monkeypatch)
    run = "r" if again == "resume" else f"r@{last}"

    done = wf(tmp_path, again, run, "--mock", "more.yaml", "--json")

    assert done.document["outputs"] == {"said": {"left": "boon", "right": "fun"}}


def test_the_time_of_a_composite_stands_still_while_its_run_is_paused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = """
    wf: 1
    name: asks
    nodes: {both: {parallel: {a: {human: {prompt: Well?}}}, timeout: 2h}}
    outputs: {said: "{{ nodes.both.output.a }}"}
    """
    write(tmp_path, "flow.yaml", textwrap.dedent(flow))
    wf(tmp_path, "run", "flow.yaml", "--run-id", "r", code=3)
    tomorrow(monkeypatch)
    assert wf(tmp_path, "answer", "r", "a", "yes", "--resume", "--json").document["outputs"] == {"said": "yes"}


def tomorrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be a day later from now on."""
    now = SystemClock.now
    monkeypatch.setattr(SystemClock, "now", lambda clock: now(clock) + 86_400)


def test_without_any_reply_all_calls_are_told_and_the_command_once(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", TWO)
    write(tmp_path, "mock.yaml", "{}\n")

    told = wf(tmp_path, "run", "flow.yaml", "--mock", "mock.yaml", "--run-id", "r", code=3).stderr

    assert told.endswith(
        "both/left/call#1 waits for a scripted reply: mock.yaml has no replies for 'both/left/call#1': "
        "add them under 'both/left' or 'left' or 'poet'\n"
        "both/right/call#1 waits for a scripted reply: mock.yaml has no replies for 'both/right/call#1': "
        "add them under 'both/right' or 'right' or 'poet'\n"
        "  wf resume r --mock FILE\n"
    )
    assert wf(tmp_path, "show", "r").stdout.count("wf resume r --mock FILE") == 1


def test_a_mock_file_is_checked_with_its_workflow(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", TWO)
    write(tmp_path, "mock.yaml", "rigth: [fun]\n")
    told = wf(tmp_path, "validate", "flow.yaml", "--mock", "mock.yaml", "--strict", code=2)
    assert "mock.yaml:1:1: warning: 'rigth' is no step, node or agent of the workflow; did you mean 'right'?" in (
        told.stderr
    )
    write(tmp_path, "mock.yaml", "right: [{tool_calls: [{tool: look, arguments: {}}]}]\n")
    told = wf(tmp_path, "validate", "flow.yaml", "--mock", "mock.yaml", code=2)
    assert told.stderr == (
        "mock.yaml:1:36: error: reply 1 of 'right': unknown key 'arguments'\n"
        "  right: [{tool_calls: [{tool: look, arguments: {}}]}]\n"
        "                                     ^^^^^^^^^\n"
        "  help: a tool call holds: tool, with (its arguments), id\n"
    )


def test_python_takes_replies_as_values(tmp_path: Path) -> None:
    write(tmp_path, "flow.yaml", TWO)
    replies: Json = {"left": ["boon"], "poet": [{"reply": "fun"}]}

    assert run_workflow(tmp_path / "flow.yaml", mock=replies).outputs == {"said": {"left": "boon", "right": "fun"}}
    with pytest.raises(InvalidWorkflow, match="'left': expected a list of replies"):
        run_workflow(tmp_path / "flow.yaml", mock={"left": "boon"})


@pytest.mark.parametrize(
    ("mock", "place", "said", "hint"),
    [
        (
            "ask: {repeat: q}",
            6,
            "'ask': expected a list of replies, such as [\"plain text\", {reply: {score: 5}}], got a mapping",
            "write a list: ask: [{repeat: q}]",
        ),
        (
            "ask: [{repeat: q}, z]",
            7,
            "reply 1 of 'ask': only the last reply can be one that repeats",
            "put it at the end of its list: ask: [REPLY, {repeat: REPLY}]",
        ),
        (
            "ask: [{repeat: q, text: z}]",
            19,
            "reply 1 of 'ask': unknown key 'text'",
            "such a reply is {repeat: REPLY}, the last of its list",
        ),
        (
            "ask: [{reply: q, stdout: z}]",
            18,
            "reply 1 of 'ask': unknown key 'stdout'",
            "a reply is text, {reply: …}, {tool_calls: […]}, {error: …}"
            ", of a command {stdout: …, stderr: …, exit_code: …}, or of a request {status: …, headers: …, json: …}",
        ),
        (
            "ask: [{error: timeout, after: 1}]",
            24,
            "reply 1 of 'ask': unknown key 'after'; did you mean 'retry_after'?",
            "such a reply is {error: …, message: …, retry_after: …, usage: …}",
        ),
    ],
)
def test_a_mistake_in_a_mock_file_says_the_shape_that_is_wanted(
    tmp_path: Path, mock: str, place: int, said: str, hint: str
) -> None:
    write(tmp_path, "flow.yaml", AGAIN)
    write(tmp_path, "mock.yaml", mock)

    told = wf(tmp_path, "validate", "flow.yaml", "--mock", "mock.yaml", code=2).stderr

    assert told.splitlines()[0] == f"mock.yaml:1:{place}: error: {said}"
    assert told.splitlines()[-1] == f"  help: {hint}"


JUDGED = """
wf: 1
name: judged
models: {m: {model: openai/gpt-4o-mini, max_reply_tokens: 20}}
agents: {judge: {model: m}}
schemas: {mark: {type: object, properties: {mark: {type: integer}}, required: [mark]}}
nodes:
  ask: {agent: judge, prompt: moon, SCHEMA on_error: told}
  told: {}
outputs: {said: "{{ nodes.ask.output }}", error: "{{ nodes.ask.error }}"}
"""


def test_a_scripted_reply_may_be_cut_by_its_bound(tmp_path: Path) -> None:
    done = begin(tmp_path, JUDGED.replace("SCHEMA", ""), "ask: [{reply: Once upon, finish: length}]")
    assert done.document["outputs"]["said"] == "Once upon"
    assert "max_reply_tokens cut this reply: raise it, or ask for less" in wf(tmp_path, "show", "r").stdout


def test_a_scripted_reply_that_is_cut_is_asked_for_once_more_under_a_schema(tmp_path: Path) -> None:
    cut = "{reply: '{\"mark\": ', finish: length}"
    flow = JUDGED.replace("SCHEMA", "output_schema: mark,")
    error = begin(tmp_path, flow, f"ask: [{cut}, {cut}, {{reply: {{mark: 1}}}}]").document["outputs"]["error"]
    assert (error["type"], error["details"]["finish"]) == ("output_invalid", "length")


def test_a_scripted_reply_that_is_cut_before_it_says_anything_names_the_bound(tmp_path: Path) -> None:
    flow = JUDGED.replace("SCHEMA", "")
    error = begin(tmp_path, flow, "ask: [{reply: '', finish: length}]").document["outputs"]["error"]
    words = "max_reply_tokens (20) was used up before the model said anything: raise it"
    assert error["message"] == f"openai/gpt-4o-mini: {words}"
