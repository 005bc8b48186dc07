"""Where a model is reached, and with which key: from the environment alone, never from a workflow."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from runner.ground.errors import Failure, did_you_mean

Environment = Mapping[str, str]

OFFLINE = "or run offline: --mock FILE"


class Known(msgspec.Struct, frozen=True):
    """What a provider takes from the environment: the first variable that is set counts.

    `address` is used when no variable in `bases` is set; requests go to `path` below it. `direct`: it speaks OpenAI's
    protocol, and is asked without litellm. `takes_schema`: all its models can be held to a JSON Schema; of the others
    the price list says which.
    """

    keys: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
    needs_key: bool = True
    needs_base: bool = False
    direct: bool = False
    takes_schema: bool = False
    address: str = ""
    path: str = ""


_OLLAMA = Known(
    keys=("OLLAMA_API_KEY",),
    bases=("OLLAMA_API_BASE",),
    needs_key=False,
    direct=True,
    address="http://localhost:11434",
    path="/v1",
)

KNOWN: dict[str, Known] = {
    "anthropic": Known(("ANTHROPIC_API_KEY",), ("ANTHROPIC_BASE_URL", "ANTHROPIC_API_BASE")),
    "azure": Known(("AZURE_API_KEY",), ("AZURE_API_BASE",), needs_base=True),
    "cerebras": Known(("CEREBRAS_API_KEY",), ("CEREBRAS_API_BASE",)),
    "cohere": Known(("COHERE_API_KEY", "CO_API_KEY")),
    "deepseek": Known(("DEEPSEEK_API_KEY",), ("DEEPSEEK_API_BASE",)),
    "fireworks_ai": Known(("FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY"), ("FIREWORKS_API_BASE",)),
    "gemini": Known(("GEMINI_API_KEY", "GOOGLE_API_KEY"), ("GEMINI_API_BASE",)),
    "groq": Known(("GROQ_API_KEY",), ("GROQ_API_BASE",)),
    "hosted_vllm": Known(
        ("HOSTED_VLLM_API_KEY",), ("HOSTED_VLLM_API_BASE",), needs_key=False, needs_base=True, direct=True
    ),
    "llamafile": Known(
        ("LLAMAFILE_API_KEY",),
        ("LLAMAFILE_API_BASE",),
        needs_key=False,
        direct=True,
        address="http://127.0.0.1:8080/v1",
    ),
    "lm_studio": Known(("LM_STUDIO_API_KEY",), ("LM_STUDIO_API_BASE",), needs_key=False, needs_base=True, direct=True),
    "mistral": Known(("MISTRAL_API_KEY",), ("MISTRAL_API_BASE",)),
    "ollama": _OLLAMA,
    "ollama_chat": _OLLAMA,
    "openai": Known(
        ("OPENAI_API_KEY",), ("OPENAI_BASE_URL", "OPENAI_API_BASE"), direct=True, address="https://api.openai.com/v1"
    ),
    "openrouter": Known(("OPENROUTER_API_KEY",), ("OPENROUTER_API_BASE",)),
    "perplexity": Known(("PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY"), ("PERPLEXITY_API_BASE",)),
    "together_ai": Known(("TOGETHERAI_API_KEY", "TOGETHER_API_KEY"), ("TOGETHER_AI_API_BASE",)),
    "xai": Known(("XAI_API_KEY",), ("XAI_API_BASE",)),
    "huggingface": Known(("HUGGINGFACE_API_KEY", "HF_TOKEN")),
    "watsonx": Known(("WATSONX_APIKEY", "WATSONX_API_KEY"), ("WATSONX_URL", "WATSONX_API_BASE"), needs_base=True),
    **{
        name: Known((f"{name.upper()}_API_KEY",))
        for name in (
            *("ai21", "baseten", "codestral", "dashscope", "deepinfra", "featherless_ai", "github", "moonshot"),
            *("novita", "nvidia_nim", "replicate", "sambanova", "vercel_ai_gateway", "volcengine"),
        )
    },
}
"""Providers whose variables are known here. litellm knows more, and reads theirs itself."""

# No empty part, no `..`, no `?#%`: litellm makes addresses of some names (huggingface/http://… is asked, key and all).
_LISTED = re.compile(r"^class LlmProviders\(.*?^class ", re.DOTALL | re.MULTILINE)
_NAMED = re.compile(r'^    [A-Z0-9_]+ = "([^"]+)"', re.MULTILINE)

_MODEL = re.compile(r"[a-z0-9_]+(/@?[A-Za-z0-9][A-Za-z0-9._:@+-]*)+")
_LONGEST_MODEL = 256


class Endpoint(msgspec.Struct, frozen=True):
    """Where and how one model is asked: directly, or by litellm. `key_name` is the key's variable.

    `has_list_price`: the price list speaks of this model, not of one of somebody's own that has its name.
    """

    model: str
    base: str = ""
    key: str = ""
    key_name: str = ""
    takes_schema: bool = False
    direct: bool = False
    has_list_price: bool = True

    @property
    def name(self) -> str:
        """What the provider itself calls the model."""
        return self.model.partition("/")[2]

    @property
    def host(self) -> str:
        """The host that the environment names, or nothing: then it is the provider's own."""
        parts = urlsplit(self.base)
        return f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or ""


