"""Where a model is asked and with which key: names, variables, addresses."""

from __future__ import annotations

import asyncio
import sys

import pytest

from runner.ground.errors import Failure
from runner.workflow.permissions import Permissions
from runner.world.calls import Attempt, CallFailed, Context, ModelCall
from runner.world.providers.endpoints import KNOWN, Endpoint, find_endpoint, model_problem
from runner.world.providers.live import Live
from tests.clock import FixedClock


def found(model: str, **environment: str) -> Endpoint:
    endpoint = find_endpoint(model, environment)
    assert isinstance(endpoint, Endpoint), endpoint
    return endpoint


def refused(model: str, **environment: str) -> Failure:
    failure = find_endpoint(model, environment)
    assert isinstance(failure, Failure), failure
    return failure


def test_a_key_and_an_address_come_from_the_environment() -> None:
    endpoint = found("openai/gpt-4o", OPENAI_API_KEY="k", OPENAI_BASE_URL="https://proxy.example:8443/v1/")

    assert endpoint == Endpoint("openai/gpt-4o", "https://proxy.example:8443/v1", "k", "OPENAI_API_KEY", direct=True)
    assert endpoint.host == "proxy.example:8443"


def test_without_an_address_the_provider_is_asked_where_it_is() -> None:
    endpoint = found("anthropic/claude-sonnet-4-5", ANTHROPIC_API_KEY="k")

    assert (endpoint.base, endpoint.host) == ("", "")


@pytest.mark.parametrize("given", ["http://gpu:11434", "http://gpu:11434/", "http://gpu:11434/v1"])
def test_ollama_is_spoken_to_as_openai(given: str) -> None:
    endpoint = found("ollama/llama3.2", OLLAMA_API_BASE=given)

    assert (endpoint.direct, endpoint.name, endpoint.base) == (True, "llama3.2", "http://gpu:11434/v1")
    assert not endpoint.has_list_price


def test_ollama_is_at_home_unless_the_environment_says_where() -> None:
    assert found("ollama_chat/llama3.2").base == "http://localhost:11434/v1"


def test_a_providers_second_variable_serves_when_the_first_is_empty() -> None:
    endpoint = found("gemini/gemini-2.5-flash", GEMINI_API_KEY="", GOOGLE_API_KEY="k")

    assert (endpoint.key, endpoint.key_name) == ("k", "GOOGLE_API_KEY")


@pytest.mark.parametrize("provider", [name for name, known in KNOWN.items() if known.needs_key])
def test_without_a_key_the_variable_and_the_offline_ways_are_named(provider: str) -> None:
    failure = refused(f"{provider}/some-model")

    variable = KNOWN[provider].keys[0]
    assert failure.type == "authentication"
    assert failure.message == (f"{provider}/some-model needs a key: set {variable}, or run offline: --mock FILE")


def test_a_provider_without_an_address_of_its_own_asks_for_one() -> None:
    assert refused("azure/gpt-4o", AZURE_API_KEY="k").message.startswith(
        "azure/gpt-4o needs an address: set AZURE_API_BASE"
    )


@pytest.mark.parametrize("address", ["localhost:1234", "ftp://host/v1", "http://", "http://[::1", "http://host:99999"])
def test_what_is_no_address_is_refused_by_the_name_of_its_variable(address: str) -> None:
    failure = refused("openai/gpt-4o", OPENAI_API_KEY="k", OPENAI_BASE_URL=address)

    assert failure.type == "input_invalid"
    assert failure.message == "OPENAI_BASE_URL is no address: write it in full, such as http://localhost:8000/v1"


@pytest.mark.parametrize(
    "model",
    [
        "openai/gpt-4o-mini",
        "openrouter/meta-llama/llama-3.3-70b-instruct:free",
        "bedrock/arn:aws:bedrock:us-east-1:123:inference-profile/x",
        "cloudflare/@cf/meta/llama-2-7b",
        "vertex_ai/claude-sonnet-4@20250514",
        "openai/ft:gpt-4o:org::id",
    ],
)
def test_models_as_providers_name_them(model: str) -> None:
    assert model_problem(model) == ""


@pytest.mark.parametrize(
    "model",
    [
        "gpt-4o",
        "",
        "/",
        "openai/",
        "Openai/x",
        "huggingface/https://evil.example/v1",
        "huggingface/http:/x/../y",
        "gemini/../../v1/files",
        "gemini/x?key=1",
        "gemini/x#y",
        "openai/a b",
        "openai/a\n",
        "openai/%2e%2e",
        "openai//x",
        "openai/" + "x" * 300,
    ],
)
def test_a_model_that_would_be_an_address_or_nothing_is_refused(model: str) -> None:
    assert refused(model, OPENAI_API_KEY="k").type == "input_invalid"


def test_a_missing_key_is_told_without_loading_litellm() -> None:
    call = ModelCall("critic", "openai/gpt-4o", ({"role": "user", "content": "Hi"},))
    asked = Attempt("run", "review/call#1", "review", "critic", 1, call, Permissions())

    outcome = asyncio.run(Live().ask(asked, Context(FixedClock(), {})))

    assert isinstance(outcome, CallFailed)
    assert outcome.failure.type == "authentication"
    assert "litellm" not in sys.modules
