"""One attempt at one call: a pipe of small steps, from a call to an outcome that may become an event."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from runner.ground.errors import Failure
from runner.world.calls import AnyCall, Attempt, Call, CallDone, CallFailed, Context, ModelCall, Outcome, Performer
from runner.world.providers.contract import Provider
from runner.world.providers.scripted import Script
from runner.world.secrets import Secrets


class World(msgspec.Struct, frozen=True):
    """All that attempts reach: the provider of models, the other performers, scripted replies, the run's secrets."""

    provider: Provider
    performers: Mapping[type[Call], Performer]
    script: Script | None
    secrets: Secrets
    context: Context


async def perform(attempt: Attempt, world: World) -> Outcome:
    """Run one attempt to its end. Never raises but for cancellation; nothing secret is in what it returns."""
    revealed = replace(attempt, call=_revealed(attempt.call, world.secrets))
    try:
        outcome = await _in_time(revealed, world)
    except Exception as error:  # noqa: BLE001 - a mistake of ours must fail the step, not lose the run
        outcome = CallFailed(Failure("unknown", f"{type(error).__name__}: {error}"))
    return _masked(outcome, world.secrets)


def _revealed(call: AnyCall, secrets: Secrets) -> AnyCall:
    fields = {name: secrets.reveal(getattr(call, name)) for name in call.__struct_fields__}
    return msgspec.structs.replace(call, **fields)


async def _in_time(attempt: Attempt, world: World) -> Outcome:
    if isinstance(attempt.call, ModelCall):
        await world.provider.prepare(attempt, world.context)
    try:
        async with asyncio.timeout(attempt.timeout):
            return await _ask(attempt, world)
    except TimeoutError:
        return CallFailed(Failure("timeout", f"no end after {attempt.timeout:g} s"))


async def _ask(attempt: Attempt, world: World) -> Outcome:
    if isinstance(attempt.call, ModelCall):
        return await world.provider.ask(attempt, world.context)
    scripted = world.script.reply(attempt) if world.script is not None else None
    if scripted is not None:
        return scripted
    return await world.performers[type(attempt.call)](attempt, world.context)


def _masked(outcome: Outcome, secrets: Secrets) -> Outcome:
    if isinstance(outcome, CallDone):
        return replace(outcome, output=secrets.mask(outcome.output))
    failure = outcome.failure
    details = secrets.mask(dict(failure.details))
    shown = Failure(failure.type, secrets.mask(failure.message), details, failure.retry_after)
    return replace(outcome, failure=shown, output=secrets.mask(outcome.output))