def model_problem(model: str) -> str:
    """What is wrong with a model's name as a name, or nothing."""
    if len(model) <= _LONGEST_MODEL and _MODEL.fullmatch(model):
        return ""
    return f"'{model[:80]}' is no model: write provider/name, such as openai/gpt-4o-mini"


def find_endpoint(model: str, environment: Environment) -> Endpoint | Failure:
    """Where `model` is asked. A Failure where its name, its key or its address can't be used."""
    if (unusable := _unusable(model)) is not None:
        return unusable
    provider = model.partition("/")[0]
    known = KNOWN.get(provider, Known(needs_key=False))
    key_name = _first_set(known.keys, environment)
    base_name = _first_set(known.bases, environment)
    base = environment.get(base_name, known.address).rstrip("/")
    if known.needs_key and not key_name:
        return _missing(model, "a key", known.keys[0])
    if known.needs_base and not base_name:
        return _missing(model, "an address", known.bases[0])
    if base and not _is_address(base):
        return Failure(
            "input_invalid", f"{base_name} is no address: write it in full, such as http://localhost:8000/v1"
        )
    key = environment.get(key_name, "")
    if known.path:
        base = base.removesuffix(known.path) + known.path
    has_list_price = known.needs_key or provider not in KNOWN
    return Endpoint(model, base, key, key_name, known.takes_schema, known.direct, has_list_price)


def _unusable(model: str) -> Failure | None:
    if problem := model_problem(model):
        return Failure("input_invalid", problem)
    problem = unknown_provider(model)
    return Failure("provider_unavailable", problem) if problem else None


def _missing(model: str, what: str, variable: str) -> Failure:
    return Failure("authentication", f"{model} needs {what}: set {variable}, {OFFLINE}", {"variable": variable})


def _first_set(names: tuple[str, ...], environment: Environment) -> str:
    return next((name for name in names if environment.get(name)), "")


def _is_address(base: str) -> bool:
    try:
        parts = urlsplit(base)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def unknown_provider(model: str) -> str:
    """What is to be said of a model whose provider litellm does not know; nothing of any other."""
    provider = model.partition("/")[0]
    if provider in KNOWN or not (listed := _listed()) or provider in listed:
        return ""
    return f"there is no provider '{provider}' (of model '{model}'){did_you_mean(provider, list(KNOWN))}"


@cache
def _listed() -> frozenset[str]:
    """The providers that litellm knows, read from its source: to import it takes seconds. Empty if it can't be read."""
    package = find_spec("litellm")
    try:
        source = Path(package.origin or "").parent.joinpath("types", "utils.py").read_text("utf-8") if package else ""
    except OSError:
        return frozenset()
    found = _LISTED.search(source)
    return frozenset(_NAMED.findall(found.group())) if found else frozenset()
