"""One attempt at one call: a pipe of small steps, from a call to an outcome that may become an event."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import msgspec
from msgspec.structs import replace

from runner.ground.errors import Failure
from runner.record.gates import Gate
from runner.record.usage import Usage
from runner.world.calls import (
    Attempt,
    Call,
    CallDone,
    CallFailed,
    Context,
    ModelCall,
    NoReply,
    Outcome,
    Performer,
    Printout,
    ServerCall,
)
from runner.world.checked_outputs import checked
from runner.world.kept_outputs import told
from runner.world.program_exits import cut_short
from runner.world.providers.contract import Provider
from runner.world.providers.replayed import Replay
from runner.world.providers.scripted import Script
from runner.world.secrets import CutReference, Secrets
from runner.world.tools.mcp import load_sdk
from runner.world.wanted_calls import calls_in_vain


class Executor(msgspec.Struct, frozen=True):
    """Performs a run's attempts: asks its provider or its performers, or takes the reply that a script has for them.

    Calls hold references in the place of secrets: they are revealed for the call alone, and masked in its outcome.
    """

    provider: Provider
    performers: Mapping[type[Call], Performer]
    script: Script | None
    secrets: Secrets
    context: Context
    streamed: Callable[[str], None] = lambda _step: None
    """Is told of a step whose attempt has ended: what was held back of its streamed text is shown."""
    replay: Replay | None = None
    """The cassette that the run is replayed from."""

    async def perform(self, attempt: Attempt, printout: Printout | None = None) -> Outcome:
        """Run one attempt to its end. Never raises but for cancellation; nothing secret is in what it returns.

        `printout` tells what its program prints.
        """
        noted = printout or Printout()
        try:
            outcome = await self._replayed(attempt) or await self._for_real(attempt, noted)
        except CutReference:
            words = (
                "a part of a secret, or a secret that was changed, would be passed on: it can only be passed on whole"
            )
            hint = "use {{ inputs.NAME }} by itself, and let what is given the secret cut or encode it"
            outcome = CallFailed(Failure("input_invalid", f"{words}; {hint}"))
            noted.gates.append(Gate("secret", "", allowed=False, why=words))
        except Exception as error:  # noqa: BLE001 - a mistake of ours must fail the step, not lose the run
            used = Usage(attempt.call.model, counted=False) if isinstance(attempt.call, ModelCall) else None
            outcome = CallFailed(Failure("unknown", f"{type(error).__name__}: {error}"), usage=used)
        self.streamed(attempt.step)
        noted.gates += calls_in_vain(attempt.call, outcome)
        if self.secrets.any:
            noted.gates = [_masked_gate(gate, self.secrets) for gate in noted.gates]
        outcome = _masked(outcome, self.secrets)
        if not attempt.is_told or self._is_replayed(attempt):  # a cassette holds what was told
            return outcome
        return await asyncio.to_thread(told, attempt.call, outcome, self.context.kept)

    def _is_replayed(self, attempt: Attempt) -> bool:
        return self.replay is not None and self.replay.holds(attempt.call)

    async def _replayed(self, attempt: Attempt) -> Outcome | None:
        """What a cassette has for a call; None for what is done for real."""
        if self.replay is None or not self._is_replayed(attempt):
            return None
        return await self.replay.ask(attempt, self.context)

    async def _for_real(self, attempt: Attempt, printout: Printout) -> Outcome:
        revealed = _revealed(attempt, self.secrets)
        printout.gates += _secrets_in(attempt, self.secrets) if revealed.reveals else ()
        outcome = await self._in_time(revealed, replace(self.context, printout=printout))
        if self.replay is not None:
            await self.replay.wait_turn(attempt.step)
        return outcome

    async def _in_time(self, attempt: Attempt, context: Context) -> Outcome:
        if isinstance(attempt.call, ModelCall):
            await self.provider.prepare(attempt.call.model, context)
        elif isinstance(attempt.call, ServerCall) and attempt.cue is None:
            await load_sdk()
        try:
            async with asyncio.timeout(attempt.timeout):
                return await self._ask(attempt, context)
        except TimeoutError:
            failure = Failure("timeout", f"no end after {attempt.timeout:g} s{context.printout.said}")
            if isinstance(attempt.call, ModelCall):
                return CallFailed(failure, usage=Usage(attempt.call.model, counted=False))
            return cut_short(attempt.call, failure, context.printout.read())

    async def _ask(self, attempt: Attempt, context: Context) -> Outcome:
        if isinstance(attempt.call, ModelCall):
            return await self.provider.ask(attempt, context)
        scripted = self.script.reply(attempt) if self.script is not None else None
        given = scripted if scripted is not None else await self.performers[type(attempt.call)](attempt, context)
        if getattr(attempt.call, "output_schema", None) is None:
            return given
        return await asyncio.to_thread(checked, attempt.call, given)


def _revealed(attempt: Attempt, secrets: Secrets) -> Attempt:
    """The attempt with the secrets in its call. Raises CutReference."""
    if not secrets.any:
        return attempt
    given = {name: getattr(attempt.call, name) for name in attempt.call.__struct_fields__}
    fields = {name: secrets.reveal(value) for name, value in given.items()}
    return replace(attempt, call=replace(attempt.call, **fields), reveals=fields != given)


def _secrets_in(attempt: Attempt, secrets: Secrets) -> list[Gate]:
    """The secrets that a call is given, by name."""
    text = msgspec.json.encode(attempt.call).decode()
    return [Gate("secret", name) for name in secrets.names if secrets.stands_in(name, text)]


def _masked_gate(gate: Gate, secrets: Secrets) -> Gate:
    return replace(gate, what=secrets.mask_parts(gate.what), why=secrets.mask_parts(gate.why))


def _masked(outcome: Outcome, secrets: Secrets) -> Outcome:
    if not secrets.any:
        return outcome
    if isinstance(outcome, NoReply):
        return NoReply(secrets.mask(outcome.message), outcome.kind)
    output = secrets.mask(outcome.output)
    usage = outcome.usage and replace(outcome.usage, model=secrets.mask(outcome.usage.model))
    if isinstance(outcome, CallDone):
        return CallDone(output, usage, outcome.left)
    failure = outcome.failure
    message, details = secrets.mask_parts([failure.message, dict(failure.details)])
    return CallFailed(Failure(failure.type, message, details, failure.retry_after), output, usage)
