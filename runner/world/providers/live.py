"""Live providers: who is asked for a model, and what that takes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from threading import Thread

from msgspec.structs import replace

from runner.ground.errors import Failure
from runner.record.gates import Gate
from runner.workflow.money import Price
from runner.world.calls import Attempt, CallFailed, Context, NoReply, Outcome
from runner.world.providers.contract import model_call
from runner.world.providers.direct import Direct
from runner.world.providers.endpoints import Endpoint, find_endpoint
from runner.world.providers.through_litellm import LiteLLM


class Live:
    """Asks models over the network: servers of OpenAI's protocol directly, all others by litellm."""

    def __init__(self) -> None:
        self._direct = Direct()
        self._litellm = LiteLLM()

    def begin(self, models: Iterable[str], context: Context) -> None:
        """See Provider."""
        found = (find_endpoint(model, context.environment) for model in models)
        for asker in {self._asker(endpoint) for endpoint in found if isinstance(endpoint, Endpoint)}:
            Thread(target=asker.load, daemon=True).start()  # nobody waits for it who has nothing more to ask

    async def prepare(self, model: str, context: Context) -> None:
        """Load what asks the model, if there is somebody to ask. See Provider."""
        endpoint = find_endpoint(model, context.environment)
        if isinstance(endpoint, Endpoint):
            await asyncio.to_thread(self._asker(endpoint).load)

    async def ask(self, attempt: Attempt, context: Context) -> Outcome:
        """Answer a model call. See Provider."""
        endpoint = find_endpoint(model_call(attempt).model, context.environment)
        if isinstance(endpoint, Failure):
            return CallFailed(endpoint)
        context.passed(Gate("model", endpoint.model, host=endpoint.host))
        outcome = await self._asker(endpoint).ask(attempt, context, endpoint)
        return _priced(outcome, model_call(attempt).price)

    async def close(self) -> None:
        """See Provider."""
        await self._direct.close()

    def _asker(self, endpoint: Endpoint) -> Direct | LiteLLM:
        return self._direct if endpoint.direct else self._litellm


def _priced(outcome: Outcome, own: Price | None) -> Outcome:
    """An outcome that costs what the workflow says of its model, where it does."""
    if own is None or isinstance(outcome, NoReply) or outcome.usage is None or not outcome.usage.counted:
        return outcome
    usage = outcome.usage
    return replace(outcome, usage=replace(usage, cost_usd=own.of(usage.prompt_tokens, usage.reply_tokens)))
