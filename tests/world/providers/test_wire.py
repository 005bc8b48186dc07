"""Calls and replies between our form and OpenAI's; failures by what a server said."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.ground.errors import Failure
from runner.world.calls import ModelCall
from runner.world.providers.answers import Trouble
from runner.world.providers.faults import LONGEST_RETRY_AFTER, error_type_of, mask, retry_after
from runner.world.providers.wire import Answer, ToolNames, reply_of, request_of

CALL = ModelCall("critic", "openai/gpt-4o", ({"role": "user", "content": "Hi"},))
NONE = ToolNames(())


@given(st.lists(st.text(min_size=1, max_size=100), unique=True, max_size=8))
def test_every_tools_name_is_sent_in_a_form_that_all_take_and_comes_back(names: list[str]) -> None:
    wire = ToolNames(tuple(names))

    for name in names:
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", wire.sent(name))
        assert wire.meant(wire.sent(name)) == name


@pytest.mark.parametrize("names", [("git/log", "git__log"), ("a/" + "x" * 80, "a/" + "x" * 81), ("a.b", "a/b")])
def test_names_that_would_be_sent_alike_are_told_apart(names: tuple[str, str]) -> None:
    wire = ToolNames(names)

    assert wire.sent(names[0]) != wire.sent(names[1])
    assert [wire.meant(wire.sent(name)) for name in names] == list(names)


def test_arguments_that_were_no_object_are_sent_back_inside_one() -> None:
    said = {"role": "assistant", "content": "", "tool_calls": [{"id": "c", "tool": "git/log", "with": "{bad"}]}
    call = ModelCall("critic", "openai/gpt-4o", (said,))

    [message] = request_of(call, NONE, takes_schema=True)["messages"]

    assert message["tool_calls"][0]["function"] == {"name": "git__log", "arguments": '{"not_an_object": "{bad"}'}


@given(
    st.text(alphabet=st.characters(), max_size=200) | st.sampled_from(["[" * 100_000, "NaN", '{"a": "\\ud800"}', "{}"])
)
def test_whatever_a_model_sends_as_arguments_can_be_stored(arguments: str) -> None:
    reply = reply_of(Answer(tool_calls=(("", "log", arguments),)), CALL, NONE)

    assert not isinstance(reply, Failure)
    [call] = reply["tool_calls"]
    assert isinstance(call["with"], dict | str)
    str(call).encode()


def test_a_tool_without_arguments_may_be_called_with_nothing() -> None:
    reply = reply_of(Answer(tool_calls=(("c", "log", ""),)), CALL, NONE)

    assert not isinstance(reply, Failure)
    assert reply["tool_calls"] == [{"id": "c", "tool": "log", "with": {}}]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7),
        ("0.25", 0.25),
        ("-3", 0),
        ("1e9", LONGEST_RETRY_AFTER),
        ("inf", LONGEST_RETRY_AFTER),
        ("nan", None),
        ("", None),
        ("soon", None),
        ("Sat, 22 Nov 2031 10:00:00 GMT", LONGEST_RETRY_AFTER),
        ("Thu, 01 Jan 1970 00:01:00 GMT", 50),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Thu, 99 Jan 1970 00:00:00 GMT", None),
    ],
)
def test_delays_that_servers_ask_for(text: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": text}, now=10) == seconds


@pytest.mark.parametrize(
    ("status", "codes", "type_"),
    [
        (418, (), "request_refused"),
        (599, (), "llm_down"),
        (302, (), "unknown"),
        (None, (), "llm_down"),
        (None, ("made_up", "Rate_Limit_Error"), "rate_limit"),
        (400, ("insufficient_quota",), "credit_exhausted"),
        (500, ("rate_limit_error",), "llm_down"),
    ],
)
def test_statuses_that_no_table_lists(status: int | None, codes: tuple[str, ...], type_: str) -> None:
    assert error_type_of(Trouble(status, codes, said="rate limit, quota, timeout")) == type_


def test_keys_are_masked_as_they_are_and_as_addresses_and_providers_write_them() -> None:
    environment = {
        "MY_API_KEY": "abc/def=1234",
        "HOME": "/home/user",
        "SHORT_TOKEN": "short",
        "AUTH_TOKEN": "abc/def=1234567",
    }

    said = "abc/def=1234567 ?key=abc%2Fdef%3D1234& sk-proj-ab******yz AIzaSyAbcdefgh123 /home/user short skip-lists"

    assert mask(said, environment) == "*** ?key=***& *** *** /home/user short skip-lists"


def test_files_go_as_parts_of_a_message() -> None:
    files = [
        {"path": "in/a.png", "type": "image/png", "size": 1, "sha256": "", "data": "AA=="},
        {"path": "in/b.pdf", "type": "application/pdf", "size": 1, "sha256": "", "data": "BB=="},
        {"path": "c.txt", "type": "text/plain", "size": 1, "sha256": "", "text": "a frog"},
    ]
    call = ModelCall("critic", "openai/gpt-4o", ({"role": "user", "content": "Look", "files": files},))

    [message] = request_of(call, NONE, takes_schema=True)["messages"]

    assert message == {
        "role": "user",
        "content": [
            {"type": "text", "text": "Look"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
            {"type": "file", "file": {"filename": "b.pdf", "file_data": "data:application/pdf;base64,BB=="}},
            {"type": "text", "text": "File c.txt:\na frog"},
        ],
    }
