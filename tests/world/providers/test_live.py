"""Live models, against a server on loopback: what is sent, what comes back, what each kind of mishap is called."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.world.providers.conftest import KEY, ROOT, Asker

pytestmark = pytest.mark.xdist_group("litellm")

LOG = {"name": "git/log", "description": "Lists commits", "schema": {"type": "object", "properties": {}}}
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
        {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": function}]},
        told,
    ]


def test_a_schema_goes_to_a_model_that_takes_one(asker: Asker) -> None:
    asker.ask("ok", output_schema=SCORE)

    (request,) = asker.requests()
    described = {"name": "reply", "schema": SCORE, "strict": False}
    assert request.body["response_format"] == {"type": "json_schema", "json_schema": described}


def test_a_schema_is_put_into_the_prompt_of_any_other(asker: Asker) -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]

    asker.ask("ok", "openai/my-own", output_schema=SCORE, messages=messages)

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
    assert asker.ask("uncounted")["usage"] is None


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
    "400": "input_invalid",
    "401": "authentication",
    "402": "credit_exhausted",
    "403": "authentication",
    "404": "input_invalid",
    "408": "timeout",
    "409": "provider_unavailable",
    "413": "input_invalid",
    "422": "input_invalid",
    "429": "rate_limit",
    "500": "llm_down",
    "502": "llm_down",
    "503": "provider_unavailable",
    "504": "llm_down",
    "529": "llm_down",
    "quota": "credit_exhausted",
    "poor": "credit_exhausted",
    "long": "input_invalid",
    "html": "llm_down",
    "half_json": "llm_down",
    "array": "llm_down",
    "no_choices": "llm_down",
    "truncated": "network",
    "reset": "network",
    "redirect": "unknown",
    "null": "output_invalid",
    "blank": "output_invalid",
    "refusal": "output_invalid",
    "filtered": "output_invalid",
    "cut_tools": "output_invalid",
    "cut_at_once": "output_invalid",
}


@pytest.mark.parametrize(("mode", "type_"), FAILURES.items())
def test_a_failure_is_named_after_one_request_and_tells_no_key(asker: Asker, mode: str, type_: str) -> None:
    answer = asker.ask(mode)

    assert answer["failure"]["type"] == type_, answer
    assert len(asker.requests()) == 1
    assert answer["failure"]["message"].startswith("openai/gpt-4o-mini")
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
        "correct its base URL: Error code: 307",
        "cut_at_once": (
            "openai/gpt-4o-mini: max_reply_tokens (4096) was used up before the model said anything: raise it"
        ),
        "refusal": "openai/gpt-4o-mini: the model refuses: I would rather not.",
    }


def test_a_reply_that_was_not_whole_says_so(asker: Asker) -> None:
    assert asker.ask("cut")["output"] == {"text": "Once upon", "tool_calls": [], "finish": "length"}


def test_a_failed_reply_has_cost_what_it_cost(asker: Asker) -> None:
    assert asker.ask("null")["usage"]["reply_tokens"] == 2000


def test_half_a_character_is_replaced(asker: Asker) -> None:
    assert asker.ask("surrogate")["output"]["text"] == "half \ufffd"


@pytest.mark.parametrize(("mode", "seconds"), [("429", 7), ("later", 3600), ("dated", 90), ("soon", None), ("400", 7)])
def test_the_delay_that_a_server_asks_for(asker: Asker, mode: str, seconds: float | None) -> None:
    assert asker.ask(mode)["retry_after"] == seconds


@pytest.mark.parametrize("mode", ["hang", "dribble"])
def test_a_call_ends_when_it_is_cancelled(asker: Asker, mode: str) -> None:
    answer = asker.ask(mode, cut=True)

    assert answer["cut"]
    assert len(asker.requests()) == 1
    assert asker.ask("ok")["output"]["text"] == "hello"


def test_a_server_that_stays_silent_is_a_timeout(asker: Asker) -> None:
    answer = asker.ask("hang", timeout=0.2)

    assert answer["failure"]["type"] == "timeout"
    assert answer["failure"]["message"] == f"openai/gpt-4o-mini did not answer in time at 127.0.0.1:{asker.port()}"


def test_nobody_there_is_the_network(asker: Asker) -> None:
    answer = asker.ask(environment={"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"})

    assert answer["failure"]["type"] == "network"
    assert "can't be reached at 127.0.0.1:1: " in answer["failure"]["message"]


def test_an_unknown_provider_is_told_with_a_near_name(asker: Asker) -> None:
    answer = asker.ask("ok", "opnai/gpt-4o")

    assert answer["failure"]["type"] == "provider_unavailable"
    assert answer["failure"]["message"] == "litellm knows no provider of 'opnai/gpt-4o'; did you mean 'openai'?"
    assert asker.requests() == []


def test_what_a_model_does_not_take_is_refused_not_dropped(asker: Asker) -> None:
    answer = asker.ask("ok", "openai/o1", temperature=0.5)

    assert answer["failure"]["type"] == "input_invalid"
    assert "temperature" in answer["failure"]["message"]
    assert asker.requests() == []


def test_importing_the_provider_does_not_import_litellm() -> None:
    heavy = ("litellm", "openai", "httpx")
    code = f"import runner.world.providers.live, sys; print([m for m in {heavy} if m in sys.modules])"

    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert ran.stdout == "[]\n"
