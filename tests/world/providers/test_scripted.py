"""Scripted replies: which reply a call is given, and what is said when there is none."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from runner import run
from runner.ground.errors import ErrorType, InvalidWorkflow
from runner.ground.json_value import Json
from runner.record.cues import Cue, cue_keys, next_cue
from runner.record.usage import Usage
from runner.workflow.permissions import Permissions
from runner.world.calls import (
    AnyCall,
    Attempt,
    CallDone,
    CallFailed,
    CommandCall,
    Context,
    ModelCall,
    NoReply,
    PythonCall,
    ReadCall,
    WriteCall,
)
from runner.world.providers.scripted import Script, read_script
from tests.clock import FixedClock
from tests.project import ROOT

MODEL = ModelCall("critic", "openai/gpt-4o", ({"role": "user", "content": "Hi"},))
COMMAND = CommandCall(("git", "log"), "/")
PYTHON = PythonCall("count", "tools.py", "count", {}, "/")


def attempt(
    step: str,
    cue: Cue | None = None,
    call: AnyCall = MODEL,
    *,
    node: str = "review",
    agent: str = "critic",
) -> Attempt:
    """The first attempt of a step that takes the first reply of its node, unless another `cue` is given."""
    return Attempt("run", step, node, agent if call is MODEL else "", 1, call, Permissions(), cue or Cue(node, 0))


def script(**replies: list[Json]) -> Script:
    return Script("mock.yaml", {key.replace("__", "/"): value for key, value in replies.items()})


def text_of(script: Script, *asked: Attempt) -> list[str]:
    outcomes = [script.reply(one) for one in asked]
    return [outcome.output["text"] if isinstance(outcome, CallDone) else "failed" for outcome in outcomes]


def message_of(outcome: object) -> str:
    assert isinstance(outcome, CallFailed)
    assert outcome.failure.type == "unknown"
    return outcome.failure.message


@pytest.mark.parametrize(
    ("step", "keys"),
    [
        (("review#2/call#1", "review", "critic", False), ("review#2", "review", "critic")),
        (("p#2/x~3/ask#4/call#1", "ask", "", False), ("p#2/x/ask#4/call#1",)),
        (("p#2/x~3/ask#4", "ask", "", True), ("p#2/x/ask#4", "p#2/x/ask", "p/x/ask", "ask")),
        (("each[3]/review/call#2", "review", "critic", False), ("each[3]/review", "review", "critic")),
        (("critic/call#1", "critic", "critic", False), ("critic",)),
        (("fan/call#2", "call", "", True), ("fan/call#2", "fan/call", "call")),
    ],
)
def test_the_keys_that_a_call_may_have_replies_under(step: tuple[str, str, str, bool], keys: tuple[str, ...]) -> None:
    path, node, agent, is_own = step
    assert cue_keys(path, node, agent, is_own=is_own) == keys


@given(st.lists(st.sets(st.sampled_from("abc"), min_size=1).map(sorted), max_size=20), st.sets(st.sampled_from("abc")))
def test_each_key_counts_its_own_replies_alone(asked: list[list[str]], known: set[str]) -> None:
    given_by: dict[str, int] = {}
    for keys in asked:
        cue = next_cue(tuple(keys), known, given_by)
        nearest = next((key for key in keys if key in known), None)
        assert cue == (nearest and Cue(nearest, given_by.get(nearest, 0)))
        if nearest is not None:
            given_by[nearest] = given_by.get(nearest, 0) + 1


def test_what_a_model_says() -> None:
    calls = [{"tool": "git/git_log"}, {"tool": "count", "with": {"word": "a"}, "id": "mine"}]
    replies = script(
        review=[
            "plain text",
            {"reply": {"score": 5, "why": "schön"}},
            {"reply": "text", "usage": {"prompt_tokens": 10, "reply_tokens": 5, "cost_usd": None}},
            {"tool_calls": calls, "text": "Let me look."},
        ]
    )

    done = [replies.reply(attempt("review/call#1", Cue("review", index))) for index in range(4)]

    free = Usage("openai/gpt-4o", 0, 0, 0.0)
    assert done == [
        CallDone({"text": "plain text", "tool_calls": [], "finish": "stop"}, free),
        CallDone({"text": '{"score": 5, "why": "schön"}', "tool_calls": [], "finish": "stop"}, free),
        CallDone({"text": "text", "tool_calls": [], "finish": "stop"}, Usage("openai/gpt-4o", 10, 5, None)),
        CallDone(
            {
                "text": "Let me look.",
                "tool_calls": [
                    {"id": "call_4_1", "tool": "git/git_log", "with": {}},
                    {"id": "mine", "tool": "count", "with": {"word": "a"}},
                ],
                "finish": "tool_calls",
            },
            free,
        ),
    ]


def test_errors_are_failures_of_their_type() -> None:
    replies = script(review=[{"error": "rate_limit", "retry_after": 2, "message": "slowly"}, {"error": "network"}])

    first, second = (replies.reply(attempt("review/call#1", Cue("review", index))) for index in range(2))

    assert isinstance(first, CallFailed)
    assert (first.failure.type, first.failure.message, first.failure.retry_after) == ("rate_limit", "slowly", 2)
    assert isinstance(second, CallFailed)
    assert (second.failure.type, second.failure.message) == ("network", "scripted: network")


def test_a_commands_reply_is_judged_as_if_it_had_run() -> None:
    parsing = replace_parse("json")
    replies = script(
        log=[
            "a\nb\n",
            {"stderr": "no", "exit_code": 2},
            {"stdout": '{"n": 1}'},
            {"stdout": "{"},
            {"reply": [1]},
            "x\r\ny",
        ]
    )
    calls = [COMMAND, COMMAND, parsing, parsing, COMMAND, replace_parse("lines")]
    asked = [attempt("log", Cue("log", index), call, node="log") for index, call in enumerate(calls)]

    printed, failed, parsed, broken, given_back, lines = (replies.reply(one) for one in asked)

    assert printed == CallDone({"stdout": "a\nb\n", "stderr": "", "text": "a\nb", "exit_code": 0})
    assert isinstance(failed, CallFailed)
    assert failed.failure.message == "'git' ended with exit code 2: no"
    assert failed.failure.details == {
        "program": "git",
        "exit_code": 2,
        "signal": None,
        "stdout": "",
        "stderr": "no",
    }
    assert failed.output == {"stdout": "", "stderr": "no", "text": "", "exit_code": 2}
    assert isinstance(parsed, CallDone)
    assert parsed.output["json"] == {"n": 1}
    assert isinstance(broken, CallFailed)
    assert broken.failure.type == "output_invalid"
    assert given_back == CallDone([1])
    assert isinstance(lines, CallDone)
    assert lines.output["lines"] == ["x", "y"]


def replace_parse(parse: str) -> CommandCall:
    return CommandCall(COMMAND.argv, "/", parse=parse)


def test_a_tools_reply_is_what_it_returns() -> None:
    replies = script(count=[{"reply": {"words": 3}}, "three"])

    asked = [attempt("count", Cue("count", index), PYTHON, node="count") for index in range(2)]

    assert [replies.reply(one) for one in asked] == [CallDone({"words": 3}), CallDone("three")]


def test_commands_and_tools_that_are_not_named_run_for_real() -> None:
    asked = Attempt("run", "log", "log", "", 1, COMMAND, Permissions(), None, ("log",))

    assert script(review=["text"]).reply(asked) is None


def test_files_are_read_and_written_for_real() -> None:
    for call in (ReadCall("/f", "/"), WriteCall("/f", "text", "/")):
        assert script(file=["text"]).reply(attempt("file", call=call, node="file")) is None


def test_running_out_says_where_and_is_no_failure() -> None:
    replies = script(review=["one", "two"], critic=["only"])

    used_up = [
        replies.reply(attempt("review/call#3", Cue("review", 2))),
        replies.reply(attempt("other/call#1", Cue("critic", 1), node="other")),
    ]

    assert used_up == [
        NoReply("mock.yaml: 'review/call#3' needs one more reply under 'review': all its 2 replies are used up"),
        NoReply("mock.yaml: 'other/call#1' needs one more reply under 'critic': its 1 reply is used up"),
    ]


def test_a_last_reply_that_repeats_serves_all_that_follow() -> None:
    replies = script(review=["one", {"repeat": {"reply": "again"}}])

    assert text_of(replies, *(attempt("review/call#1", Cue("review", number)) for number in range(4))) == [
        "one",
        "again",
        "again",
        "again",
    ]


def test_a_call_without_any_reply_names_what_to_add_and_what_is_near() -> None:
    keys = ("review#2", "review", "critic")
    asked = Attempt("run", "review#2/call#1", "review", "critic", 1, MODEL, Permissions(), None, keys)

    assert script(reviw=["one"]).reply(asked) == NoReply(
        "mock.yaml has no replies for 'review#2/call#1': add them under 'review#2' or 'review' or 'critic'; "
        "did you mean 'reviw'?"
    )


@pytest.mark.parametrize(
    ("reply", "call", "words"),
    [
        ({"stdout": "x"}, MODEL, "a model's is text, {reply: …}, {tool_calls: …} or {error: …}"),
        ({"tool_calls": [{"tool": "x"}]}, COMMAND, "a command's is text, {stdout: …"),
        ({"stdout": "x"}, PYTHON, "a tool's is {reply: …} or {error: …}"),
    ],
)
def test_a_reply_for_another_kind_of_call_is_refused(reply: Json, call: AnyCall, words: str) -> None:
    message = message_of(script(review=[reply]).reply(attempt("review", call=call)))

    assert message.startswith(f"mock.yaml: reply 1 of 'review' does not fit 'review': {words}")


@given(st.dictionaries(st.text(), st.lists(st.text() | st.fixed_dictionaries({"reply": st.integers()})), max_size=3))
def test_a_script_survives_being_stored(replies: dict[str, list[Json]]) -> None:
    before = Script("mock.yaml", replies)

    assert Script.from_data(json.loads(json.dumps(before.data))) == before


def test_asking_gives_the_text_to_whoever_follows_the_run() -> None:
    pieces: list[tuple[str, str]] = []
    context = Context(FixedClock(), {}, lambda step, text: pieces.append((step, text)))

    outcome = asyncio.run(script(review=["hello"]).ask(attempt("review/call#1"), context))

    assert isinstance(outcome, CallDone)
    assert pieces == [("review/call#1", "hello")]


def test_a_provider_answers_model_calls_only() -> None:
    asked = replace(attempt("log"), call=COMMAND)

    with pytest.raises(TypeError, match="a provider answers model calls, not CommandCall"):
        asyncio.run(script(log=["x"]).ask(asked, Context(FixedClock(), {})))


# The file.


def read_text(folder: Path, text: str) -> Script:
    file = folder / "mock.yaml"
    file.write_text(text)
    return read_script(file, "mock.yaml")


def test_keys_that_stand_for_nothing_are_warned_about_at_their_place(tmp_path: Path) -> None:
    found = read_text(tmp_path, "review: [a]\neach[3]/summarize#2: [b]\ncritic: [c]\nreviw: [d]\n")

    warnings = found.unused({"review", "summarize", "critic"})

    assert "\n".join(str(warning) for warning in warnings) == (
        "mock.yaml:4:1: warning: 'reviw' is no step, node or agent of the workflow; did you mean 'review'?\n"
        "  reviw: [d]\n"
        "  ^^^^^"
    )


def test_all_mistakes_of_a_file_are_told_at_their_places(tmp_path: Path) -> None:
    text = """\
