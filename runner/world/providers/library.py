"""litellm, loaded late, quiet and kept in bounds: no `.env`, no download, no log, no retry, no redirect."""

from __future__ import annotations

import logging
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from runner.world.providers.exchange import listen

_IMPORTING = {
    "LITELLM_MODE": "PRODUCTION",  # else it loads the nearest `.env` into the environment
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it downloads the price list
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",  # else it downloads that list at the first call
    "LITELLM_LOG": "CRITICAL",  # a level that it does not know would end the import
}
_LOGGERS = ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy")
_PACKAGES = ("litellm", "openai", "httpx", "httpcore")
_loading = threading.Lock()


def load_litellm() -> Any:
    """litellm, ready for use. Takes seconds the first time: not for the event loop's own thread."""
    with _loading:
        return _load()


@cache
def _load() -> Any:
    for name in _LOGGERS:
        logging.getLogger(name).disabled = True
    for name in _PACKAGES:  # their modules log by their own names: without a handler, warnings go to stderr
        logging.getLogger(name).addHandler(logging.NullHandler())
        logging.getLogger(name).propagate = False
    with _environment(_IMPORTING):
        import litellm  # noqa: PLC0415 - takes seconds and 165 MB: only when a model is really asked
        from litellm import anthropic_beta_headers_manager as headers  # noqa: PLC0415 - a part of it
        from litellm.litellm_core_utils import default_encoding  # noqa: F401, PLC0415 - sets a variable, now or later

        headers.get_provider_name("anthropic")  # reads its list now, while it must not be downloaded
    warnings.filterwarnings("ignore", "Pydantic serializer warnings", UserWarning)  # of what a server has sent
    warnings.filterwarnings("ignore", module=r"(litellm|openai|httpx)\.")
    litellm.suppress_debug_info = True  # else it prints to stdout
    litellm.disable_hf_tokenizer_download = True
    litellm.disable_aiohttp_transport = True  # aiohttp's sessions complain on stderr when a loop ends with one open
    litellm.drop_params = False  # LITELLM_DROP_PARAMS may have set it
    litellm.modify_params = False
    _hear_all(litellm.in_memory_llm_clients_cache)
    return litellm


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """The environment with `values`; afterwards as it was, whatever was set meanwhile."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]
        os.environ.update(before)


def _hear_all(clients: Any) -> None:
    """Have what is answered to every HTTP client that litellm makes pass by `exchange`.

    None follows a redirect, which would take x-api-key along.
    """
    keep = clients.set_cache

    def set_cache(key: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        for client in (value, getattr(value, "client", None), getattr(value, "_client", None)):
            if client is not None and hasattr(client, "follow_redirects"):
                client.follow_redirects = False
                listen(client)
        return keep(key, value, *args, **kwargs)

    clients.set_cache = set_cache
