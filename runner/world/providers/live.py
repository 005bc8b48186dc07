"""Live providers: who is asked for a model, and what that takes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from threading import Thread

from msgspec.structs import replace

from runner.ground.errors import Failure, InvalidWorkflow
from runner.record.gates import Gate
from runner.workflow.money import Price
from runner.world.calls import Attempt, CallFailed, Context, NoReply, Outcome
from runner.world.providers.contract import model_call
from runner.world.providers.direct import Direct
from runner.world.providers.endpoints import Endpoint, Known, find_endpoint
from runner.world.providers.local import Local
from runner.world.providers.own import own_providers
from runner.world.providers.through_litellm import LiteLLM
from runner.world.providers.weights import LOCAL


class Live:
    """Asks models over the network: servers of OpenAI's protocol directly, all others by litellm."""

    def __init__(self) -> None:
        self._direct = Direct()
        self._local = Local(self._direct)
        self._litellm = LiteLLM()
        self._own: Mapping[str, Known] | None = None

    def begin(self, models: Iterable[str], context: Context) -> None:
        """See Provider."""
        found = (self._find(model, context) for model in models)
        loading = {(self._asker(one), one) for one in found if isinstance(one, Endpoint)}
        for asker, endpoint in loading:
            Thread(
                target=asker.load, args=(endpoint,), daemon=True
            ).start()  # nobody waits for it who has nothing more to ask

    async def prepare(self, model: str, context: Context) -> None:
        """Load what asks the model, if there is somebody to ask. See Provider."""
        endpoint = self._find(model, context)
        if isinstance(endpoint, Endpoint):
            await asyncio.to_thread(self._asker(endpoint).load, endpoint)

    async def ask(self, attempt: Attempt, context: Context) -> Outcome:
        """Answer a model call. See Provider."""
        endpoint = self._find(model_call(attempt).model, context)
        if isinstance(endpoint, Failure):
            return CallFailed(endpoint)
        context.passed(Gate("model", endpoint.model, host=endpoint.host))
        outcome = await self._asker(endpoint).ask(attempt, context, endpoint)
        return _priced(outcome, model_call(attempt).price)

    async def close(self) -> None:
        """See Provider."""
        await self._local.close()
        await self._direct.close()

    def _find(self, model: str, context: Context) -> Endpoint | Failure:
        """Where a model is asked, by the user's settings as they were when the first one was."""
        try:
            self._own = own_providers(context.environment) if self._own is None else self._own
        except InvalidWorkflow as error:  # they could be used as the run began in this process
            return Failure("input_invalid", str(error.problems[0]))
        return find_endpoint(model, context.environment, self._own)

    def _asker(self, endpoint: Endpoint) -> Direct | LiteLLM | Local:
        if endpoint.provider == LOCAL:
            return self._local
        return self._direct if endpoint.direct else self._litellm


def _priced(outcome: Outcome, own: Price | None) -> Outcome:
    """An outcome that costs what the workflow says of its model, where it does."""
    if own is None or isinstance(outcome, NoReply) or outcome.usage is None or not outcome.usage.counted:
        return outcome
    usage = outcome.usage
    return replace(outcome, usage=replace(usage, cost_usd=own.of(usage.prompt_tokens, usage.reply_tokens)))