review: ["x", {repl: 5}, 5]
triage: text
other:
  - {error: rate_limi}
  - {reply: 1, stdout: x}
  - tool_calls: [{with: {}}]
  - {reply: 1, usage: {cost: 3}}
"""
    with pytest.raises(InvalidWorkflow) as caught:
        read_text(tmp_path, text)

    assert [str(problem).splitlines()[0] for problem in caught.value.problems] == [
        "mock.yaml:1:16: error: reply 2 of 'review': unknown key 'repl'",
        "mock.yaml:1:26: error: reply 3 of 'review': expected text, or a mapping such as {reply: 5}, got the number 5",
        "mock.yaml:2:9: error: 'triage': expected a list of replies, such as "
        '["plain text", {reply: {score: 5}}], got "text"',
        "mock.yaml:4:13: error: reply 1 of 'other': expected one of 27 values, got \"rate_limi\"; "
        "did you mean 'rate_limit'?",
        "mock.yaml:5:16: error: reply 2 of 'other': unknown key 'stdout'",
        "mock.yaml:6:18: error: reply 3 of 'other': 'tool' is missing",
        "mock.yaml:7:24: error: reply 4 of 'other': unknown key 'cost'; did you mean 'cost_usd'?",
    ]


@pytest.mark.parametrize("text", ["[]", "text", "review: []", "review: [{}]", '"": [x]', "review: [[]]"])
def test_a_file_of_another_form_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidWorkflow, match=r"mock\.yaml:1:\d+: error: "):
        read_text(tmp_path, text)


def test_only_the_last_reply_may_repeat(tmp_path: Path) -> None:
    with pytest.raises(InvalidWorkflow) as caught:
        read_text(tmp_path, "review:\n  - {repeat: a}\n  - b\n  - {repeat: c}\n")

    assert [str(problem) for problem in caught.value.problems] == [
        "mock.yaml:2:5: error: reply 1 of 'review': only the last reply can be one that repeats\n"
        "    - {repeat: a}\n"
        "      ^^^^^^^^^^^\n"
        "  help: put it at the end of its list: review: [REPLY, {repeat: REPLY}]"
    ]


def test_the_schema_lists_the_error_types_that_there_are() -> None:
    schema = json.loads((ROOT / "schemas" / "mock.schema.json").read_text())

    assert schema["$defs"]["error"]["properties"]["error"]["enum"] == list(get_args(ErrorType))


def test_a_run_with_a_script_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text("""\
wf: 1
name: flow
permissions: {commands: [git]}
models: {fast: openai/gpt-4o}
agents: {critic: {model: fast, tools: [log]}}
tools: {log: {command: [git, log, "{{ inputs.count }}"], inputs: {count: {type: string}}}}
steps:
  - {id: history, command: [git, log]}
  - {id: review, agent: critic, prompt: "Judge {{ nodes.history.output.text }}"}
outputs: {said: "{{ nodes.review.output }}"}
""")
    (tmp_path / "mock.yaml").write_text("""\
history: ["one commit"]
review: [{tool_calls: [{tool: log, with: {count: "3"}}]}, "Well done."]
review/call#2: ["three commits"]
""")

    result = run(tmp_path / "flow.yaml", mock=tmp_path / "mock.yaml")

    assert (result.status, result.outputs) == ("completed", {"said": "Well done."}), result
