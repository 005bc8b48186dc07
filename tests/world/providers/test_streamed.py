"""Answers that come in pieces are the same as those that come whole; one that was cut is not taken for whole."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.ground.json_value import Json
from runner.world.providers.answers import read_answer, read_completion
from runner.world.providers.streamed import Assembly
from tests.world.providers.conftest import Asker
from tests.world.providers.server import completion, streamed, tool_calls
from tests.world.providers.test_live import LOG, UNCOUNTED

WHOLE = [
    "ok",
    "tools",
    "odd_tools",
    "cut_tools",
    "cut",
    "surrogate",
    "blank",
    "cut_at_once",
    "filtered",
    "no_arguments",
]


def assembled(stream: bytes, cuts: list[int]) -> tuple[Assembly, str]:
    """What has come of a stream that arrives cut at these places, and the text that was told on the way."""
    assembly = Assembly()
    places = sorted({cut % (len(stream) + 1) for cut in cuts})
    pieces = [stream[begin:end] for begin, end in zip([0, *places], [*places, len(stream)], strict=True)]
    return assembly, "".join(map(assembly.take, pieces)) + assembly.end()


def events(chunks: list[Json], newline: str = "\n") -> bytes:
    return "".join(f"data: {json.dumps(chunk)}{newline}{newline}" for chunk in chunks).encode()


@given(
    st.text(max_size=40),
    st.lists(st.tuples(st.sampled_from(["git__log", "read", ""]), st.text(max_size=10)), max_size=3),
    st.lists(st.integers(0, 10_000), max_size=8),
    st.sampled_from(["\n", "\r\n"]),
)
def test_however_a_stream_is_cut_it_is_the_whole_answer(
    text: str, calls: list[tuple[str, str]], cuts: list[int], newline: str
) -> None:
    message: Json = {"content": text} if not calls else {"content": text, "tool_calls": tool_calls(*calls)}
    whole = completion(message)

    assembly, told = assembled(events(streamed(whole), newline), cuts)

    said, expected = (
        read_completion(assembly.completion()),
        read_answer(200, json.dumps(whole).encode(), is_completion=True),
    )
    assert isinstance(said, dict)
    assert isinstance(expected, dict)
    assert (said["choices"], said["usage"]) == (expected["choices"], expected["usage"])
    assert told == text
    assert assembly.is_whole


@pytest.mark.parametrize("mode", WHOLE)
def test_a_streamed_answer_gives_the_same_as_a_whole_one(asker: Asker, mode: str) -> None:
    whole, piecemeal = asker.ask(mode, tools=[LOG]), asker.ask(f"sse_{mode}", tools=[LOG])

    text = "".join(piece for _, piece in piecemeal.pop("streamed"))
    assert piecemeal == {key: value for key, value in whole.items() if key != "streamed"}
    if "output" in piecemeal:
        assert text.strip() in piecemeal["output"]["text"]


def test_the_text_of_a_reply_is_told_as_it_comes(asker: Asker) -> None:
    assert asker.ask("sse_ok")["streamed"] == [["triage/call#1", "hel"], ["triage/call#1", "lo"]]


@pytest.mark.fault("L6", "direct")
def test_a_stream_that_ends_before_its_end_was_cut(asker: Asker) -> None:
    answer = asker.ask("sse_halved_ok")

    where = f"openai/gpt-4o-mini can't be reached at 127.0.0.1:{asker.port()}"
    assert answer["failure"]["type"] == "network"
    assert answer["failure"]["message"] == f"{where}: the answer was cut: its stream ended before the reply did"
    assert answer["usage"] == UNCOUNTED


def test_a_stream_that_ends_with_done_is_whole_though_no_reason_is_given(asker: Asker) -> None:
    assert asker.ask("sse_endless_ok")["output"] == {"text": "hello", "tool_calls": [], "finish": "stop"}


def test_an_error_within_a_stream_is_what_its_code_says(asker: Asker) -> None:
    answer = asker.ask("sse_failing_ok")

    assert answer["failure"]["type"] == "rate_limit"
    assert answer["usage"] is None


ODD_CALLS: dict[str, list[Json]] = {
    "one place for all": [
        {"index": 0, "id": "a", "function": {"name": "git__log", "arguments": "{}"}},
        {"index": 0, "id": "b", "function": {"name": "git__log", "arguments": "{}"}},
    ],
    "no places": [
        {"id": "a", "function": {"name": "git__log", "arguments": '{"count"'}},
        {"function": {"arguments": ": 3}"}},
        {"id": "b", "function": {"name": "git__log", "arguments": {"count": 4}}},
    ],
    "a name in each piece": [
        {"index": 1, "id": "a", "function": {"name": "git__log", "arguments": "{"}},
        {"index": 1, "id": "a", "function": {"name": "git__log", "arguments": "}"}},
    ],
}


@pytest.mark.parametrize(
    ("name", "calls"),
    [
        ("one place for all", [("a", "{}"), ("b", "{}")]),
        ("no places", [("a", '{"count": 3}'), ("b", '{"count": 4}')]),
        ("a name in each piece", [("a", "{}")]),
    ],
)
def test_pieces_of_tool_calls_come_together_in_every_form_of_them(name: str, calls: list[tuple[str, str]]) -> None:
    chunks = [{"choices": [{"index": 0, "delta": {"tool_calls": [piece]}}]} for piece in ODD_CALLS[name]]

    assembly, _ = assembled(events(chunks), [])

    said = assembly.completion()["choices"][0]["message"]["tool_calls"]
    assert [(call["id"], call["function"]["arguments"]) for call in said] == calls
    assert {call["function"]["name"] for call in said} == {"git__log"}


@pytest.mark.parametrize("sent", ["data: [1]", "data: {bad", "data: " + "[" * 100_000])
def test_an_event_that_is_no_object_is_told_in_a_sentence(sent: str) -> None:
    assembly, _ = assembled(f"{sent}\n\n".encode(), [])

    assert assembly.trouble is not None
    assert assembly.trouble.wrong == "the provider's answer holds an event that is no JSON object"
