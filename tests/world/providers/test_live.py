"""Live models, against a server on loopback: what is sent, what comes back, what each kind of mishap is called."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.world.providers.conftest import KEY, ROOT, Asker
from tests.world.providers.server import INSIDE, ODD_USAGES

pytestmark = pytest.mark.xdist_group("litellm")

LOG = {"name": "git/log", "description": "Lists commits", "schema": {"type": "object", "properties": {}}}
UNCOUNTED = {"model": "openai/gpt-4o-mini", "counted": False}
WAYS = ["openai/gpt-4o-mini", "mistral/mistral-small-latest"]
"""A model that is asked directly, and one that litellm asks."""
SCORE = {"type": "object", "properties": {"score": {"type": "integer"}}, "required": ["score"]}


def test_a_reply_its_usage_and_its_price(asker: Asker) -> None:
    answer = asker.ask("ok", temperature=0.5, max_reply_tokens=50)

    assert answer["output"] == {"text": "hello", "tool_calls": [], "finish": "stop"}
    # gpt-4o-mini by the list: 0.15 and 0.60 USD per million tokens, whatever the server calls the model
    assert answer["usage"].pop("cost_usd") == pytest.approx(0.00135)
    assert answer["usage"] == {"model": "openai/gpt-4o-mini", "prompt_tokens": 1000, "reply_tokens": 2000}
    assert answer["streamed"] == [["triage/call#1", "hello"]]
    (request,) = asker.requests()
    assert request.path == "/ok/chat/completions"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.body == {
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": "Hi"}],
        "max_tokens": 50,
        "temperature": 0.5,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_nothing_of_litellms_proxy_is_loaded(asker: Asker) -> None:
    answer = asker.ask("ok", tools=[LOG])

    assert answer["output"]["text"] == "hello"
    assert answer["modules"] == []


@pytest.mark.parametrize(("mode", "model"), [("ok", "openai/gpt-4o"), ("anthropic", "anthropic/claude-sonnet-4-5")])
def test_the_environment_stays_as_it_was(asker: Asker, mode: str, model: str) -> None:
    assert asker.ask(mode, model)["environment"] == []


def test_tools_go_out_and_their_calls_come_back_under_their_own_names(asker: Asker) -> None:
    answer = asker.ask("tools", tools=[LOG])

    assert answer["output"]["tool_calls"] == [{"id": "c1", "tool": "git/log", "with": {"count": 3}}]
    assert answer["output"]["finish"] == "tool_calls"
    assert answer["streamed"] == []
    (request,) = asker.requests()
    assert request.body["tools"] == [
        {
            "type": "function",
            "function": {"name": "git__log", "description": "Lists commits", "parameters": LOG["schema"]},
        }
    ]


def test_tool_calls_that_make_no_sense_are_handed_on_for_the_agent_to_refuse(asker: Asker) -> None:
    answer = asker.ask("odd_tools", tools=[LOG])

    assert answer["output"]["tool_calls"] == [
        {"id": "c1", "tool": "made_up", "with": "{bad"},
        {"id": "c2", "tool": "git/log", "with": "[1]"},
    ]


def test_a_conversation_with_tools_is_sent_as_the_protocol_has_it(asker: Asker) -> None:
    said = {"role": "assistant", "content": "", "tool_calls": [{"id": "c1", "tool": "git/log", "with": {"count": 3}}]}
    told = {"role": "tool", "tool_call_id": "c1", "content": "one commit"}

    asker.ask("ok", tools=[LOG], messages=[{"role": "user", "content": "Hi"}, said, told])

    (request,) = asker.requests()
    function = {"name": "git__log", "arguments": '{"count": 3}'}
    assert request.body["messages"][1:] == [
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "type": "function", "function": function}]},
        told,
    ]


def test_a_schema_goes_to_a_model_that_takes_one(asker: Asker) -> None:
    asker.ask("ok", output_schema=SCORE)

    (request,) = asker.requests()
    described = {"name": "reply", "schema": SCORE, "strict": False}
    assert request.body["response_format"] == {"type": "json_schema", "json_schema": described}


def test_a_schema_goes_to_any_server_that_speaks_openais_protocol(asker: Asker) -> None:
    asker.ask("ok", "openai/my-own", output_schema=SCORE)

    (request,) = asker.requests()
    assert request.body["response_format"]["json_schema"]["schema"] == SCORE


def test_where_a_schema_is_refused_it_is_put_into_the_prompt(asker: Asker) -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]

    answer = asker.ask("schemaless", output_schema=SCORE, messages=messages, times=2)

    assert answer["output"]["text"] == "hello"
    with_schema, *without = asker.requests()
    assert "response_format" in with_schema.body
    assert len(without) == 2, "the second call knows what the first one learnt"
    for request in without:
        assert "response_format" not in request.body
        system, user = request.body["messages"]
        assert system["content"].startswith("Be brief.\n\nAnswer with one JSON value alone")
        assert user == messages[1]


@pytest.mark.parametrize("mode", ["400", "422"])
def test_a_request_that_is_refused_without_its_schema_too_has_failed(asker: Asker, mode: str) -> None:
    answer = asker.ask(mode, output_schema=SCORE)

    assert answer["failure"]["type"] == "request_refused"
    assert ["response_format" in request.body for request in asker.requests()] == [True, False]


@pytest.mark.parametrize("mode", ["401", "404", "429", "500", "long", "poor"])
def test_what_is_refused_for_another_reason_is_not_asked_again_without_its_schema(asker: Asker, mode: str) -> None:
    asker.ask(mode, output_schema=SCORE)

    assert len(asker.requests()) == 1


def test_a_schema_is_put_into_the_prompt_of_a_model_that_takes_none(asker: Asker) -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]

    asker.ask("ok", "mistral/my-own", output_schema=SCORE, messages=messages)

    (request,) = asker.requests()
    assert "response_format" not in request.body
    system, user = request.body["messages"]
    assert system["content"].startswith("Be brief.\n\nAnswer with one JSON value alone")
    assert '"required": ["score"]' in system["content"]
    assert user == messages[1]


def test_a_model_without_a_list_price_has_none(asker: Asker) -> None:
    usage = asker.ask("ok", "openai/my-own")["usage"]

    assert usage == {"model": "openai/my-own", "prompt_tokens": 1000, "reply_tokens": 2000}


def test_usage_that_was_not_counted_is_unknown(asker: Asker) -> None:
    assert asker.ask("uncounted")["usage"] == UNCOUNTED


@pytest.mark.parametrize("model", WAYS)
@pytest.mark.parametrize("number", range(len(ODD_USAGES)))
def test_usage_that_is_no_count_is_unknown_and_costs_no_reply(asker: Asker, model: str, number: int) -> None:
    answer = asker.ask(f"usage_{number}", model)

    assert answer["output"]["text"] == "hello"
    assert answer["usage"] == {"model": model, "counted": False}


def test_a_whole_number_counts_however_it_is_written(asker: Asker) -> None:
    usage = asker.ask("usage_whole")["usage"]

    assert (usage["prompt_tokens"], usage["reply_tokens"]) == (1000, 2000)


@pytest.mark.parametrize("model", WAYS)
@pytest.mark.parametrize(
    "mode", ["in_parts", "thought", "one_part", "bare_texts", "bare_message", "old_text", "more_than_asked"]
)
def test_the_text_of_a_reply_is_found_in_every_form_of_it(asker: Asker, model: str, mode: str) -> None:
    assert asker.ask(mode, model)["output"] == {"text": "hello", "tool_calls": [], "finish": "stop"}


CALLS = {
    "old_call": [{"id": "", "tool": "git/log", "with": {"count": 3}}],
    "object_arguments": [{"id": "c1", "tool": "git/log", "with": {"count": 3}}],
    "no_arguments": [{"id": "c1", "tool": "git/log", "with": {}}] * 3,
    "list_arguments": [{"id": "c1", "tool": "git/log", "with": "[3]"}],
    "odd_ids": [{"id": name, "tool": "git/log", "with": {}} for name in ("", "7", "")],
    "nameless": [{"id": "c1", "tool": "", "with": {}}],
}


@pytest.mark.parametrize("model", WAYS)
@pytest.mark.parametrize("mode", CALLS)
def test_a_tool_call_is_found_in_every_form_of_it(asker: Asker, model: str, mode: str) -> None:
    output = asker.ask(mode, model, tools=[LOG])["output"]

    assert output == {"text": "", "tool_calls": CALLS[mode], "finish": "tool_calls"}


@pytest.mark.parametrize("model", WAYS)
@pytest.mark.parametrize("name", INSIDE)
def test_an_error_that_comes_as_a_success_is_what_its_code_says(asker: Asker, model: str, name: str) -> None:
    answer = asker.ask(f"inside_{name}", model)

    assert answer["failure"]["type"] == INSIDE[name][1], answer
    assert len(asker.requests()) == 1
    assert answer["usage"] is None


@pytest.mark.parametrize("model", WAYS)
@pytest.mark.parametrize("mode", ["null_message", "no_message", "list_message"])
def test_an_answer_without_a_message_is_told_in_a_sentence(asker: Asker, model: str, mode: str) -> None:
    answer = asker.ask(mode, model)

    assert answer["failure"] == {
        "type": "llm_down",
        "message": f"{model}: the provider's answer holds no message",
        "details": {},
    }
    assert answer["usage"]["reply_tokens"] == 2000, "what the server counted for it is known"


@pytest.mark.parametrize("model", WAYS)
@pytest.mark.parametrize(
    ("mode", "counted"),
    [("500", True), ("429", True), ("html", False), ("truncated", False), ("reset", False), ("vanish", False)],
)
def test_what_a_failed_call_may_have_cost_is_unknown(asker: Asker, model: str, mode: str, counted: bool) -> None:
    assert asker.ask(mode, model)["usage"] == (None if counted else {"model": model, "counted": False})


@pytest.mark.parametrize("name", ["usage", "no_usage", "text"])
def test_what_is_odd_in_other_protocols_costs_no_reply(asker: Asker, name: str) -> None:
    answer = asker.ask(f"anthropic_{name}", "anthropic/claude-sonnet-4-5")

    assert answer["output"]["text"] == "hello"
    assert answer["usage"] == {"model": "anthropic/claude-sonnet-4-5", "counted": False}


def test_counts_of_gemini_that_are_none_cost_no_reply(asker: Asker) -> None:
    answer = asker.ask("gemini_odd", "gemini/gemini-2.5-flash")

    assert answer["output"]["text"] == "hello"
    assert answer["usage"] == {"model": "gemini/gemini-2.5-flash", "counted": False}


def test_ollama_is_asked_once_and_needs_no_key(asker: Asker) -> None:
    answer = asker.ask("ok", "ollama/llama3.1", tools=[LOG], output_schema=SCORE)

    assert answer["output"]["text"] == "hello"
    assert answer["usage"]["model"] == "ollama/llama3.1"
    assert "cost_usd" not in answer["usage"]
    (request,) = asker.requests()
    assert request.path == "/ok/v1/chat/completions"
    assert request.body["response_format"]["json_schema"]["schema"] == SCORE


@pytest.mark.parametrize(
    ("mode", "model", "path", "header"),
    [
        ("anthropic", "anthropic/claude-sonnet-4-5", "/anthropic/v1/messages", "x-api-key"),
        ("gemini", "gemini/gemini-2.5-flash", "/gemini/models/gemini-2.5-flash:generateContent", "x-goog-api-key"),
        ("ok", "mistral/mistral-small-latest", "/ok/v1/chat/completions", "authorization"),
    ],
)
def test_other_providers_are_reached_where_the_environment_says(
    asker: Asker, mode: str, model: str, path: str, header: str
) -> None:
    answer = asker.ask(mode, model, tools=[LOG], output_schema=SCORE)

    assert answer["output"]["text"] == "hello"
    (request,) = asker.requests()
    assert (request.path, request.headers[header].removeprefix("Bearer ")) == (path, KEY)


# What a server does, and the failure that this is.
FAILURES = {
    "400": "request_refused",
    "401": "authentication",
    "402": "credit_exhausted",
    "403": "authentication",
    "404": "request_refused",
    "408": "timeout",
    "409": "provider_unavailable",
    "413": "request_refused",
    "422": "request_refused",
    "429": "rate_limit",
    "500": "llm_down",
    "502": "llm_down",
    "503": "provider_unavailable",
    "504": "llm_down",
    "529": "llm_down",
    "quota": "credit_exhausted",
    "poor": "credit_exhausted",
    "long": "request_refused",
    "html": "llm_down",
    "half_json": "llm_down",
    "array": "llm_down",
    "no_choices": "llm_down",
    "truncated": "network",
    "reset": "network",
    "vanish": "network",
    "redirect": "unknown",
    "null": "output_invalid",
    "blank": "output_invalid",
    "refusal": "output_invalid",
    "filtered": "output_invalid",
    "quoting": "request_refused",
    "null_choice": "llm_down",
    "null_choices": "llm_down",
    "no_answer": "llm_down",
    "refusing_part": "output_invalid",
    "cut_at_once": "output_invalid",
}


@pytest.mark.parametrize("model", WAYS)
@pytest.mark.parametrize(("mode", "type_"), FAILURES.items())
def test_a_failure_is_named_after_one_request_and_tells_no_key(asker: Asker, model: str, mode: str, type_: str) -> None:
    answer = asker.ask(mode, model)

    assert answer["failure"]["type"] == type_, answer
    assert len(asker.requests()) == 1
    assert answer["failure"]["message"].startswith(model)
    assert answer["failure"]["message"].isprintable()
    assert KEY not in str(answer)
    assert answer["streamed"] == []


@pytest.mark.parametrize("model", ["anthropic/claude-sonnet-4-5", "gemini/gemini-2.5-flash", "ollama/llama3.2"])
@pytest.mark.parametrize("mode", ["401", "429", "503", "529", "redirect", "reset", "html"])
def test_failures_are_the_same_whoever_is_asked(asker: Asker, model: str, mode: str) -> None:
    answer = asker.ask(mode, model)

    assert answer["failure"]["type"] == FAILURES[mode], answer
    assert len(asker.requests()) == 1
    assert KEY not in str(answer)


def test_messages_say_what_is_wrong_and_what_to_do(asker: Asker) -> None:
    said = {
        mode: asker.ask(mode)["failure"]["message"] for mode in ("echo", "500", "redirect", "cut_at_once", "refusal")
    }

    assert said == {
        "echo": "openai/gpt-4o-mini: access was refused (401): check OPENAI_API_KEY, or run offline: "
        "--mock FILE: Incorrect API key provided: ***",
        "500": "openai/gpt-4o-mini: the provider failed (500): no luck, says [31mBearer ***",
        "redirect": "openai/gpt-4o-mini: the provider points to another address (307), where the key does not go: "
        "correct its base URL",
        "cut_at_once": (
            "openai/gpt-4o-mini: max_reply_tokens (4096) was used up before the model said anything: raise it"
        ),
        "refusal": "openai/gpt-4o-mini: the model refuses: I would rather not.",
    }


def test_a_reply_that_was_not_whole_says_so(asker: Asker) -> None:
    for mode in ("cut", "cut_word", "cut_model"):
        assert asker.ask(mode)["output"] == {"text": "Once upon", "tool_calls": [], "finish": "length"}


def test_a_reply_that_was_cut_is_handed_on_for_the_agent_to_judge(asker: Asker) -> None:
    said = asker.ask("cut_tools", tools=[LOG])["output"]
    assert (said["finish"], said["text"]) == ("length", "")
    assert asker.ask("cut_at_once", output_schema=SCORE)["output"] == {"text": "", "tool_calls": [], "finish": "length"}


def test_a_failed_reply_has_cost_what_it_cost(asker: Asker) -> None:
    assert asker.ask("null")["usage"]["reply_tokens"] == 2000


def test_half_a_character_is_replaced(asker: Asker) -> None:
    assert asker.ask("surrogate")["output"]["text"] == "half \ufffd"


@pytest.mark.parametrize("model", WAYS)
@pytest.mark.parametrize(("mode", "seconds"), [("429", 7), ("later", 3600), ("dated", 90), ("soon", None), ("400", 7)])
def test_the_delay_that_a_server_asks_for(asker: Asker, model: str, mode: str, seconds: float | None) -> None:
    assert asker.ask(mode, model)["retry_after"] == seconds


@pytest.mark.parametrize("model", WAYS)
@pytest.mark.parametrize("mode", ["hang", "dribble"])
def test_a_call_ends_when_it_is_cancelled(asker: Asker, model: str, mode: str) -> None:
    answer = asker.ask(mode, model, cut=True)

    assert answer["cut"]
    assert len(asker.requests()) == 1
    assert asker.ask("ok")["output"]["text"] == "hello"


def test_a_server_that_stays_silent_is_a_timeout(asker: Asker) -> None:
    answer = asker.ask("hang", idle_timeout=0.2)

    assert answer["failure"]["type"] == "timeout"
    where = f"at 127.0.0.1:{asker.port()}"
    assert answer["failure"]["message"] == f"openai/gpt-4o-mini sent nothing for the time of its idle_timeout {where}"


def test_nobody_there_is_the_network(asker: Asker) -> None:
    answer = asker.ask(environment={"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"})

    assert answer["failure"]["type"] == "network"
    assert "can't be reached at 127.0.0.1:1: " in answer["failure"]["message"]


def test_an_unknown_provider_is_told_with_a_near_name(asker: Asker) -> None:
    answer = asker.ask("ok", "opnai/gpt-4o")

    assert answer["failure"]["type"] == "provider_unavailable"
    assert answer["failure"]["message"] == (
        "there is no provider 'opnai' (of model 'opnai/gpt-4o'); did you mean 'openai'?"
    )
    assert asker.requests() == []


@pytest.mark.parametrize(("model", "temperature"), [("o1", 0.5), ("gpt-5-mini", 0), ("o3-mini", 1.5)])
def test_what_a_model_does_not_take_is_refused_not_dropped(asker: Asker, model: str, temperature: float) -> None:
    answer = asker.ask("ok", f"openai/{model}", temperature=temperature)

    assert answer["failure"]["type"] == "input_invalid"
    assert answer["failure"]["message"] == (
        f"openai/{model} takes no temperature of {temperature:g}: remove `temperature`; nothing was sent"
    )
    assert asker.requests() == []


def test_importing_the_provider_does_not_import_litellm() -> None:
    heavy = ("litellm", "openai", "httpx")
    code = f"import runner.world.providers.live, sys; print([m for m in {heavy} if m in sys.modules])"

    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert ran.stdout == "[]\n"


def test_what_litellms_modules_warn_of_reaches_nobody() -> None:
    code = (
        "import logging; from runner.world.providers.library import load_litellm; load_litellm()\n"
        "for name in ('litellm.llms.some', 'openai._base', 'httpx', 'LiteLLM'): logging.getLogger(name).warning('hm')"
    )

    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert (ran.stdout, ran.stderr) == ("", "")
