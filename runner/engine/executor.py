"""One attempt at one call: a pipe of small steps, from a call to an outcome that may become an event."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from runner.ground.errors import Failure
from runner.world.calls import (
    AnyCall,
    Attempt,
    Call,
    CallDone,
    CallFailed,
    Context,
    ModelCall,
    Outcome,
    Performer,
    Printout,
)
from runner.world.program_exits import cut_short
from runner.world.providers.contract import Provider
from runner.world.providers.scripted import Script
from runner.world.secrets import Secrets


class Executor(msgspec.Struct, frozen=True):
    """Performs a run's attempts: asks its provider or its performers, or takes the reply that a script has for them.

    Calls hold references in the place of secrets: they are revealed for the call alone, and masked in its outcome.
    """

    provider: Provider
    performers: Mapping[type[Call], Performer]
    script: Script | None
    secrets: Secrets
    context: Context

    async def perform(self, attempt: Attempt, printout: Printout | None = None) -> Outcome:
        """Run one attempt to its end. Never raises but for cancellation; nothing secret is in what it returns.

        `printout` tells what its program prints.
        """
        revealed = replace(attempt, call=_revealed(attempt.call, self.secrets))
        try:
            outcome = await self._in_time(revealed, replace(self.context, printout=printout or Printout()))
        except Exception as error:  # noqa: BLE001 - a mistake of ours must fail the step, not lose the run
            outcome = CallFailed(Failure("unknown", f"{type(error).__name__}: {error}"))
        return _masked(outcome, self.secrets)

    async def _in_time(self, attempt: Attempt, context: Context) -> Outcome:
        if isinstance(attempt.call, ModelCall):
            await self.provider.prepare(attempt, context)
        try:
            async with asyncio.timeout(attempt.timeout):
                return await self._ask(attempt, context)
        except TimeoutError:
            failure = Failure("timeout", f"no end after {attempt.timeout:g} s{context.printout.said}")
            return cut_short(attempt.call, failure, context.printout.read())

    async def _ask(self, attempt: Attempt, context: Context) -> Outcome:
        if isinstance(attempt.call, ModelCall):
            return await self.provider.ask(attempt, context)
        scripted = self.script.reply(attempt) if self.script is not None else None
        if scripted is not None:
            return scripted
        return await self.performers[type(attempt.call)](attempt, context)


def _revealed(call: AnyCall, secrets: Secrets) -> AnyCall:
    fields = {name: secrets.reveal(getattr(call, name)) for name in call.__struct_fields__}
    return replace(call, **fields)


def _masked(outcome: Outcome, secrets: Secrets) -> Outcome:
    if isinstance(outcome, CallDone):
        return replace(outcome, output=secrets.mask(outcome.output))
    failure = outcome.failure
    details = secrets.mask(dict(failure.details))
    shown = Failure(failure.type, secrets.mask(failure.message), details, failure.retry_after)
    return replace(outcome, failure=shown, output=secrets.mask(outcome.output))
