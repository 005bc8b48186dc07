"""What servers answer, made into one form: whatever it is, it is a reply or a trouble, and never breaks."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from runner.world.providers.answers import Trouble, read_answer

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 700) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
WORDS = st.sampled_from(["text", "refusal", "thinking", "stop", "error", "length", "function_call", "429", "name"])
CALL = st.fixed_dictionaries(
    {}, optional={"id": JSON, "function": JSON | st.fixed_dictionaries({}, optional={"name": JSON, "arguments": JSON})}
)
MESSAGE = st.fixed_dictionaries(
    {},
    optional={
        "content": JSON | st.lists(st.dictionaries(WORDS | st.just("type"), JSON | WORDS, max_size=3), max_size=3),
        "tool_calls": JSON | st.lists(CALL, max_size=3),
        "function_call": JSON,
        "refusal": JSON,
    },
)
CHOICE = st.fixed_dictionaries(
    {}, optional={"message": MESSAGE | JSON, "finish_reason": JSON | WORDS, "error": JSON, "text": JSON}
)
USAGE = st.fixed_dictionaries({}, optional=dict.fromkeys(("prompt_tokens", "completion_tokens", "details"), JSON))
ANSWER = st.fixed_dictionaries(
    {},
    optional={
        "choices": JSON | st.lists(CHOICE | JSON, max_size=2),
        "usage": JSON | USAGE,
        "error": JSON | st.dictionaries(st.sampled_from(["code", "type", "message", "status"]), JSON | WORDS),
        "model": JSON,
        "type": JSON | st.just("message"),
        "candidates": JSON,
    },
)


def is_plain(answer: Any) -> bool:
    """Whether an answer has the form that litellm and its libraries read without a word."""
    [choice] = answer["choices"]
    message = choice["message"]
    calls = message.get("tool_calls", [])
    return (
        choice["finish_reason"] in {"stop", "length", "content_filter", "tool_calls"}
        and isinstance(message["content"], str | None)
        and isinstance(message.get("refusal", ""), str)
        and all(isinstance(part, str) for call in calls for part in (call["id"], *call["function"].values()))
        and all(
            type(count) is int or all(type(part) is int for part in count.values())
            for count in answer.get("usage", {}).values()
        )
        and isinstance(answer["model"], str)
    )


@given(ANSWER | JSON, st.sampled_from([200, 201, 400, 429, 500]))
def test_any_answer_is_a_plain_reply_or_a_trouble(answer: Any, status: int) -> None:
    read = read_answer(status, json.dumps(answer).encode(), is_completion=True)

    assert isinstance(read, Trouble) or is_plain(read)
    assert isinstance(read, Trouble) or status < 400
    assert not isinstance(read, Trouble) or read.status is None or 400 <= read.status < 600


@given(st.binary(max_size=40), st.booleans())
def test_any_bytes_are_read(body: bytes, completes: bool) -> None:
    assert read_answer(200, body, is_completion=completes) is not None
    assert isinstance(read_answer(503, body, is_completion=completes), Trouble)


@given(st.lists(st.text(max_size=5), min_size=1, max_size=4))
def test_the_parts_of_a_text_are_the_text(parts: list[str]) -> None:
    def text_of(content: Any) -> Any:
        body = {"choices": [{"message": {"content": content}}]}
        read = read_answer(200, json.dumps(body).encode(), is_completion=True)
        assert not isinstance(read, Trouble)
        return read["choices"][0]["message"]["content"] or ""

    assert text_of([{"type": "text", "text": part} for part in parts]) == text_of("".join(parts))


def test_what_is_nested_without_end_is_no_answer() -> None:
    read = read_answer(200, b"[" * 100_000, is_completion=True)

    assert read == Trouble(wrong="the provider's answer is no JSON object")


def test_an_error_that_says_nothing_is_none() -> None:
    body = {"error": {"message": "", "code": None}, "choices": [{"message": {"content": "hello"}}]}
    read = read_answer(200, json.dumps(body).encode(), is_completion=True)

    assert not isinstance(read, Trouble)
    assert read["choices"][0]["message"]["content"] == "hello"
