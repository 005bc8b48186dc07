"""Small models that run within this process: llama.cpp's own server, on loopback, asked as any other server is."""

from __future__ import annotations

import asyncio
import os
from threading import Lock
from typing import Any

from msgspec.structs import replace

from runner.world.calls import Attempt, Context, Outcome
from runner.world.providers.direct import Direct
from runner.world.providers.endpoints import Endpoint
from runner.world.providers.weights import weights_of

_LONGEST_CONVERSATION = 8192
"""Tokens: what SmolLM2 was trained for."""


class Local:
    """Asks local models. Each has a server of its own, which is started once a run needs it, and ends with the run."""

    def __init__(self, direct: Direct) -> None:
        self._direct = direct
        self._servers: dict[str, Any] = {}
        self._starting = Lock()
        self._key = os.urandom(16).hex()  # noqa: TID251 - other users of this machine may not guess it

    def load(self, endpoint: Endpoint) -> None:
        """Start the model's server, which takes seconds: not for the event loop's own thread."""
        self._direct.load(endpoint)
        with self._starting:
            if endpoint.name not in self._servers:
                self._servers[endpoint.name] = _serve(endpoint.name, self._key)

    async def ask(self, attempt: Attempt, context: Context, endpoint: Endpoint) -> Outcome:
        """Answer the attempt's model call, which `endpoint` is for. See Provider."""
        await asyncio.to_thread(self.load, endpoint)
        base, key = self.reached(endpoint.name)
        return await self._direct.ask(attempt, context, replace(endpoint, base=base, key=key))

    def reached(self, name: str) -> tuple[str, str]:
        """Where the server of a model is that was loaded, and the key that it wants."""
        return f"{self._servers[name].listening_address}/v1", self._key

    async def close(self) -> None:
        """End the servers, which takes a moment."""
        if self._servers:
            await asyncio.to_thread(self._servers.clear)


def _serve(name: str, key: str) -> Any:
    import xllamacpp  # noqa: PLC0415 - a library of 100 MB: only where a local model is really asked

    settings = xllamacpp.CommonParams()
    settings.model.path = str(weights_of(name))
    settings.hostnames, settings.port = ["127.0.0.1"], 0
    settings.api_keys = [key]
    settings.offline, settings.ui = True, False
    settings.n_ctx, settings.warmup = _LONGEST_CONVERSATION, False
    settings.verbosity = -1  # else it logs to stderr
    return xllamacpp.Server(settings)
